# SPDX-License-Identifier: BSD-2-Clause
"""An application never holds, or could accept, more connections than the limit, by its own count, however its clients come and go."""
import json, re, time

import pytest

from net import LIB, SERVER, wait_for

LIMIT, TRIES = 10, 50
POLICY = f"syn-flood {{ cookies = false }}\nservice smtp {{ ports = {{25}} max-connections-per-source = {LIMIT} }}\n"
UNANSWERED = "10.77.2.9"  # nobody has this address while it speaks

# Opens connections, each from its own socket, about 25 a second. Those that stay are held until the input ends.
CLIENTS = """
import select, socket, struct, sys
kind, held = sys.argv[1], []
def leave(s):
    if kind == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if kind == "half-closing":
        s.shutdown(socket.SHUT_WR)
    if kind in ("reset", "closing at once"):
        s.close()
    else:
        held.append(s)
for i in range(int(sys.argv[2])):
    s = socket.socket()
    s.bind(("10.77.0.2", 0))
    s.setblocking(False)
    try:
        s.sendto(b"EHLO", socket.MSG_FASTOPEN, ("10.77.0.1", 25)) if "Fast Open" in kind else s.connect_ex(("10.77.0.1", 25))
    except BlockingIOError:
        pass
    if select.select([], [s], [], 0.04)[1] and not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        leave(s)
    else:
        s.close()
print("done", flush=True)
sys.stdin.read()
"""
# kind of client -> options of fastopen.py; None: ordinary sockets
KINDS = {
    "plain": None,
    "reset": None,
    "closing at once": None,
    "half-closing": None,
    "Fast Open": None,
    "Fast Open, no answer": [],
    "Fast Open, data, no answer": ["--data"],
    "Fast Open, reset": ["--reset"],
    "Fast Open, data, reset": ["--data", "--reset"],
    "Fast Open behind a decoy": ["--decoy"],
}
# The most connections that were held or could be accepted with 0.1.0, by a server that accepts at once, and by one that accepts later. 0.1.0 let
# in no SYN with data.
BEFORE = {
    "plain": (10, 10),
    "reset": (38, 50),
    "closing at once": (10, 10),
    "half-closing": (10, 10),
    "Fast Open": (1, 1),
    "Fast Open, no answer": (20, 20),
    "Fast Open, data, no answer": (0, 0),
    "Fast Open, reset": (1, 20),
    "Fast Open, data, reset": (0, 0),
    "Fast Open behind a decoy": ("not measured",) * 2,
}


class Taken:
    """The server that counts its connections. It answers commands, one a line."""

    def __init__(self, net, *options):
        self.process = net.ready(net.popen(net.server, LIB / "taken.py", 25, *options))

    def __call__(self, word="count"):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def fast(net):
    """Turns on Fast Open at both ends, and makes the server repeat a SYN-ACK twice, after 1 and 3 s; after 7 s its socket is gone."""
    net.run(net.server, "sh", "-c", "echo 3 >/proc/sys/net/ipv4/tcp_fastopen; echo 1 >/proc/sys/net/ipv4/tcp_synack_retries")
    net.run(net.client, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_fastopen")


def cookie_of(net, address):
    """Returns the Fast Open cookie that the server gives this address. Nobody has the address afterwards, but the server still sends to it."""
    net.run(net.client, "ip", "address", "add", f"{address}/16", "dev", "c0")
    ask = f'import socket; s = socket.socket(); s.bind(("{address}", 0)); s.sendto(b"x", socket.MSG_FASTOPEN, ("{SERVER}", 25)); s.recv(9)'
    net.run(net.client, "/usr/bin/python3", "-c", ask)
    known = net.run(net.client, "ip", "tcp_metrics", "show", SERVER).stdout
    net.run(net.client, "ip", "address", "del", f"{address}/16", "dev", "c0")
    mac = json.loads(net.run(net.client, "ip", "-j", "link", "show", "c0").stdout)[0]["address"]
    net.run(net.server, "ip", "neigh", "replace", address, "lladdr", mac, "dev", "s0")
    line = next(line for line in known.splitlines() if address in line)
    return re.search(r"fo_cookie ([0-9a-f]+)", line).group(1)


def knock(net, kind, cookie):
    """Starts TRIES clients of that kind, over some seconds. They end when the input ends."""
    if KINDS[kind] is None:
        clients = net.popen(net.client, "/usr/bin/python3", "-c", CLIENTS, kind, TRIES)
        assert clients.stdout.readline() == "done\n"
        return clients
    clients = net.popen(net.client, LIB / "fastopen.py", UNANSWERED, SERVER, 25, cookie, TRIES, 4.5, *KINDS[kind])
    clients.wait(30)
    return clients


def counted(server):
    now = server()
    return now["held"] + now["queue"]


@pytest.mark.parametrize("lazy", (False, True), ids=("accepts-at-once", "accepts-later"))
@pytest.mark.parametrize("kind", KINDS)
def test_an_application_never_has_more_than_the_limit(make, kind, lazy):
    net, sluice = make(POLICY)
    fast(net)
    first = Taken(net)
    cookie = cookie_of(net, UNANSWERED)
    assert wait_for(lambda: first()["held"] == 0 and sluice.connections() == 0)
    first.process.kill(), first.process.wait()
    server = Taken(net, *(["--lazy"] if lazy else []), *(["--keep"] if kind == "half-closing" else []))
    clients = knock(net, kind, cookie)
    time.sleep(0.3)
    status = sluice.json("status")
    there, said = counted(server), sluice.connections() + sluice.service()["reserved"]
    peak = server()["peak"]
    print(f"\n{kind:28} {'accepts later' if lazy else 'accepts at once':16} at most {peak:3} of {TRIES} at limit {LIMIT}"
          f" (0.1.0: {BEFORE[kind][lazy]}); there {there}, sluice {said}")
    assert peak <= LIMIT and (peak or "decoy" in kind)
    assert status["drift"] == 0 and said >= there
    if lazy and kind.endswith("reset"):
        assert sluice.service()["waiting"] == there
        assert f"{there} connections of smtp ended before the server accepted them" in sluice.do("status")
    server("take"), server("close")
    if clients.poll() is None:
        clients.communicate("", timeout=20)
    server("close")
    assert wait_for(lambda: (server("take"), server("close"), sluice.connections())[2] == 0, 20)
    assert wait_for(lambda: sluice.service()["reserved"] == 0 and sluice.json("sources") == [])
    status = sluice.json("status")
    assert status["drift"] == 0 and sluice.service()["waiting"] == 0
    if status["healed"]:  # the kernel may run no tracing program for some milliseconds
        print(f"{status['healed']} ends were missed by both trackers, and healed")
