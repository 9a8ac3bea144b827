#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""taken.py PORT [--lazy] [--keep]: a server that knows exactly how many connections it has. It accepts all that it can (--lazy: only after
the line `take`), greets, and closes what its client closed (--keep: only what was reset). Fast Open is on. It answers each line in JSON:
"held" are accepted and alive, "queue" could be accepted, "peak" is the most of both together so far, "taken" were accepted in all. The line
`close` closes all that is held, `take` accepts what waits."""
import json, select, socket, struct, sys, time

TCP_FASTOPEN = 23
lazy, keep = "--lazy" in sys.argv, "--keep" in sys.argv
listener = socket.socket(socket.AF_INET6)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
listener.bind(("::", int(sys.argv[1])))
listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 1024)
listener.listen(1024)
listener.setblocking(False)
held, quiet, peak, taken = {}, set(), 0, 0


def queue():
    """Returns the length of the accept queue, which a listener reports as tcpi_unacked."""
    return struct.unpack_from("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


def take():
    global taken
    while True:
        try:
            c, _ = listener.accept()
        except BlockingIOError:
            return
        taken += 1
        c.setblocking(False)
        held[c.fileno()] = c
        try:
            c.send(b"220 counted\r\n")
        except OSError:
            pass  # it was reset already, which obey() finds


def obey(fd):
    try:
        if held[fd].recv(65536):
            return
        if keep:
            quiet.add(fd)
            return
    except BlockingIOError:
        return
    except OSError:
        pass
    quiet.discard(fd)
    held.pop(fd).close()


def answer():
    print(json.dumps({"held": len(held), "queue": queue(), "peak": peak, "taken": taken}), flush=True)


print("ready", flush=True)
while True:
    ready, _, _ = select.select([sys.stdin] + [fd for fd in held if fd not in quiet], [], [], 0.01)
    if not lazy:
        take()
    for fd in [fd for fd in ready if fd in held] + [fd for fd in quiet]:
        obey(fd)
    peak = max(peak, queue() + len(held))
    if sys.stdin not in ready:
        continue
    word = sys.stdin.readline().strip()
    if not word:
        break
    if word == "take":
        take()
    elif word == "close":
        for fd in list(held):
            held.pop(fd).close()
        quiet.clear()
    answer()
