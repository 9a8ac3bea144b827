# SPDX-License-Identifier: BSD-2-Clause
"""
Every kind of interface that a policy can name (KINDS), side by side between a server and a client, and one sluice that guards them all.
test_kinds.py and test_bare.py use it. Each kind has a network of its own: 10.66.N.0/24 and fd66:N::/64, in which the server is 1. A kind for which
the kernel has no device is left out, and `missing` names it.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile

import topology
from net import BUILD, SERVER, SERVER6, Net, Sluice, wait_for


class Missing(Exception):
    """Says what this kernel does not have."""


class Place:
    """One kind's network. Its maker adds the devices, named after its number, and returns (the server's, the client's, those that the policy names)."""

    def __init__(self, net, kind, number):
        self.net, self.kind, self.number = net, kind, number
        self.outside = None  # where a tunnel's packets come from
        self.here, self.here6, self.there6 = f"10.66.{number}.1", f"fd66:{number}::1", f"fd66:{number}::2"
        self.there = [f"10.66.{number}.{i}" for i in range(2, 7)]
        here, there, self.names = KINDS[kind](self)
        for ns, device, addresses in ((net.server, here, [self.here]), (net.client, there, self.there)):
            net.run(ns, "ip", "link", "set", device, "up")
            net.addresses(ns, device, *(f"{a}/24" for a in addresses), f"{self.here6 if ns == net.server else self.there6}/64")
        self.foreign = self.there[2]

    def device(self, prefix, *words, ns=None):
        """Adds a device, sets it up, and returns its name."""
        name = f"{prefix}{self.number}"
        done = self.net.run(ns or self.net.server, "ip", "link", "add", "name", name, *words, check=False)
        if done.returncode:
            raise Missing(f"this kernel has no {self.kind}: {done.stderr.strip()}")
        self.net.run(ns or self.net.server, "ip", "link", "set", name, "up")
        return name

    def wire(self):
        """Adds a veth pair, with the same name at both ends. The client's end polls by NAPI."""
        name = f"e{self.number}"
        self.net.link(self.net.server, name, self.net.client, name)
        self.net.run(self.net.client, "ip", "link", "set", name, "xdp", "obj", topology.PASS, "sec", "xdp")
        return name

    def under(self, lower, upper):
        for words in (("down",), ("master", upper), ("up",)):
            self.net.run(self.net.server, "ip", "link", "set", lower, *words)


def plain(p):
    wire = p.wire()
    return wire, wire, [wire]


def jumbo(p):
    wire = p.wire()
    topology.jumbo(p.net, wire, wire)
    return wire, wire, [wire]


def loopback(p):
    return "lo", "lo", ["lo"]


def above(*words):
    """Returns a maker of a device over the server's end, or of one that has that end as its port or member."""

    def make(p):
        wire = p.wire()
        if words[1] == "macvlan":  # or the device below would answer for the child's address, too, and packets would pass the child by
            p.net.run(p.net.server, "sysctl", "-qw", f"net.ipv4.conf.{wire}.arp_ignore=1")
        if words[1] in ("macvlan", "ipvlan"):
            return p.device("u", "link", wire, *words), wire, [wire]
        upper = p.device("u", *words)
        p.under(wire, upper)
        return upper, wire, [wire]

    return make


bridge = above("type", "bridge")
bond = above("type", "bond", "mode", "active-backup", "miimon", "100")


def tagged(p, offload="off", over=plain):
    """Puts the addresses in VLAN 7, on a wire or over a bond."""
    below, wire, _ = over(p)
    for ns in (p.net.server, p.net.client):
        p.net.run(ns, "ethtool", "-K", wire, "rxvlan", offload, "txvlan", offload, check=False)
        vlan = p.device("v", "link", below if ns == p.net.server else wire, "type", "vlan", "id", "7", ns=ns)
    return vlan, vlan, [wire]


def stripped(p):
    """Does what a card does that takes tags off."""
    return tagged(p, "on")


def tagged_over_bond(p):
    return tagged(p, over=bond)


def vrf(p):
    wire = p.wire()
    p.under(wire, p.device("u", "type", "vrf", "table", str(100 + p.number)))
    p.net.run(p.net.server, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_l3mdev_accept")
    return wire, wire, [wire]


def upper(make):
    """Returns a maker whose policy names the device above, not the one below."""

    def named(p):
        here, there, _ = make(p)
        return here, there, [here]

    return named


def both(make):
    """Returns a maker whose policy names both devices, so that each packet meets the gate twice."""

    def named(p):
        here, there, below = make(p)
        return here, there, below + [here]

    return named


def tun(p):
    name = f"t{p.number}"
    topology.tun(p.net, name)
    return name, name, [name]


def tunnel(kind, *more):
    def make(p):
        v6 = kind in ("ip6tnl", "ip6gre")
        here, there = (SERVER6, f"fd77:66::{p.number}") if v6 else (SERVER, f"10.77.66.{p.number}")
        p.net.addresses(p.net.client, "c0", there + ("/32" if v6 else "/16"))
        p.outside = there
        for ns, local, remote in ((p.net.server, here, there), (p.net.client, there, here)):
            name = p.device("t", "type", kind, *more, "local", local, "remote", remote, ns=ns)
        return name, name, [name]

    return make


def wireguard(p):
    """Makes a WireGuard tunnel. Each end knows the other's key, and lets it send from every address of the tunnel."""
    ends = ((p.net.server, SERVER, f"{p.here}/32, {p.here6}/128"), (p.net.client, "10.77.0.2", f"10.66.{p.number}.0/24, fd66:{p.number}::/64"))
    keys = [p.net.run(p.net.server, "wg", "genkey").stdout.strip() for _ in ends]
    for (ns, _, _), (_, remote, allowed), own, key in zip(ends, reversed(ends), keys, reversed(keys)):
        name = p.device("t", "type", "wireguard", ns=ns)
        peer = p.net.run(ns, "sh", "-c", f"echo {key} | wg pubkey").stdout.strip()
        more = f"listen-port {51800 + p.number} private-key <(echo {own}) peer {peer} endpoint {remote}:{51800 + p.number} allowed-ips '{allowed}'"
        p.net.run(ns, "bash", "-c", f"wg set {name} {more}")
    return name, name, [name]


def dial(p):
    """Returns (the device that pppd will make at each end, pppd's words). pppd agrees on addresses of its own; Place adds those under test."""
    p.net.run(p.net.server, "modprobe", "-a", "ppp_generic", "ppp_async", "pppoe", check=False)
    if not os.path.exists("/dev/ppp"):
        raise Missing(f"this kernel has no {p.kind}: no /dev/ppp")
    name = f"t{p.number}"
    return name, f"nodetach noauth local nodefaultroute ifname {name} +ipv6 noccp".split(), f"10.67.{p.number}.1", f"10.67.{p.number}.2"


def dialled(p, name):
    """Waits until both ends are up, and have agreed on IPv6."""
    at = lambda ns: p.net.run(ns, "ip", "-6", "addr", "show", "dev", name, "scope", "link", check=False).stdout
    assert wait_for(lambda: "inet6" in at(p.net.server) and "inet6" in at(p.net.client), 20)
    return name, name, [name]


def ppp(p):
    """Makes a line like a modem's: a pseudo-terminal with a pppd at each end."""
    name, words, here, there = dial(p)
    peer = " ".join(p.net.enter(p.net.client, ["pppd", "notty", *words]))
    p.net.popen(p.net.server, "pppd", "pty", peer, *words, f"{here}:{there}", stdout=subprocess.DEVNULL)
    return dialled(p, name)


def pppoe(p):
    """The host dials in by PPPoE over a wire; an access concentrator is at the other end."""
    name, words, here, there = dial(p)
    wire = p.wire()
    p.files = tempfile.TemporaryDirectory(prefix="sluice-test-")  # it goes with the place
    options = pathlib.Path(p.files.name) / "options"
    options.write_text("\n".join(w for w in words if w != "nodetach") + "\n")
    p.net.popen(p.net.client, "pppoe-server", "-F", "-I", wire, "-O", options, "-L", there, "-R", here, stdout=subprocess.DEVNULL)
    words = [w for w in words if w != "local"] + "mtu 1492 mru 1492 persist holdoff 1".split()  # `local` is a word of ttys
    p.net.popen(p.net.server, "pppd", "plugin", "rp-pppoe.so", wire, *words, stdout=subprocess.DEVNULL)
    return dialled(p, name)


macvlan = above("type", "macvlan", "mode", "bridge")
ipvlan = above("type", "ipvlan", "mode", "l2")
BARE = {  # without an Ethernet header
    "tun": tun,
    "IPIP": tunnel("ipip"),
    "GRE": tunnel("gre"),
    "SIT": tunnel("sit", "mode", "any"),
    "ip6tnl": tunnel("ip6tnl", "mode", "any"),
    "ip6gre": tunnel("ip6gre"),
    "WireGuard": wireguard,
    "PPP": ppp,
    "PPPoE": pppoe,
}
KINDS = {
    "a wire": plain,
    "MTU 9000": jumbo,
    "loopback": loopback,  # nobody is refused there
    "bridge port": bridge,
    "bridge": upper(bridge),
    "bridge and port": both(bridge),
    "macvlan": upper(macvlan),
    "macvlan and parent": both(macvlan),
    "ipvlan": upper(ipvlan),
    "tags": tagged,
    "tags taken off": stripped,
    "VLAN": upper(tagged),
    "VLAN and parent": both(tagged),
    "bond": upper(bond),
    "bond member": bond,
    "bond and member": both(bond),
    "VLAN over a bond": upper(tagged_over_bond),
    "VRF": vrf,
    **BARE,
}
NO_IPV6 = ("IPIP",)


class Named(Sluice):
    names, patience = (), 300  # the kernel verifies a gate for each

    def write(self, policy):
        self.file.write_text("interfaces = {" + ", ".join(self.names) + "}\n" + policy)


class World:
    """Those `kinds` of KINDS that the kernel has, with a server at port 25 of each. prepare(places) is called before sluice starts with `policy`."""

    def __init__(self, directory, policy, kinds, prepare=lambda places: None):
        self.places, self.missing, self.directory, self.sluice = {}, {}, directory, None
        with contextlib.ExitStack() as made:
            self.net = made.enter_context(contextlib.closing(Net()))
            for number, kind in enumerate(kinds, 1):
                try:
                    self.places[kind] = Place(self.net, kind, number)
                except Missing as e:
                    self.missing[kind] = str(e)
            self.names = [name for p in self.places.values() for name in p.names]
            if self.places:
                self.net.serve("::", 25)
                prepare(self.places.values())
                self.foretold = self.doctor(policy)
                self.sluice = made.enter_context(contextlib.closing(type("N", (Named,), {"names": self.names})(self.net, directory, policy)))
            self.made = made.pop_all()

    def doctor(self, policy):
        """Returns what doctor finds before sluice is there."""
        file = pathlib.Path(self.directory) / "before.conf"
        file.write_text("interfaces = {" + ", ".join(self.names) + "}\n" + policy)
        done = self.net.run(self.net.server, BUILD / "sluicectl", "-i", self.net.tag, "--json", "doctor", file, check=False)
        return [f["finding"] for f in json.loads(done.stdout)]

    def close(self):
        self.made.close()
