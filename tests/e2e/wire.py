# SPDX-License-Identifier: BSD-2-Clause
"""Makes and reads segments by hand at the client's end of a test network, and opens sockets of either side in the test's own process. scripts.py
plays scripts in the manner of packetdrill with it, and test_forged.py forges segments on live connections."""
import select
import socket
import struct
import time

import tools
from net import inside

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "C": 128}
TCP_FASTOPEN, TCP_DEFER_ACCEPT = 23, 9


def listen(net, port, backlog=64, fastopen=False, defer=0):
    """Opens a listener on all addresses of both families, in the server's namespace, or in the one that net.listening names."""
    with inside(getattr(net, "listening", net.server)):
        s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    if fastopen:
        s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 64)
    if defer:
        s.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, defer)
    s.listen(backlog)
    s.settimeout(2)
    return s


def client(net, source, port=0, seconds=2):
    """Returns a bound socket of the client's kernel."""
    with inside(net.client):
        s = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(seconds)
    s.bind((source, port))
    return s


def reset(s):
    """Ends the connection by a RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def segment(source, target, sport, dport, flags, seq, ack=0, data=b"", options=b"", window=65535):
    """Returns an IP packet with a TCP segment. Flags are as tcpdump writes them."""
    options += b"\1" * (-len(options) % 4)
    bits = sum(FLAGS[f] for f in flags)
    seq, ack = seq & 0xFFFFFFFF, ack & 0xFFFFFFFF
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, (20 + len(options)) // 4 << 4, bits, window, 0, 0) + options
    a, b = packed(source), packed(target)
    length = len(tcp) + len(data)
    pseudo = a + b + (struct.pack("!HH", 6, length) if len(a) == 4 else struct.pack("!II", length, 6))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp + data)) + tcp[18:]
    if len(a) == 16:
        return struct.pack("!IHBB", 0x60000000, length, 6, 64) + a + b + tcp + data
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0, a, b)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp + data


OPTIONS = {2: "mss", 3: "ws", 4: "sack", 5: "sacks", 8: "ts", 34: "tfo"}


class Segment:
    """A segment that was heard. `options` is {name: its bytes}."""

    def __init__(self, packet):
        v4 = packet[0] >> 4 == 4
        head = (packet[0] & 15) * 4 if v4 else 40
        end = struct.unpack_from("!H", packet, 2)[0] if v4 else 40 + struct.unpack_from("!H", packet, 4)[0]
        self.source, self.target = (packet[12:16], packet[16:20]) if v4 else (packet[8:24], packet[24:40])
        tcp = packet[head:end]
        self.sport, self.dport, self.seq, self.ack, offset, bits, self.window = struct.unpack_from("!HHIIBBH", tcp)
        self.flags = "".join(f for f, bit in FLAGS.items() if bits & bit)
        self.data = tcp[(offset >> 4) * 4 :]
        self.options = dict(self.options_of(tcp[20 : (offset >> 4) * 4]))

    @staticmethod
    def options_of(text):
        while text and text[0]:
            if text[0] == 1:
                text = text[1:]
                continue
            yield OPTIONS.get(text[0], str(text[0])), text[2 : text[1]]
            text = text[text[1] or len(text) :]

    @property
    def next(self):
        return self.seq + len(self.data) + ("S" in self.flags) + ("F" in self.flags) & 0xFFFFFFFF


class Wire:
    """Sends packets at the client's end, and hears all that passes there in both directions."""

    def __init__(self, net):
        with inside(net.client):
            self.fd = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            self.fd.bind(("c0", 3))
        self.fd.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
        self.mac = bytes.fromhex(tools.server_mac(net).replace(":", ""))

    def send(self, packet):
        self.fd.sendto(packet, ("c0", 0x86DD if packet[0] >> 4 == 6 else 0x0800, 0, 0, self.mac))

    def hear(self, want, seconds=2.0):
        """Returns the next segment for which want(it) holds, or None. It hears what a Wire sends, too."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return None
            packet, where = self.fd.recvfrom(65536)
            if where[1] in (0x0800, 0x86DD) and packet[9 if packet[0] >> 4 == 4 else 6] == 6:
                got = Segment(packet)
                got.ours = where[2] == socket.PACKET_OUTGOING
                if want(got):
                    return got
        return None

    def close(self):
        self.fd.close()
