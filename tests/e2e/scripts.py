# SPDX-License-Identifier: BSD-2-Clause
"""Plays server scripts in the manner of packetdrill over a real link: text that says what a client sends and what the server does. The outcome is
what was heard, and what the server's calls returned; tests compare it with the outcome without sluice.

    > FLAGS SEQ[+LEN] [ack N] [win N] [OPTION...]   the client sends; numbers count from the SYN of each side; options: mss[=N] sack ts ws[=N]
                                                    tfo[=HEX] tfo=known (the cookie that was heard last)
    < [SECONDS]                                     the next segment from the server
    quiet SECONDS                                   all segments from the server until then
    listen [fastopen] [defer] | unlisten            opens or closes the listener; there is one in the beginning
    accept | read | write N | shut | close | reset  what the server does with the connection
    connect                                         the server opens a connection to the client's port, from the listener's
    isn N | port +N | wait SECONDS | drop           sets the number of the client's next SYN; takes another port; waits; forgets what was heard
"""
import errno
import itertools
import socket
import struct
import time

import wire
from net import SERVER, SERVER6, inside


def name_of(error):
    return "timeout" if isinstance(error, (TimeoutError, BlockingIOError)) else errno.errorcode.get(error.errno, str(error))


class Player:
    """Plays one script, from an address that no kernel answers for, at a port of the server that nobody else uses."""

    def __init__(self, net, source, port, first=40000, listening=True):
        self.net, self.source, self.port, self.sport, self.first = net, source, port, first, first
        self.target = SERVER6 if ":" in source else SERVER
        self.wire, self.said = wire.Wire(net), []
        self.isn, self.peer, self.last_ts, self.cookie = 1000000, 0, 0, b""
        self.clock = itertools.count(1000000)
        self.conn, self.listener = None, wire.listen(net, port) if listening else None

    def play(self, text, close=True):
        """Returns, line by line, what was heard and what calls returned. `close` says that this is the last scene."""
        self.said = []
        try:
            for line in filter(None, (raw.split("#")[0].strip() for raw in text.replace(";", "\n").splitlines())):
                verb, *words = line.split()
                said = getattr(self, {">": "do_send", "<": "do_hear"}.get(verb, "do_" + verb))(*words)
                if said is not None:
                    self.said.append(f"{line}: {said}" if verb != "<" else f"< {said}")
            return self.said
        finally:
            if close:
                self.close()

    def close(self):
        for thing in (self.conn, self.listener, self.wire):
            if thing:
                thing.close()

    def options_of(self, words):
        out = b""
        for word in words:
            name, _, value = word.partition("=")
            if name == "mss":
                out += struct.pack("!BBH", 2, 4, int(value or 1460))
            elif name == "sack":
                out += b"\x04\x02"
            elif name == "ws":
                out += struct.pack("!BBBB", 1, 3, 3, int(value or 7))
            elif name == "ts":
                out += struct.pack("!BBBBII", 1, 1, 8, 10, int(value) if value else next(self.clock), self.last_ts)
            elif name == "tfo":
                cookie = self.cookie if value == "known" else bytes.fromhex(value)
                out += struct.pack("!BB", 34, 2 + len(cookie)) + cookie
            elif name == "raw":
                out += bytes.fromhex(value)
            else:
                raise ValueError(word)
        return out

    def do_send(self, flags, at, *words):
        seq, _, length = at.partition("+")
        words, ack, win = list(words), 0, 65535
        while words and words[0] in ("ack", "win"):
            value = int(words[1])
            ack, win, words = (value, win, words[2:]) if words[0] == "ack" else (ack, value, words[2:])
        data = bytes(ord("a") + i % 26 for i in range(int(length or 0)))
        ack = self.peer + ack if "." in flags else 0
        self.wire.send(wire.segment(self.source, self.target, self.sport, self.port, flags, self.isn + int(seq), ack, data,
                                    self.options_of(words), win))

    def ours(self, s):
        return s.dport == self.sport and s.sport == self.port and s.target == wire.packed(self.source) and not s.ours

    def tell(self, s):
        if "S" in s.flags:
            self.peer = s.seq
        if "ts" in s.options:
            self.last_ts = struct.unpack("!II", s.options["ts"])[0]
        self.cookie = s.options.get("tfo") or self.cookie
        seq, ack = (s.seq - self.peer) & 0xFFFFFFFF, (s.ack - self.isn) & 0xFFFFFFFF
        shown = {"mss": lambda v: f"={int.from_bytes(v, 'big')}", "ws": lambda v: f"={v[0]}", "tfo": lambda v: f"={len(v)}"}
        options = " ".join(n + shown.get(n, lambda v: "")(v) for n, v in s.options.items())
        # A RST takes its number from the ACK of the segment that it answers, or is 0.
        seq = "0" if "R" in s.flags and not s.seq else str(seq)
        # PSH is left out: the measured round trip decides how a write is cut into bursts (tcp_tso_autosize), each of which ends with PSH.
        flags = s.flags.replace("P", "") if s.data else s.flags
        return f"{flags} {seq}+{len(s.data)}{f' ack {ack}' if '.' in s.flags else ''}{' ' if options else ''}{options}"

    def do_hear(self, seconds="2"):
        got = self.wire.hear(self.ours, float(seconds))
        return self.tell(got) if got else "nothing"

    def do_quiet(self, seconds):
        end, heard = time.monotonic() + float(seconds), []
        while (left := end - time.monotonic()) > 0:
            got = self.wire.hear(self.ours, left)
            if got:
                heard.append(self.tell(got))
        return ", ".join(heard) or "nothing"

    def do_drop(self):
        while self.wire.hear(lambda s: True, 0.01):
            pass

    def do_listen(self, *how):
        if self.listener:
            self.listener.close()
        self.listener = wire.listen(self.net, self.port, fastopen="fastopen" in how, defer=3 if "defer" in how else 0)

    def do_unlisten(self):
        self.listener.close()
        self.listener = None

    def attempt(self, what):
        try:
            return what()
        except OSError as e:
            return name_of(e)
        except AttributeError:
            return "there is none"

    def do_accept(self):
        def take():
            if self.conn:
                self.conn.close()
            self.conn = None
            self.conn, who = self.listener.accept()
            self.conn.settimeout(2)
            return f"from port {who[1] - self.first}"

        return self.attempt(take)

    def do_read(self):
        return self.attempt(lambda: f"{len(self.conn.recv(65536))} bytes")

    def do_write(self, count):
        return self.attempt(lambda: f"{self.conn.send(b'x' * int(count))} bytes")

    def do_shut(self):
        return self.attempt(lambda: self.conn.shutdown(socket.SHUT_WR))

    def end(self, how):
        if not self.conn:
            return "there is none"
        how(self.conn)
        self.conn = None

    def do_close(self):
        return self.end(lambda s: s.close())

    def do_reset(self):
        return self.end(wire.reset)

    def do_state(self):
        return self.attempt(lambda: f"tcp state {self.conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]}")

    def do_connect(self):
        with inside(self.net.server):
            self.conn = socket.socket(socket.AF_INET6 if ":" in self.source else socket.AF_INET)
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.conn.bind((self.target, self.port))
        self.conn.setblocking(False)
        self.conn.connect_ex((self.source, self.sport))
        self.conn.settimeout(2)

    def do_isn(self, number):
        self.isn = int(number)

    def do_port(self, by):
        self.sport += int(by)

    def do_wait(self, seconds):
        time.sleep(float(seconds))
