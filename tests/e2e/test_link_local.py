# SPDX-License-Identifier: BSD-2-Clause
"""Neighbours that use IPv6 link-local addresses. Linux binds their sockets to the bridge, above the port at which the gate is."""
import contextlib, json, time

import pytest

import topology
from net import Net, Sluice, wait_for

THREE = "service smtp { ports = {25} max-connections-per-source = 3 }\n"
SINK = """
import socket
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", 25))
s.listen(8)
print("ready", flush=True)
while True:
    c, got = s.accept()[0], 0
    while data := c.recv(1 << 20):
        got += len(data)
    print(got, flush=True)
"""
SENDER = """
import socket, sys
s = socket.socket(socket.AF_INET6)
s.settimeout(60)
s.connect(socket.getaddrinfo(sys.argv[1], 25)[0][4])
for _ in range(40):
    s.sendall(bytes(1 << 20))
s.close()
"""


def link_local(net, ns, nic, scope):
    def found():
        rows = json.loads(net.run(ns, "ip", "-6", "-j", "address", "show", "dev", nic).stdout)
        return [a["local"] for row in rows for a in row.get("addr_info", ()) if a.get("scope") == "link" and not a.get("tentative")]

    assert wait_for(found, 10), f"{nic} has no link-local address"
    return f"{found()[0]}%{scope}"


@pytest.fixture
def bridged(tmp_path):
    """(net, sluice, the bridge's address, the client's), both with the interface by which the client reaches them."""
    with contextlib.closing(Net()) as net:
        topology.bridged(net)
        server, client = link_local(net, net.server, "br0", "c0"), link_local(net, net.client, "c0", "c0")
        with contextlib.closing(Sluice(net, tmp_path, THREE)) as sluice:
            yield net, sluice, server, client


def test_a_limit_holds_for_a_neighbour_who_left_a_handshake_unanswered(bridged):
    net, sluice, server, client = bridged
    net.serve("::", 25)
    net.deafen()
    silent = net.hold(client, server)
    silent("open", 1)
    assert wait_for(lambda: sluice.service()["reserved"] == 1) and wait_for(lambda: sluice.service()["reserved"] == 0, 10)
    silent("abandon")
    net.undeafen()
    h = net.hold(client, server)
    h("open", 20)
    assert h.settle()["greeted"] == 3 and net.established() == 3, h("count")


def test_what_a_neighbour_sends_on_one_connection_is_no_flood(bridged):
    net, sluice, server, client = bridged
    sink = net.ready(net.popen(net.server, "/usr/bin/python3", "-c", SINK))
    net.run(net.client, "ethtool", "-K", "c0", "tso", "off", "gso", "off")
    began = time.monotonic()
    net.run(net.client, "/usr/bin/python3", "-c", SENDER, server)
    assert int(sink.stdout.readline()) == 40 << 20
    print(f"40 MB in {time.monotonic() - began:.1f} s")
    assert sluice.reason("cookie-forged") == 0 and sluice.reason("out-of-state") == 0
