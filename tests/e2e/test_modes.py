# SPDX-License-Identifier: BSD-2-Clause
"""Every interface that a policy names works in the best mode that it can, and status and doctor say the same of it, and why."""
import contextlib
import json
import os
import signal
import time

import pytest

import judged
import topology
from net import BUILD, SERVER, Net, Sluice, wait_for
from test_flood import PRESSED

TWO = "service smtp { ports = {25} max-connections-per-source = 2 on-excess = reset }\n"
CLIENTS = [f"10.77.0.{i}/16" for i in range(3, 6)]


class Named(Sluice):
    names = "s0"

    def write(self, policy):
        self.file.write_text("interfaces = {" + self.names + "}\n" + policy)


def kind_of(net, what, *words):
    """A device of this kind, or a skip with the kernel's own words."""
    done = net.run(net.server, "ip", "link", "add", *words, check=False)
    if done.returncode:
        pytest.skip(f"this kernel has no {what}: {done.stderr.strip()}")


def plain(net):
    return "s0"


def jumbo(net):
    net.run(net.client, "ip", "link", "set", "c0", "xdp", "off")
    net.run(net.client, "ip", "link", "set", "c0", "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp.frags")
    for ns, nic in ((net.client, "c0"), (net.server, "s0")):
        net.run(ns, "ip", "link", "set", nic, "mtu", "9000")
    return "s0"


def loopback(net):
    return "lo"


def port(net):
    topology.bridged(net)
    return "s0"


def bridge(net):
    topology.bridged(net)
    return "br0"


def macvlan(net):
    topology.macvlan(net)
    return "m0"


def ipvlan(net):
    kind_of(net, "ipvlan", "name", "i0", "link", "s0", "type", "ipvlan", "mode", "l2")
    net.run(net.server, "ip", "link", "set", "i0", "up")
    net.run(net.server, "ip", "addr", "del", f"{SERVER}/16", "dev", "s0")
    net.addresses(net.server, "i0", f"{SERVER}/16")
    return "i0"


def tagged(net):
    """The server's and the client's addresses are in VLAN 7; the policy names what the tags come in by."""
    kind_of(net, "VLAN devices", "link", "s0", "name", "v7", "type", "vlan", "id", "7")
    net.run(net.client, "ip", "link", "add", "link", "c0", "name", "v7", "type", "vlan", "id", "7")
    for ns, end, addresses in ((net.server, "s0", [f"{SERVER}/16"]), (net.client, "c0", ["10.77.0.2/16", "10.77.3.1/16", *CLIENTS])):
        net.run(ns, "ethtool", "-K", end, "rxvlan", "off", "txvlan", "off", check=False)
        net.run(ns, "ip", "addr", "flush", "dev", end)
        net.run(ns, "ip", "link", "set", "v7", "up")
        net.addresses(ns, "v7", *addresses)
    return "s0"


def vlan(net):
    tagged(net)
    return "v7"


def bond(net):
    kind_of(net, "bonds", "name", "b0", "type", "bond", "mode", "active-backup", "miimon", "100")
    net.run(net.server, "ip", "link", "set", "s0", "down")
    net.run(net.server, "ip", "addr", "flush", "dev", "s0")
    net.run(net.server, "ip", "link", "set", "s0", "master", "b0")
    net.run(net.server, "ip", "link", "set", "b0", "up")
    net.addresses(net.server, "b0", f"{SERVER}/16")
    return "b0"


def member(net):
    bond(net)
    return "s0"


def vlan_over_bond(net):
    bond(net)
    kind_of(net, "VLAN devices", "link", "b0", "name", "v7", "type", "vlan", "id", "7")
    net.run(net.client, "ip", "link", "add", "link", "c0", "name", "v7", "type", "vlan", "id", "7")
    for ns, end, addresses in ((net.server, "b0", [f"{SERVER}/16"]), (net.client, "c0", ["10.77.0.2/16", "10.77.3.1/16", *CLIENTS])):
        net.run(ns, "ip", "addr", "flush", "dev", end)
        net.run(ns, "ip", "link", "set", "v7", "up")
        net.addresses(ns, "v7", *addresses)
    return "v7"


def vrf(net):
    kind_of(net, "VRFs", "name", "vrf0", "type", "vrf", "table", "10")
    net.run(net.server, "ip", "link", "set", "vrf0", "up")
    net.run(net.server, "ip", "link", "set", "s0", "master", "vrf0")
    net.run(net.server, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_l3mdev_accept")
    return "s0"


def beside(upper):
    """The device above and the one below: each packet meets the gate twice."""
    def both(net):
        return "s0, " + upper(net)

    both.__name__ = "s0 and " + upper.__name__
    return both


KINDS = [plain, jumbo, loopback, port, bridge, macvlan, ipvlan, tagged, vlan, bond, member, vlan_over_bond, vrf, *map(beside, (bridge, macvlan, vlan, bond))]


@pytest.mark.parametrize("kind", KINDS, ids=lambda f: f.__name__)
def test_all_that_a_policy_says_holds_there_and_doctor_says_what_status_says(kind, tmp_path):
    with contextlib.ExitStack() as made:
        net = made.enter_context(contextlib.closing(Net()))
        names = kind(net)
        name = names.split(", ")[-1]
        net.serve("::", 25)
        judged.countries(tmp_path, "10.77.0.4")
        file = tmp_path / "before.conf"
        file.write_text("interfaces = {" + names + "}\n" + judged.WHOLE)
        before = json.loads(net.run(net.server, BUILD / "sluicectl", "-i", net.tag, "--json", "doctor", file, check=False).stdout)
        sluice = made.enter_context(contextlib.closing(type("N", (Named,), {"names": names})(net, tmp_path, judged.WHOLE)))
        status = [judged.agreed(sluice, one) for one in names.split(", ")][-1]
        foretold = [f["finding"] for f in before if name in f["finding"] and ("native XDP" in f["finding"] or "drivers do not say" in f["finding"])]
        assert ("no native XDP" in foretold[0]) == (status["xdp_mode"] == "generic") or "drivers do not say" in foretold[0], foretold
        assert kind is not jumbo or status["xdp_mode"] == "native"
        if kind is loopback:
            return
        target = topology.VIP if "m0" in names else SERVER
        judged.hold_all(net, sluice, target, *(f"10.77.0.{i}" for i in (2, 3, 4, 5)))


@pytest.mark.parametrize("kind", [plain, jumbo, port, tagged, bond], ids=lambda f: f.__name__)
def test_cookies_by_xdp_come_back_there(kind, tmp_path):
    with contextlib.ExitStack() as made:
        net = made.enter_context(contextlib.closing(Net()))
        name = kind(net)
        net.serve("::", 25)
        policy = PRESSED + "service smtp { ports = {25} max-connections-per-source = 40 }\n"
        sluice = made.enter_context(contextlib.closing(type("N", (Named,), {"names": name})(net, tmp_path, policy)))
        h = net.hold("10.77.0.2")

        def more():  # any SYN puts it under pressure; the sysctl is up in a moment
            h("open", 2)
            return sluice.reason("cookie-valid") > 0 or time.sleep(0.3)

        assert wait_for(more, 5)
        status = next(i for i in sluice.json("status")["interfaces"] if i["name"] == name)
        print(f"{kind.__name__}: {status}")
        assert status["answers"] == "xdp" and status["cookies_sent"] > 0 and status["cookies_returned"] > 0, status
        assert wait_for(lambda: h("count")["pending"] == 0) and h("count")["refused"] == 0


def test_while_sluiced_loads_status_says_that_it_starts(tmp_path):
    with contextlib.closing(Net()) as net:
        sluice = Named.__new__(Named)
        sluice.net, sluice.instance = net, net.tag
        sluice.file, sluice.state, sluice.log = tmp_path / "sluice.conf", tmp_path / "state", open(tmp_path / "log", "w+")
        sluice.write(TWO)
        sluice.daemon = sluice.popen()
        try:
            assert wait_for(lambda: os.path.exists(f"/sys/fs/bpf/sluice/{net.tag}"), 10, 0.002)
            sluice.daemon.send_signal(signal.SIGSTOP)
            code, out, err = sluice.ctl("--json", "status")
            status = json.loads(out)
            assert code == 3 and status["daemon"] == "starting" and status["mode"] == "starting" and status["interfaces"] == [], status
            assert "sluiced is starting" in err
            assert "starting" in sluice.ctl("status")[1]
        finally:
            sluice.daemon.send_signal(signal.SIGCONT)
        assert wait_for(lambda: sluice.ctl("status")[0] == 0, 60)
        status = sluice.json("status")
        assert (status["daemon"], status["mode"], len(status["interfaces"])) == ("running", "enforce", 1)
        sluice.kill()
        assert sluice.json("status")["daemon"] == "dead"
        sluice.close()
