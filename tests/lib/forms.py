#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""forms.py INTERFACE MAC TARGET TARGET6 PORT SECONDS: a TCP client that puts its segments into frames itself, in every form in which Linux
might find TCP. Reads lines of JSON. For a list of [form, source, port] it does these handshakes at once, for SECONDS, and answers what became
of each: null, "answered" or "greeted". For "forms" it answers the list of forms. For ["fuzz", SEED, COUNT, SOURCE, SOURCE6] it sends COUNT
random packets from as many sources, which begin with SOURCE or SOURCE6, and answers which of them the port answered: {number: frames}."""
import errno, json, os, random, select, socket, struct, sys, time

interface, mac, target4, target6, port, seconds = sys.argv[1:]
SYN, RST, ACK = 2, 4, 16
HOP, ROUTING, FRAGMENT, AUTH, DEST, TCP = 0, 43, 44, 51, 60, 6
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((interface, 3))
own = wire.getsockname()[4]


def fold(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def extension(kind, units=1, left=0):
    """Returns the kind, and a function of the next header's type that makes this header: `units` times 8 bytes, with options that all skip."""
    if kind == FRAGMENT:
        return kind, lambda next: struct.pack("!BBHI", next, 0, 0, 7)
    if kind == ROUTING:
        return kind, lambda next: struct.pack("!BBBBI", next, units - 1, 253, left, 0) + bytes(8 * units - 8)
    if kind == AUTH:
        return kind, lambda next: struct.pack("!BBHI", next, 2 * units - 2, 0, 1) + bytes(8 * units - 8)
    left = 8 * units - 2
    options = b"".join(struct.pack("!BB", 0x1E, n - 2) + bytes(n - 2) for n in [257] * (left // 257) + [left % 257])
    return kind, lambda next: struct.pack("!BB", next, units - 1) + options


def chained(kinds, last=TCP):
    """Returns (type of the first header, all headers)."""
    out, next = b"", last
    for kind, build in reversed(kinds):
        out, next = build(next) + out, kind
    return next, out


H, D, R, F, A = (extension(k) for k in (HOP, DEST, ROUTING, FRAGMENT, AUTH))
CHAINS = {
    "plain": [], "hop-by-hop": [H], "destination": [D], "routing": [R], "route with a stop left": [extension(ROUTING, 3, 1)],
    "atomic fragment": [F], "two atomic fragments": [F, F], "authentication": [A], "hop-by-hop and destination": [H, D],
    "8 destinations": [D] * 8, "9 destinations": [D] * 9, "32 destinations": [D] * 32, "64 destinations": [D] * 64,
    "65 destinations": [D] * 65, "120 destinations": [D] * 120, "large destination": [extension(DEST, 32)],
    "routings and destinations": [R, D] * 5, "hop-by-hop of 256 bytes": [extension(HOP, 32)], "hop-by-hop last": [D, H],
    "atomic between": [D, F, D, R, D], "4 KB of destinations": [extension(DEST, 256)] * 2, "8 KB of destinations": [extension(DEST, 256)] * 4,
}


def ipv6(source, first, payload, length=None):
    length = len(payload) if length is None else length
    header = struct.pack("!IHBB", 6 << 28, length, first, 64) + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target6)
    return header + payload


def ipv4(source, payload, options=b"", more=0, offset=0, bad=0, ident=77):
    addresses = socket.inet_aton(source) + socket.inet_aton(target4)
    words = 5 + len(options) // 4
    def header(check):
        return struct.pack("!BBHHHBBH", 4 << 4 | words, 0, words * 4 + len(payload), ident, more << 13 | offset, 64, TCP, check) + addresses + options
    return header(fold(header(0)) ^ bad) + payload


def pieces6(source, kinds, segment, at, behind=()):
    """Makes two fragments. The first has `at` bytes of what follows the fragment header: of `behind` and the segment."""
    inner, body = chained(behind)
    whole = body + segment
    ident = int.from_bytes(os.urandom(4), "big")
    def piece(offset, more, data):
        first, before = chained(list(kinds) + [(FRAGMENT, lambda next: struct.pack("!BBHI", next, 0, offset | more, ident))], inner)
        return ipv6(source, first, before + data)
    return [piece(0, 1, whole[:at]), piece(at, 0, whole[at:])]


def pieces4(source, segment, at):
    return [ipv4(source, segment[:at], more=1), ipv4(source, segment[at:], offset=at // 8)]


def tagged(tags, packet):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    ends = bytes.fromhex(mac.replace(":", "")) + own
    return ends + b"".join(struct.pack("!HH", t, 0) for t in tags) + struct.pack("!H", kind) + packet


def plain(source, segment):
    return ipv6(source, TCP, segment) if ":" in source else ipv4(source, segment)


SPECIAL6 = {
    "no length": lambda s, t: [ipv6(s, TCP, t, 0)],
    "no length behind a hop-by-hop": lambda s, t: [ipv6(s, *chained_with(t, [H]), 0)],
    "padded": lambda s, t: [plain(s, t) + b"pad" * 5],
    "two fragments": lambda s, t: pieces6(s, [], t, 24),
    "later fragment first": lambda s, t: pieces6(s, [], t, 24)[::-1],
    "fragment ends among headers": lambda s, t: pieces6(s, [], t, 8, [D, D]),
    "fragment ends before TCP": lambda s, t: pieces6(s, [D], t, 16, [D, D]),
    "fragment ends in TCP's ports": lambda s, t: pieces6(s, [], t, 8),
    "fragment hides an atomic one": lambda s, t: pieces6(s, [], t, 8, [F]),
    "fragments of TCP behind an atomic one": lambda s, t: pieces6(s, [], t, 24, [F]),
}
SPECIAL4 = {
    "plain": lambda s, t: [plain(s, t)],
    "options": lambda s, t: [ipv4(s, t, b"\1" * 12)],
    "options of 40 bytes": lambda s, t: [ipv4(s, t, b"\1" * 40)],
    "source route with a stop left": lambda s, t: [ipv4(s, t, b"\1\x83\x07\4" + socket.inet_aton(target4))],
    "source route at its end": lambda s, t: [ipv4(s, t, b"\1\x83\x07\x08" + socket.inet_aton(target4))],
    "wrong header checksum": lambda s, t: [ipv4(s, t, bad=1)],
    "padded": lambda s, t: [plain(s, t) + b"pad" * 5],
    "two fragments": lambda s, t: pieces4(s, t, 24),
    "fragment ends in TCP's header": lambda s, t: pieces4(s, t, 8),
    "later fragment first": lambda s, t: pieces4(s, t, 16)[::-1],
}
ANY = {  # these change the segment, or the frame
    "wrong checksum": lambda s, t: [plain(s, t[:16] + bytes([t[16] ^ 0x10]) + t[17:])],
}
TAGS = {"priority tag": [0x8100], "service tag": [0x88A8], "two tags": [0x88A8, 0x8100], "3 tags": [0x8100] * 3, "8 tags": [0x8100] * 8,
        "9 tags": [0x8100] * 9, "20 tags": [0x8100] * 20}
DATA = {"data in the SYN": b"x" * 20, "much data in the SYN": b"y" * 1200, "8 KB of data in the SYN": b"z" * 8192}


def chained_with(segment, kinds):
    first, before = chained(kinds)
    return first, before + segment


def forms():
    v6 = list(CHAINS) + list(SPECIAL6) + list(ANY) + list(TAGS) + list(DATA)
    v4 = list(SPECIAL4) + list(ANY) + list(TAGS) + list(DATA)
    return [f"IPv6: {n}" for n in v6] + [f"IPv4: {n}" for n in v4]


def frames(name, source, segment):
    if name in TAGS:
        return [tagged(TAGS[name], plain(source, segment))]
    if ":" in source and name in CHAINS:
        return [tagged([], ipv6(source, *chained_with(segment, CHAINS[name])))]
    special = SPECIAL6 if ":" in source else SPECIAL4
    how = special.get(name) or ANY.get(name) or (lambda s, t: [plain(s, t)])
    return [tagged([], p) for p in how(source, segment)]


def tcp_segment(source, sport, seq, ack, flags, data=b"", words=None):
    family, target = (socket.AF_INET6, target6) if ":" in source else (socket.AF_INET, target4)
    options = b"\2\4\5\xb4\1\1\1\1\1\1\1\0" if flags & SYN else b"\1" * 12
    words = (20 + len(options)) // 4 if words is None else words
    segment = struct.pack("!HHIIBBHHH", sport, int(port), seq, ack, words << 4, flags, 65535, 0, 0) + options + data
    pseudo = socket.inet_pton(family, source) + socket.inet_pton(family, target) + struct.pack("!II", len(segment), TCP)
    return segment[:16] + struct.pack("!H", fold(pseudo + segment)) + segment[18:]


def put(frame):
    try:
        wire.send(frame)
    except OSError as e:  # the MTU may be small
        if e.errno != errno.EMSGSIZE:
            raise


def send(name, source, sport, seq, ack, flags, data=b""):
    for frame in frames(name, source, tcp_segment(source, sport, seq, ack, flags, data)):
        put(frame)


def segment_of(frame):
    """Returns what the port sent: (to which source, its port, flags, seq, ack, bytes of data), or None."""
    if frame[12:14] == b"\x86\xdd":
        to, tcp = socket.inet_ntop(socket.AF_INET6, frame[38:54]), frame[54:]
    elif frame[12:14] == b"\x08\x00":
        to, tcp = socket.inet_ntoa(frame[30:34]), frame[14 + (frame[14] & 15) * 4 : 14 + int.from_bytes(frame[16:18], "big")]
    else:
        return None
    if len(tcp) < 20 or int.from_bytes(tcp[:2], "big") != int(port):
        return None
    return to, int.from_bytes(tcp[2:4], "big"), tcp[13], *struct.unpack("!II", tcp[4:12]), len(tcp) - (tcp[12] >> 4) * 4


class Handshake:
    def __init__(self, form, source, sport):
        self.form, self.source, self.sport = form.partition(": ")[2], source, sport
        self.seq, self.got, self.over = int.from_bytes(os.urandom(3), "big"), None, False
        self.data = DATA.get(self.form, b"")

    def ask(self):
        if not self.got and not self.over:
            send(self.form, self.source, self.sport, self.seq, 0, SYN, self.data)

    def hear(self, flags, seq, ack, size):
        if flags & (SYN | ACK) == SYN | ACK:
            self.got = self.got or "answered"
            for _ in range(2):
                send(self.form, self.source, self.sport, self.seq + 1, seq + 1, ACK)
        elif size and self.got:
            self.got = "greeted"
        self.over = self.over or bool(flags & RST)


def handshakes(asked, seconds):
    all = {(h[1], h[2]): Handshake(*h) for h in asked}
    for _ in range(2):
        for h in all.values():
            h.ask()
        end = time.monotonic() + seconds / 2
        while (left := end - time.monotonic()) > 0 and select.select([wire], [], [], left)[0]:
            frame, address = wire.recvfrom(65536)
            got = segment_of(frame) if address[2] != socket.PACKET_OUTGOING else None
            if got and got[:2] in all:
                all[got[:2]].hear(*got[2:])
    return [h.got for h in all.values()]


def random_kinds(r):
    count = r.choice((0, 0, 1, 1, 2, 3, 5, 9, 20, r.randrange(80)))
    return [extension(r.choice((HOP, DEST, DEST, ROUTING, FRAGMENT)), r.choice((1, 1, 1, 2, 9)), r.random() < 0.02) for _ in range(count)]


def random6(r, source, segment):
    if r.random() < 0.4:
        pieces = pieces6(source, random_kinds(r) if r.random() < 0.3 else [], segment, 8 * r.randrange(1, 12), random_kinds(r) if r.random() < 0.5 else [])
    else:
        first, body = chained_with(segment, random_kinds(r))
        pieces = [ipv6(source, first, body, r.choice((None,) * 12 + (0, len(body) + 8, len(body) - 8)))]
    return pieces, 40


def random4(r, source, segment):
    options = b"" if r.random() < 0.6 else r.choice((b"\1" * 4 * r.randrange(11), b"\x83\7\x08" + bytes(5), b"\x83\7\4" + bytes(5), b"\x94\4\0\0"))
    if r.random() < 0.6:
        return [ipv4(source, segment, options)], 20
    at = 8 * r.randrange(1, 6)
    back, ident = max(0, at - 8 * r.choice((0, 0, 0, 1, 2))), r.getrandbits(16)
    first = ipv4(source, segment[:at], options, more=1, ident=ident)
    return [first, ipv4(source, segment[back:], options, offset=back // 8, ident=ident)], 20


def mutated(r, packet, fixed):
    """Changes up to two bits, but not in the addresses, so that no packet seems to come from another source."""
    packet = bytearray(packet)
    for _ in range(r.choice((0, 0, 0, 1, 2))):
        at = r.randrange(len(packet))
        if not (8 if fixed == 40 else 12) <= at < fixed:
            packet[at] ^= 1 << r.randrange(8)
    return bytes(packet)


def random_frames(r, source, sport):
    flags = r.choice((SYN,) * 8 + (SYN | 0xC0, SYN | 0x28, SYN | ACK, SYN | 1, ACK, 0x18, 0x11))
    data = bytes(r.choice((0, 0, 0, 1, 30, 700)))
    segment = tcp_segment(source, sport, r.getrandbits(32), r.getrandbits(32), flags, data, r.choice((None,) * 9 + (r.randrange(16),)))
    pieces, fixed = (random6 if ":" in source else random4)(r, source, segment)
    r.shuffle(pieces)
    tags = [r.choice((0x8100, 0x88A8)) for _ in range(r.choice((0, 0, 0, 0, 1, 2, 5, r.randrange(12))))]
    return [tagged(tags, mutated(r, p, fixed)) for p in pieces]


def fuzz(seed, count, source4, source6):
    """Sends so many random packets. Returns those that the port answered, with the frames of each."""
    r, sent, answered = random.Random(seed), {}, {}
    for i in range(count):
        source = f"{source6}{i + 1:x}::1" if r.random() < 0.6 else f"{source4}{i % 250 + 2}"
        sent[source, 1024 + i] = out = random_frames(r, source, 1024 + i)
        for frame in out:
            put(frame)
        while select.select([wire], [], [], 0 if i < count - 1 else 1)[0]:
            frame, address = wire.recvfrom(65536)
            got = segment_of(frame) if address[2] != socket.PACKET_OUTGOING else None
            if got and got[:2] in sent:
                answered[got[1] - 1024] = [f.hex() for f in sent[got[:2]]]
    return answered


print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked == "forms":
        answer = forms()
    elif asked[0] == "fuzz":
        answer = fuzz(*asked[1:])
    else:
        answer = handshakes(asked, float(seconds))
    print(json.dumps(answer), flush=True)
