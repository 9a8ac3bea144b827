#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""serve.py ADDRESS PORT [BACKLOG] [--no-accept]: a TCP server that greets, then obeys its client's letters: F close first, R reset, H half close."""
import selectors, socket, struct, sys

args = [a for a in sys.argv[1:] if not a.startswith("--")]
family = socket.AF_INET6 if ":" in args[0] else socket.AF_INET
listener = socket.socket(family)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
listener.bind((args[0], int(args[1])))
listener.listen(int(args[2]) if len(args) > 2 else 1024)
print("ready", flush=True)
watch = selectors.DefaultSelector()
if "--no-accept" not in sys.argv:
    listener.setblocking(False)
    watch.register(listener, selectors.EVENT_READ)


def end(c):
    watch.unregister(c)
    c.close()


def obey(c):
    try:
        said = c.recv(4096)
        if b"R" in said:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if not said or b"R" in said or b"F" in said:
            end(c)
        elif b"H" in said:
            c.shutdown(socket.SHUT_WR)
    except OSError:
        end(c)


while True:
    for key, _ in watch.select(1):
        if key.fileobj is not listener:
            obey(key.fileobj)
            continue
        try:
            while True:
                c, _ = listener.accept()
                c.setblocking(False)
                watch.register(c, selectors.EVENT_READ)
                c.send(b"220 sluice test\r\n")
        except OSError:
            pass
