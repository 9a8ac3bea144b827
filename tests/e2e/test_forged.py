# SPDX-License-Identifier: BSD-2-Clause
"""Segments forged on the 4-tuple of a socket, in each of its states (gate.md, T1): its owner continues as without sluice, and
sluice counts what the kernel has. Each cell of the matrix is a client of its own; all are tried at once."""
import concurrent.futures
import contextlib
import itertools
import random
import select
import socket
import time

import pytest

import tools
import wire
from net import SERVER, Net, wait_for
from scripts import name_of

STATES = ("handshake", "established", "FIN-WAIT", "CLOSE-WAIT", "TIME-WAIT", "closed")
# name -> (flags, sequence number relative to the client's next, bytes of data, acknowledged number relative to the server's next, how often)
RANDOM = None
FORGED = {
    "SYN": ("S", RANDOM, 0, 0, 1),
    "SYN+data": ("S", RANDOM, 10, 0, 1),
    "SYN, its own number": ("S", -1, 0, 0, 1),
    "5 SYNs": ("S", RANDOM, 0, 0, 5),
    "ACK wrong number": (".", 0, 0, 77777, 1),
    "ACK right number": (".", 0, 0, 0, 1),
    "FIN wrong number": ("F.", 5000000, 0, 0, 1),
    "RST wrong number": ("R", 3, 0, 0, 1),
    "RST right number": ("R", 0, 0, 0, 1),
    "SYN+ACK": ("S.", RANDOM, 0, 0, 1),
    "SYN+ACK, its own number": ("S.", -1, 0, 0, 1),
}
CELLS = list(itertools.product(STATES, FORGED))
# The source's limit is full; or it has room for one, which another client of the source takes before the live side goes on.
PORTS = {"full": range(4000, 4032), "last": range(4100, 4132)}
AFTER = 4.0  # seconds after which all that a SYN may have taken has run out, and made its source a suspect



def services(excess):
    limits = {"full": 1, "last": 2}
    return "".join(f"service {name} {{ ports = {{{', '.join(map(str, ports))}}} max-connections-per-source = {limits[name]} on-excess = {excess} }}\n"
                   for name, ports in PORTS.items())


MODES = {
    f"cookies = {cookies}, {excess}": f"syn-flood {{ cookies = {cookies} }}\n" + services(excess)
    for cookies in ("true", "false") for excess in ("drop", "reset")
} | {"under pressure, reset": "syn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 9s }\n" + services("reset")}


class Cell:
    """One cell of the matrix: a client, the state of its connection, and what is forged on it."""

    def __init__(self, net, number, service, state, forged):
        self.net, self.service, self.state, self.forged = net, service, state, FORGED[forged]
        self.source, self.port = tools.source(number), PORTS[service][number % 32]
        self.seq = self.ack = self.client = self.server = self.other = None
        self.sport = 20000 + number

    def listener(self):
        return self.net.listeners[self.port]

    def connect(self):
        """Connects by the client's kernel from the very same port, and hears the numbers on the wire."""
        ears = wire.Wire(self.net)
        try:
            self.client = wire.client(self.net, self.source, self.sport, 2.5)
            self.client.connect((SERVER, self.port))
            ours = lambda s: {s.sport, s.dport} == {self.sport, self.port}
            answer = ears.hear(lambda s: ours(s) and s.flags == "S.")
            self.seq, self.ack = answer.ack, answer.seq + 1
            self.server = self.listener().take(self.sport)
        finally:
            ears.close()

    def reach(self):
        if self.state in ("handshake", "closed"):
            self.half_open()
            return
        self.connect()
        assert self.server, "nobody accepted"
        if self.state in ("FIN-WAIT", "TIME-WAIT"):
            self.server.shutdown(socket.SHUT_WR)
            self.ack += 1
            assert self.client.recv(1) == b""
        if self.state in ("CLOSE-WAIT", "TIME-WAIT"):
            self.client.shutdown(socket.SHUT_WR)
            self.seq += 1
            assert self.server.recv(1) == b""
        if self.state == "TIME-WAIT":
            self.client.close(), self.server.close()
            self.client = self.server = None

    def half_open(self):
        """Hears the SYN-ACK for the client, and does not answer it yet; in the state `closed` it sends nothing."""
        self.seq, self.ack = 700001, 1
        if self.state == "closed":
            return
        ears = wire.Wire(self.net)
        ears.send(wire.segment(self.source, SERVER, self.sport, self.port, "S", self.seq - 1))
        got = ears.hear(lambda s: s.dport == self.sport and s.sport == self.port and s.flags == "S.")
        ears.close()
        assert got, "no SYN-ACK"
        self.ack = got.seq + 1

    def forge(self):
        flags, seq, length, ack, times = self.forged
        ears = wire.Wire(self.net)
        for _ in range(times):
            at = random.getrandbits(32) if seq is RANDOM else self.seq + seq
            ears.send(wire.segment(self.source, SERVER, self.sport, self.port, flags, at, self.ack + ack if "." in flags else 0, b"f" * length))
            time.sleep(0.05)
        ears.close()

    def moves(self, a, b):
        """Returns True if bytes that a sends reach b, or else what happened instead."""
        try:
            a.send(b"hello")
            return b.recv(16) == b"hello"
        except OSError as e:
            return "timeout" if name_of(e) == "timeout" else "ended"

    def outcome(self):
        """Returns what the live side can still do."""
        if self.state in ("established", "FIN-WAIT"):
            up = self.moves(self.client, self.server)
        if self.state in ("established", "CLOSE-WAIT"):
            down = self.moves(self.server, self.client)
        if self.state == "established":
            return f"up {up}, down {down}"
        if self.state in ("FIN-WAIT", "CLOSE-WAIT"):
            return f"up {up}" if self.state == "FIN-WAIT" else f"down {down}"
        if self.state == "handshake":
            return self.complete()
        return self.again()

    def complete(self):
        """Sends the third segment of the handshake, with data."""
        ears = wire.Wire(self.net)
        for word in ("hello", "again"):
            ears.send(wire.segment(self.source, SERVER, self.sport, self.port, "P.", self.seq, self.ack, word.encode()))
            self.seq += 5
        got = ears.hear(lambda s: s.dport == self.sport and s.sport == self.port and "S" not in s.flags)
        ears.close()
        self.server = self.listener().take(self.sport)
        try:
            return f"answer {got and got.flags}, read {self.server and len(self.server.recv(10))}"
        except OSError as e:
            return f"answer {got and got.flags}, read {name_of(e)}"

    def again(self):
        """Lets the client come again from the same port."""
        try:
            self.connect()
        except OSError as e:
            return "connect: " + name_of(e)
        return f"again up {self.moves(self.client, self.server)}, down {self.moves(self.server, self.client)}"

    def take_last(self):
        """Lets another client of the source take the last slot."""
        self.other = wire.client(self.net, self.source, self.sport % 10000 + 50000, 2.5)
        try:
            self.other.connect((SERVER, self.port))
            return ", another served"
        except OSError as e:
            return ", another: " + name_of(e)

    def play(self):
        self.reach()
        self.forge()
        time.sleep(AFTER)
        other = self.take_last() if self.service == "last" else ""
        return self.outcome() + other

    def close(self):
        for s in (self.client, self.server, self.other):
            if s:
                s.close()


class Listener:
    """Accepts connections, and gives each to the cell from whose client's port it comes."""

    def __init__(self, net, port):
        self.socket = wire.listen(net, port)
        self.there = {}

    def take(self, sport, seconds=1.5):
        wait_for(lambda: sport in self.there, seconds, 0.02)
        s = self.there.pop(sport, None)
        if s:
            s.settimeout(2)
        return s


def accept_all(net, stop):
    by_fd = {l.socket.fileno(): l for l in net.listeners.values()}
    while not stop:
        for fd in select.select(list(by_fd), [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                s, who = by_fd[fd].socket.accept()
                by_fd[fd].there[who[1]] = s


def prepare(net):
    tools.any_source(net)
    net.run(net.client, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_syn_retries")
    net.run(net.server, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/tcp_invalid_ratelimit")
    net.deafen("tcp dport 30000-39999")


@pytest.fixture
def played():
    """played(net) -> {(service, state, forged): outcome}. The cells stay open, and are closed after the test."""
    with contextlib.ExitStack() as made:
        def play(net):
            net.listeners = {port: Listener(net, port) for ports in PORTS.values() for port in ports}
            cells = {}
            for number, (service, (state, forged)) in enumerate(itertools.product(PORTS, CELLS)):
                cell = cells[service, state, forged] = Cell(net, number, service, state, forged)
                cell.sport += 10000 if state == "handshake" else 0
                made.callback(cell.close)
            stop = []
            with concurrent.futures.ThreadPoolExecutor(len(cells) + 1) as pool:
                pool.submit(accept_all, net, stop)
                outcomes = list(pool.map(lambda cell: cell.play(), cells.values()))
                stop.append(1)
            for l in net.listeners.values():
                made.callback(l.socket.close)
                for s in l.there.values():
                    made.callback(s.close)
            return dict(zip(cells, outcomes))

        yield play


def live(net):
    out = net.run(net.server, "ss", "-Htno", "state", "connected", "( sport >= :4000 and sport <= :4131 )").stdout
    return sum(line.split()[0] not in ("SYN-RECV", "TIME-WAIT", "SYN-SENT") and "timer:(timewait" not in line for line in out.splitlines())


@pytest.fixture(scope="module")
def without():
    return {}


def expected(mode, without):
    """Returns the expected outcomes. A SYN cookie cannot be taken back, because nobody remembers that it was given."""
    want = dict(without)
    if "pressure" in mode:
        want["full", "handshake", "RST right number"] = "answer ., read 10"
        want["last", "handshake", "RST right number"] = "answer ., read 10, another served"
    return want


def matrix(got, want):
    for service, state in itertools.product(PORTS, STATES):
        row = [(forged, got[service, state, forged], want[service, state, forged]) for forged in FORGED]
        print(f"{service:6}{state:12}" + " ".join("same" if a == b else "DIFF" for _, a, b in row))
        for forged, a, b in row:
            if a != b:
                print(f"      {forged}: {a!r}; without sluice {b!r}")


@pytest.mark.parametrize("mode", MODES)
def test_the_owner_of_the_tuple_goes_on_as_without_sluice(make, played, without, mode):
    if not without:
        with contextlib.closing(Net()) as bare:
            prepare(bare)
            without.update(played(bare))
    net, sluice = make(MODES[mode])
    prepare(net)
    got = played(net)
    print(mode, "; columns:", ", ".join(FORGED))
    want = expected(mode, without)
    matrix(got, want)
    counted = lambda: sum(s["connections"] + s["reserved"] for s in sluice.json("status")["services"])
    same = wait_for(lambda: counted() == live(net), 6)
    print(f"sluice counts {counted()}, the kernel has {live(net)}")
    assert got == want
    assert same and sluice.json("status")["drift"] == 0
