# SPDX-License-Identifier: BSD-2-Clause
"""TPROXY leads a port to a proxy at another one: what docs/limits.md says of it."""
import pytest

from net import needs

POLICY = "service smtp { ports = {25} max-connections-per-source = 2 }\n"
TPROXY = """table ip proxied {
    chain pre {
        type filter hook prerouting priority mangle
        tcp dport 25 tproxy to 127.0.0.1:10025 meta mark set 1 accept
    }
}
"""
PROXY = """
import socket
s = socket.socket()
s.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
s.bind(("127.0.0.1", 10025))
s.listen(64)
print("ready", flush=True)
held = []
while True:
    held.append(s.accept()[0])
    held[-1].send(b"220 proxy\\r\\n")
"""


@pytest.mark.parametrize("listener", (False, True))
def test_a_port_behind_tproxy_is_limited_and_exactly_so_if_somebody_listens_there(make, listener):
    net, sluice = make(POLICY, rtt=100)
    net.run(net.server, "ip", "rule", "add", "fwmark", "1", "lookup", "100")
    net.run(net.server, "ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100")
    made = net.run(net.server, "nft", "-f", "-", input=TPROXY, check=False)
    needs(made.returncode == 0, f"no TPROXY: {made.stderr}")
    net.ready(net.popen(net.server, "/usr/bin/python3", "-c", PROXY))
    if listener:
        net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 10)
    began = 2 if listener else 10
    assert h.settle()["greeted"] == began and net.established(25) == began
    assert (sluice.connections(), sluice.service()["admitted"], sluice.reason("no-listener")) == ((2, 2, 0) if listener else (10, 0, 10))
    h("open", 1)
    assert h.settle()["greeted"] == began, "the limit is full of what is established"
