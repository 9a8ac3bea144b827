# SPDX-License-Identifier: BSD-2-Clause
"""Two gates enforce one policy: the SYN comes in by one link, the rest by the same or the other, and the host answers by either."""
import json

import pytest

import tools
from net import BUILD, LIB, SERVER, SERVER6, Net, Sluice, wait_for

LIMIT, AT_ONCE = 10, 500
POLICY = f"service smtp {{ ports = {{25}} max-connections-per-source = {LIMIT} }}\n"
CROSSINGS = [("s0", "s0", "s1"), ("s0", "s1", "s1"), ("s0", "s1", "s0"), ("s1", "s0", "s1")]


class Crossed(Net):
    """A client, a middle that carries frames, and a server with two links that share one address. The server answers by the link `out`."""

    def __init__(self, syns, rest, out):
        self.ways = syns, rest, out
        super().__init__(rtt=1)

    def plug(self, _):
        syns, rest, out = self.ways
        self.link(self.client, "c0", self.middle, "mc")
        for end in ("s0", "s1"):
            self.link(self.server, end, self.middle, "m" + end)
            self.run(self.server, "ip", "link", "set", end, "address", "02:00:00:00:00:01")
            self.run(self.middle, "ip", "link", "set", "m" + end, "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
        for key in ("all", "default", "s0", "s1"):
            self.run(self.server, "sh", "-c", f"echo 0 >/proc/sys/net/ipv4/conf/{key}/rp_filter")
        self.addresses(self.server, "lo", f"{SERVER}/32", f"{SERVER6}/128")
        self.addresses(self.client, "c0", *(f"10.77.0.{i}/16" for i in range(2, 6)), *(f"fd77:0:{i}::2/32" for i in range(1, 4)))
        mac = lambda ns, end: json.loads(self.run(ns, "ip", "-j", "link", "show", end).stdout)[0]["address"]
        self.run(self.server, "ip", "route", "add", "10.77.0.0/16", "dev", out)
        self.run(self.server, "ip", "-6", "route", "add", "fd77::/32", "dev", out)
        for i in range(2, 6):
            self.run(self.server, "ip", "neigh", "replace", f"10.77.0.{i}", "lladdr", mac(self.client, "c0"), "dev", out)
        for i in range(1, 4):
            self.run(self.server, "ip", "neigh", "replace", f"fd77:0:{i}::2", "lladdr", mac(self.client, "c0"), "dev", out)
        for to in (SERVER, SERVER6):
            self.run(self.client, "ip", "neigh", "replace", to, "lladdr", "02:00:00:00:00:01", "dev", "c0")
        self.started.append(self.ready(self.popen(self.middle, LIB / "crossed.py", "mc", "m" + syns, "m" + rest, "m" + out)))


class TwoGates(Sluice):
    def write(self, policy):
        self.file.write_text("interfaces = {s0, s1}\n" + policy)


@pytest.fixture(params=CROSSINGS, ids=lambda way: "syn-{}-rest-{}-answer-{}".format(*way))
def crossed(request, tmp_path):
    net = Crossed(*request.param)
    try:
        sluice = TwoGates(net, tmp_path, POLICY)
        try:
            yield net, sluice
        finally:
            sluice.close()
    finally:
        net.close()


@pytest.mark.parametrize("target", (SERVER, SERVER6), ids=("ipv4", "ipv6"))
def test_a_connection_whose_packets_come_by_two_gates_is_counted_once(crossed, target):
    net, sluice = crossed
    source = "10.77.0.2" if target == SERVER else "fd77:0:1::2"
    other = "10.77.0.3" if target == SERVER else "fd77:0:2::2"
    assert {i["name"] for i in sluice.json("status")["interfaces"] if i["xdp_mode"] == "native"} == {"s0", "s1"}
    tools.serve(net, 25)
    peak = tools.peak(net, 25)
    hold, first = tools.hold(net, target, 25, AT_ONCE, source, wait_ms=3000)
    most = peak.finish()["max"]
    print(f"\n{AT_ONCE} at once at limit {LIMIT}: {first}, at most {most} established")
    assert first["greeted"] == LIMIT == net.established() == sluice.connections() and most <= LIMIT
    assert sluice.service()["reserved"] == 0 or wait_for(lambda: sluice.service()["reserved"] == 0)
    assert sluice.json("status")["drift"] == 0
    innocent, second = tools.hold(net, target, 25, LIMIT, other, wait_ms=3000)
    assert second["greeted"] == LIMIT, "another source has slots of its own"
    innocent.finish(), hold.finish()
    assert wait_for(lambda: sluice.connections() == net.established() == 0)
    assert wait_for(lambda: sluice.json("status")["reservations"] == 0)
