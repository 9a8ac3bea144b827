#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""fastopen.py SOURCE TARGET PORT COOKIE COUNT SECONDS [--data] [--reset] [--decoy]: sends COUNT SYNs with this Fast Open cookie (in hex) over SECONDS
seconds, each from a port of its own. Nobody answers their SYN-ACKs. --data: each SYN has a greeting; --reset: a RST follows 50 ms later; --decoy: before
each a SYN without the cookie begins a handshake, and a RST takes that back; every other time the SYN that follows has the same number."""
import socket, struct, sys, time

source, target, port, cookie = sys.argv[1], sys.argv[2], int(sys.argv[3]), bytes.fromhex(sys.argv[4])
count, seconds = int(sys.argv[5]), float(sys.argv[6])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
SYN, RST = 2, 4


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def send(sport, seq, flags, options=b"", data=b""):
    header = struct.pack("!HHIIBBHHH", sport, port, seq, 0, (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", 6, len(header) + len(data))
    header = header[:16] + struct.pack("!H", checksum(pseudo + header + data)) + header[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(header) + len(data), 0, 0x4000, 64, 6, 0, socket.inet_aton(source), socket.inet_aton(target))
    raw.sendto(ip + header + data, (target, 0))


options = struct.pack("!BBHBB", 2, 4, 1460, 34, 2 + len(cookie)) + cookie
options += b"\1" * (-len(options) % 4)
data = b"EHLO fast\r\n" if "--data" in sys.argv else b""
for i in range(count):
    if "--decoy" in sys.argv:
        send(20000 + i, 1000000 * i + i % 2, SYN)
        time.sleep(0.01)
        send(20000 + i, 1000000 * i + i % 2 + 1, RST)
        time.sleep(0.01)
    send(20000 + i, 1000000 * i, SYN, options, data)
    if "--reset" in sys.argv:
        time.sleep(0.05)
        send(20000 + i, 1000000 * i + 1 + len(data), RST)
    time.sleep(seconds / count)
