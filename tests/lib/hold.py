#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""hold.py ADDRESS PORT SOURCE[,SOURCE...]: opens and holds connections as lines on standard input say, and answers each in JSON: open N (at
once) | count | close N | abandon | say LETTER | quit. A connection is held once the server has greeted it."""
import json, select, socket, sys, time

target, port, sources = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
held, opened = [], 0


def at(address, port):
    """Returns what a socket takes, with the interface of a link-local address."""
    return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][4]


class Connection:
    def __init__(self, source):
        self.state = "pending"
        self.sock = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
        self.sock.setblocking(False)
        self.sock.bind(at(source, 0))
        self.sock.connect_ex(at(target, port))

    def poll(self):
        try:
            got = self.sock.recv(4096)
            self.state = "greeted" if got else "ended"
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self.state = "refused"
        except OSError:
            self.state = "ended" if self.state == "greeted" else "refused" if self.state == "pending" else self.state


def count():
    for c in held:
        if c.state in ("pending", "greeted"):
            c.poll()
    return {s: sum(c.state == s for c in held) for s in ("pending", "greeted", "refused", "ended")}


for line in sys.stdin:
    word = line.split()
    if word[0] == "open":
        for _ in range(int(word[1])):
            held.append(Connection(sources[opened % len(sources)]))
            opened += 1
    elif word[0] == "close":
        for c in [c for c in held if c.state == "greeted"][: int(word[1])]:
            c.sock.close()
            held.remove(c)
    elif word[0] == "abandon":  # those that never got in
        for c in [c for c in held if c.state != "greeted"]:
            c.sock.close()
            held.remove(c)
    elif word[0] == "say":
        for c in held:
            if c.state == "greeted":
                c.sock.send(word[1].encode())
    elif word[0] == "quit":
        break
    print(json.dumps(count()), flush=True)
