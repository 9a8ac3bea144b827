# SPDX-License-Identifier: BSD-2-Clause
"""Odd but honest clients, in large numbers (gate.md, T8): in calm times they are served as without sluice, in enforce and in observe mode, and the
guards against floods (G13, G14, G15, G16, G21, G25) do not hurt them either. Single exchanges are in test_scripts.py."""
import contextlib
import socket
import struct
import time

import pytest

import scripts
import tools
import wire
from net import SERVER, Net, wait_for
from pressure import PRESSED, press, suspects, syncookies

PLAIN, ALLOWED, UNHEARD, UNHEARD_ALLOWED = "10.77.0.2", "10.77.6.2", "10.77.5.2", "10.77.6.3"
LIMIT = 10
LISTENING, CLOSED, FAST = 25, 26, 27
POLICY = f"""
source-set friends {{ prefixes = {{10.77.6.0/24}} action = allow }}
service smtp {{ ports = {{{LISTENING}, {CLOSED}, {FAST}}} max-connections-per-source = {LIMIT} }}
"""
MODES = {"default": POLICY, "observe": "mode = observe\n" + POLICY}


def prepare(net):
    """Makes the server send to 10.77.5.0/24 and to half of 10.77.6.0/24, although nobody has these addresses."""
    for prefix in ("10.77.5.0/24", "10.77.6.0/24"):
        net.run(net.server, "ip", "route", "replace", prefix, "via", "10.77.0.2")
    net.addresses(net.client, "c0", f"{ALLOWED}/32")
    net.run(net.server, "sh", "-c", "echo 3 >/proc/sys/net/ipv4/tcp_fastopen")
    net.run(net.client, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_fastopen; echo 1 >/proc/sys/net/ipv4/tcp_syn_retries")


def greeted(s):
    try:
        s.connect((SERVER, LISTENING))
        return s.recv(3) == b"220"
    except OSError:
        return False


def scaled(net, source):
    with contextlib.closing(wire.client(net, source)) as s:
        return bool(greeted(s) and s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & 4)


def stale(net, count=200):
    """Sends segments of connections that the host knows nothing of. Returns how many hear a RST."""
    ears, first = wire.Wire(net), 20000 + stale.turn
    stale.turn += 1000
    for i in range(count):
        flags, data = (".", b"") if i % 2 else ("P.", b"stale")
        ears.send(wire.segment(UNHEARD, SERVER, first + i, LISTENING, flags, 1000 * i, 5000 * i, data))
    heard = set()
    while len(heard) < count and (s := ears.hear(lambda s: "R" in s.flags and first <= s.dport < first + count, 1)):
        heard.add(s.dport)
    ears.close()
    return f"{len(heard)} of {count} hear a RST"


stale.turn = 0


def checks(net, source, flags, count=20):
    """Makes half-open checks, one after the other. Returns how many got a SYN-ACK with window scaling."""
    ears, good, first = wire.Wire(net), 0, 30000 + checks.turn
    checks.turn += 1000
    for port in range(first, first + count):
        opts = bytes.fromhex("020405b40402080a0000000100000000010303") + b"\7"
        ears.send(wire.segment(source, SERVER, port, LISTENING, "S", 5000, options=opts))
        got = ears.hear(lambda s: s.dport == port and "S" in s.flags and "." in s.flags)
        good += bool(got and "ws" in got.options)
        ears.send(wire.segment(source, SERVER, port, LISTENING, flags, 5001, got.seq + 1 if got and "." in flags else 0))
        time.sleep(0.1)  # as a balancer does; a slot is held until half a second after the RST
    ears.close()
    return f"{good} of {count} answered, with window scaling; the next connection of a neighbour has it: {scaled(net, PLAIN)}"


checks.turn = 0


def closed_port(net, count=40):
    """Sends SYNs to a port where nobody listens. Returns how many are refused at once."""
    refused = 0
    for _ in range(count):
        with contextlib.closing(wire.client(net, PLAIN, seconds=0.5)) as s:
            refused += s.connect_ex((SERVER, CLOSED)) == 111
    return f"{refused} of {count} refused"


def same_port(net, count=20, first="server"):
    """A client comes again and again from one port. The server closes first, so that its TIME-WAIT is there each time."""
    served = 0
    for _ in range(count):
        with contextlib.closing(wire.client(net, PLAIN, 21000)) as s:
            served += greeted(s)
            with contextlib.suppress(OSError):
                s.send(b"F")
                s.recv(9999)
                s.recv(9999)
    return f"{served} of {count} served"


def same_port_at_limit(net, count=5):
    """The source's other connections fill its limit except for one, whose port is used again and again."""
    with contextlib.ExitStack() as held:
        others = [held.enter_context(contextlib.closing(wire.client(net, PLAIN))) for _ in range(LIMIT - 1)]
        full = sum(map(greeted, others))
        return f"{full} held, {same_port(net, count)}"


def reborn(net, count=4):
    """Clients that restarted without a word come from the very ports of connections that the server still has, and that fill the limit."""
    ports, ears = range(22000, 22000 + LIMIT), wire.Wire(net)
    ears.close()
    players = [scripts.Player(net, UNHEARD, LISTENING, port, listening=False) for port in ports]
    for p in players:
        p.play("> S 0 mss; <; > . 1 ack 1; <; > . 1 ack 18", close=False)
    said = []
    for p in players[:count]:
        said.append(p.play("drop; > S 500000 mss; <; > R 1; isn 1900000; wait 0.1; > S 0 mss; <; > . 1 ack 1; <; > . 1 ack 18", close=False)[-1])
    for p in players:
        p.play("> R 1")
    return f"{sum('1+17' in s for s in said)} of {count} served"


def fast_open(net, count=20):
    """Uses Fast Open with a cookie, and data in the SYN. Returns how many were answered, and how many SYNs brought their data in."""
    def once():
        with contextlib.closing(wire.client(net, PLAIN)) as s:
            s.settimeout(None)  # or a SYN for which there is no cookie is not sent
            for name in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                s.setsockopt(socket.SOL_SOCKET, name, struct.pack("ll", 2, 0))
            s.sendto(b"EHLO fast\r\n", socket.MSG_FASTOPEN, (SERVER, FAST))
            return s.recv(9) == b"EHLO fast"

    opened = lambda: net.tcp_counter("TCPFastOpenPassive")
    once()
    before, served = opened(), 0
    for _ in range(count):
        with contextlib.suppress(OSError):
            served += once()
    return f"{served} of {count} served, {opened() - before} by their SYN"


ECHO = """
import socket
s = socket.create_server(("0.0.0.0", 27))
s.setsockopt(socket.IPPROTO_TCP, 23, 64)
print("ready", flush=True)
while True:
    c, _ = s.accept()
    try:
        c.send(c.recv(99))
    except OSError:
        pass
    c.close()
"""


def remade(net, server, count=20):
    """Closes the listener, and makes another, before each client."""
    served = 0
    for _ in range(count):
        server.kill(), server.wait()
        server = net.serve("::", LISTENING)
        with contextlib.closing(wire.client(net, PLAIN)) as s:
            served += greeted(s)
    return f"{served} of {count} served", server


NEVER = ("malformed", "cookie-sent", "cookie-forged", "table-full", "syn-rate", "source-connections", "observe", "evasion")
ROWS = {
    "stale clients of a gate just started (G13)": stale,
    "half-open checks, RST (G14)": lambda net: checks(net, UNHEARD, "R"),
    "half-open checks, RST-ACK (G14)": lambda net: checks(net, UNHEARD, "R."),
    "half-open checks of an allowed source (G14)": lambda net: checks(net, UNHEARD_ALLOWED, "R"),
    "stale clients, later (G13)": stale,
    "a port where nobody listens (G25)": closed_port,
    "one port again and again, TIME-WAIT": same_port,
    "the same at a full limit": same_port_at_limit,
    "clients that restarted, at a full limit": reborn,
    "Fast Open, cookie and data (G16)": fast_open,
    "stale clients, last (G13)": stale,
}
BEFORE = {  # with 0.1.0 (gate.md)
    "stale clients of a gate just started (G13)": "0 of 200",
    "stale clients, later (G13)": "46 of 200",
    "half-open checks, RST (G14)": "suspect, sysctl 2, slots held 3 s",
    "Fast Open, cookie and data (G16)": "malformed: a second later",
}


def measured(net, sluice=None):
    """Returns {row: figure}. A second after each of them nothing is held."""
    prepare(net)
    server = net.serve("::", LISTENING)
    net.ready(net.popen(net.server, "/usr/bin/python3", "-c", ECHO))
    known = scaled(net, PLAIN)
    assert known, "handshakes complete here"
    got = {}
    for name, figure in ROWS.items():
        got[name] = figure(net)
        if sluice:
            wait_for(lambda: not sluice.service()["reserved"], 1)
            service = sluice.service()
            if service["reserved"] or service["pressure"] or suspects(sluice):
                got[name] += f"; {service['reserved']} held, {len(suspects(sluice))} suspects, pressure {service['pressure']}"
    got["listeners closed and replaced (G15)"], server = remade(net, server)
    return got


@pytest.fixture(scope="module")
def without():
    with contextlib.closing(Net()) as net:
        return measured(net)


@pytest.mark.parametrize("mode", MODES)
def test_odd_and_honest_clients_are_served_as_without_sluice(make, without, mode):
    net, sluice = make(MODES[mode])
    sysctl = syncookies(net)
    got = measured(net, sluice)
    print(f"\n{mode}")
    for name, figure in got.items():
        print(f"{'same' if figure == without[name] else 'DIFFERS':8}{name}: {figure}"
              + (f"; without sluice {without[name]}" if figure != without[name] else "") + (f" (0.1.0: {BEFORE[name]})" if name in BEFORE else ""))
    refused = {r: n for r in NEVER if (n := sluice.reason(r))}
    print(f"what only floods know: {refused or 'nothing'}; tcp_syncookies {sysctl} -> {syncookies(net)}")
    assert got == without
    assert syncookies(net) == sysctl and not refused
    assert wait_for(lambda: sluice.connections() == sum(net.established(p) for p in (LISTENING, FAST))) and sluice.json("status")["drift"] == 0


def test_a_new_listener_accepts_cookies_at_once(make):
    """G15, under pressure: 0.1.0 served 11 of 20 clients; with the kernel's own cookies all 20 are served."""
    net, sluice = make(PRESSED + POLICY)
    prepare(net)
    server = net.serve("::", LISTENING)
    assert scaled(net, PLAIN)
    press(net, sluice)
    served, server = remade(net, server)
    print(f"\n{served}; cookies sent {sluice.reason('cookie-sent')}, back {sluice.reason('cookie-valid')}")
    assert served == "20 of 20 served"


@contextlib.contextmanager
def one_burst(net):
    """Makes what the client's end sends meanwhile arrive in one piece, so that the gate judges all of it before the stack has seen any."""
    tc = lambda verb, *how: net.run(net.client, "tc", "qdisc", verb, "dev", "c0", "root", "tbf", *how)
    tc("replace", "rate", "1kbit", "burst", "2000", "limit", "1000000")
    ears = wire.Wire(net)
    filler = wire.segment("10.77.0.2", SERVER, 9, 9, "R", 0, data=b"x" * 1400)
    ears.send(filler), ears.send(filler)
    yield
    tc("change", "rate", "10gbit", "burst", "1000000", "limit", "1000000")
    ears.send(filler)
    ears.close()
    net.run(net.client, "tc", "qdisc", "del", "dev", "c0", "root")


BEHIND = {"ACK, data, data": "> . 1 ack 1; > P. 1+1000 ack 1; > P. 1001+1000 ack 1", "ACK, RST": "> . 1 ack 1; > R 1"}


@pytest.mark.parametrize("what, segments", BEHIND.items(), ids=list(BEHIND))
def test_what_comes_right_behind_a_cookie_arrives(make, what, segments):
    """G21: in one NAPI poll the gate is ahead of the socket table. With 0.1.0 the second segment arrived for none of 6, and all 6 sockets stayed."""
    net, sluice = make(PRESSED + POLICY)
    prepare(net)
    tools.serve(net, LISTENING)
    assert scaled(net, PLAIN)
    good = 0
    for i in range(6):
        p = scripts.Player(net, UNHEARD, LISTENING, 23000 + i, listening=False)
        press(net, sluice)
        assert "S." in p.play("> S 0 mss; <", close=False)[0]
        valid = sluice.reason("cookie-valid", "connections")
        with one_burst(net):
            p.play(segments, close=False)
        heard = p.play("quiet 0.4", close=False)[0]
        good += "ack 2001" in heard if "data" in what else not net.established()
        assert sluice.reason("cookie-valid", "connections") == valid + 1
        p.play("> R 2001")
        time.sleep(0.1)
    print(f"\n{what}: {good} of 6; forged {sluice.reason('cookie-forged')}")
    assert good == 6 and sluice.reason("cookie-forged") == 0
    assert wait_for(lambda: sluice.connections() + sluice.service()["reserved"] == net.established() == 0)


@pytest.mark.parametrize("age", [1, 5], ids=["in progress", "expired"])
def test_a_handshake_that_began_in_calm_times_goes_on_under_pressure(make, age):
    """Its SYN-ACK was lost, and pressure began before the client asked again. The host, which has a socket for it, would drop a cookie."""
    net, sluice = make("syn-flood { pressure-syn-rate = 3/1s calm-below = 100 calm-after = 60s }\n" + POLICY)
    prepare(net)
    tools.serve(net, LISTENING)
    assert scaled(net, PLAIN)
    p = scripts.Player(net, UNHEARD, LISTENING, 24000, listening=False)
    p.play("> S 0 mss; <", close=False)
    first = p.peer
    time.sleep(age)
    press(net, sluice)
    others = scripts.Player(net, UNHEARD, LISTENING, 24001, listening=False)
    assert wait_for(lambda: others.play("> S 0 mss; <; > R 1; port +1", close=False) and sluice.reason("cookie-sent"))
    sent = sluice.reason("cookie-sent")
    p.play("drop; > S 0 mss; <", close=False)
    assert (p.peer, sluice.reason("cookie-sent")) == (first, sent), "the host answers again"
    said = p.play("> . 1 ack 1; <; > . 1 ack 18", close=False)
    assert any("1+17" in line for line in said), said
    assert net.established() == sluice.connections() == 1
    p.play("> R 18")
    others.play("> S 0 mss; <; > R 1")
    assert sluice.reason("cookie-sent") == sent + 1, "a client that begins now is answered by a cookie"


def test_a_flood_at_a_port_where_nobody_listens_opens_no_other(make):
    """G25: the port is guarded, and has no listener. 0.1.0 let in 30 connections, at a limit of 3, at another port of the service."""
    net, sluice = make("service smtp { ports = {25, 26} max-connections-per-source = 3 }\n")
    net.serve("::", 25)
    flood = tools.forge(net, 26, "10.88.0.0+70000", "syn", 100000)
    time.sleep(0.5)
    h = net.hold(PLAIN)
    h("open", 30)
    assert h.greeted(3)
    time.sleep(1.5)
    held, table = h("count")["greeted"], {t["name"]: t for t in sluice.json("status")["tables"]}
    flood.finish(60)
    print(f"\n{held} held at a limit of 3, {sluice.reason('no-listener')} passed as no-listener, {table}")
    assert held == 3 and sluice.connections() == 3 and sluice.reason("no-listener") > 50000
    assert sluice.reason("table-full") == 0
