#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""crossed.py CLIENT SYNS REST ANSWERS: carries frames between the interface towards the client and those towards the server, which may be
the same. The client's SYNs go out through SYNS, everything else that it sends through REST. What the server sends through ANSWERS goes to the
client; what it sends through another one is lost, as on a path that leads elsewhere."""
import selectors, socket, sys

client, syns, rest, answers = sys.argv[1:]
SO_RCVBUFFORCE = 33


def interface(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((name, 3))  # ETH_P_ALL
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    s.setblocking(False)
    return s


ends = {name: interface(name) for name in {client, syns, rest, answers}}
watch = selectors.DefaultSelector()
for name, s in ends.items():
    watch.register(s, selectors.EVENT_READ, name)
print("ready", flush=True)


def ways(frame):
    ip = 14 + (frame[14] & 15) * 4 if frame[12:14] == b"\x08\x00" else 54
    protocol = frame[23] if frame[12:14] == b"\x08\x00" else frame[20]
    if frame[12:14] not in (b"\x08\x00", b"\x86\xdd") or protocol != 6:
        return {rest}
    return {syns} if frame[ip + 13] & 0x12 == 2 else {rest}


while True:
    for key, _ in watch.select():
        for _ in range(64):
            try:
                frame, address = key.fileobj.recvfrom(65536)
            except BlockingIOError:
                break
            if address[2] == socket.PACKET_OUTGOING:
                continue
            for way in ways(frame) if key.data == client else {client} if key.data == answers else ():
                ends[way].send(frame)
