# SPDX-License-Identifier: BSD-2-Clause
"""Adds more hosts to a test network: hosts behind the server, which bridges or routes to them, and servers in them."""
import json

from net import BUILD, LIB, sh

OTHER, OTHER6 = "10.77.0.200", "fd77::200"
PASS = BUILD / "tests/lib/pass.bpf.o"
BEHIND = "10.78.0.2"
BRIDGE_ADDRESSES = ("10.77.0.1/16", "fd77::1/32")


class Behind:
    """A host behind the server. Its end of their link is `o0`, the server's is `end`."""

    def __init__(self, net, end="p1"):
        self.net, self.name, self.end = net, net.tag + "o", end
        sh("ip", "netns", "add", self.name)
        net.names.append(self.name)
        net.run(self.name, "ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "o0", "netns", self.name, "type", "veth", "peer", "name", end, "netns", net.server)
        for ns, nic in ((net.server, end), (self.name, "o0")):
            net.run(ns, "ethtool", "-K", nic, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            net.run(ns, "ip", "link", "set", nic, "up")

    def serve(self, port=25):
        return self.net.ready(self.net.popen(self.name, LIB / "serve.py", "::", port))

    def established(self, port=25):
        return self.net.established(port, self.name)


def bridged(net):
    """Makes s0 a port of the bridge br0, which gets the server's addresses. Another host is at another port of it."""
    other = Behind(net)
    run = lambda *argv: net.run(net.server, *argv)
    run("ip", "link", "add", "br0", "type", "bridge")
    run("ip", "addr", "flush", "dev", "s0")
    for end in ("s0", other.end):
        run("ip", "link", "set", end, "master", "br0")
    run("ip", "link", "set", "br0", "up")
    net.addresses(net.server, "br0", *BRIDGE_ADDRESSES)
    net.addresses(other.name, "o0", f"{OTHER}/16", f"{OTHER6}/32")
    return other


def routed(net):
    """Makes the server route to another host, in a network of its own."""
    other = Behind(net)
    net.run(net.server, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    net.addresses(net.server, other.end, "10.78.0.1/24")
    net.addresses(other.name, "o0", f"{BEHIND}/24")
    net.run(other.name, "ip", "route", "add", "default", "via", "10.78.0.1")
    net.run(net.client, "ip", "route", "add", "10.78.0.0/24", "via", "10.77.0.1")
    return other


VIP = "10.99.0.1"


def director(net, vip_on="lo"):
    """
    Makes the way in differ from the way out: packets to VIP come through another host and s1, answers go out by s0. That host drops what comes
    back to it, as a director of LVS-DR does with packets from its own address.
    """
    between = net.tag + "d"
    sh("ip", "netns", "add", between)
    net.names.append(between)
    for ns, end, other, other_end in ((net.client, "c1", between, "d0"), (net.server, "s1", between, "d1")):
        sh("ip", "link", "add", end, "netns", ns, "type", "veth", "peer", "name", other_end, "netns", other)
        for where, nic in ((ns, end), (other, other_end)):
            net.run(where, "ethtool", "-K", nic, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            net.run(where, "ip", "link", "set", nic, "up")
    net.addresses(net.client, "c1", "10.81.0.1/24")
    net.addresses(between, "d0", "10.81.0.2/24")
    net.addresses(between, "d1", "10.80.0.2/24")
    net.addresses(net.server, "s1", "10.80.0.1/24")
    net.addresses(net.server, vip_on, f"{VIP}/32")
    net.run(between, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    net.run(between, "ip", "route", "add", VIP, "via", "10.80.0.1")
    net.run(between, "ip", "route", "add", "10.77.0.0/16", "via", "10.81.0.1")
    net.run(between, "ip", "rule", "add", "iif", "d1", "blackhole")
    net.run(between, "ip", "link", "set", "d1", "xdp", "obj", PASS, "sec", "xdp")
    net.run(net.client, "ip", "route", "add", VIP, "via", "10.81.0.2")


def macvlan(net):
    """Gives VIP to a macvlan child of s0."""
    net.run(net.server, "ip", "link", "add", "m0", "link", "s0", "type", "macvlan", "mode", "bridge")
    net.run(net.server, "ip", "link", "set", "m0", "up")
    net.addresses(net.server, "m0", f"{VIP}/32")
    mac = json.loads(net.run(net.server, "ip", "-j", "link", "show", "m0").stdout)[0]["address"]
    net.run(net.client, "ip", "neigh", "replace", "10.77.9.9", "lladdr", mac, "dev", "c0")
    net.run(net.client, "ip", "route", "add", VIP, "via", "10.77.9.9", "dev", "c0")


def bare_peer(net):
    """Makes the other end of s0 work without NAPI, so that what XDP_TX sends gets lost on the way."""
    net.run(net.client, "ip", "link", "set", "c0", "xdp", "off")


def jumbo(net, nic="s0", peer="c0"):
    """Sets MTU 9000 at both ends. The client's end still polls by NAPI."""
    net.run(net.client, "ip", "link", "set", peer, "xdp", "off")
    net.run(net.client, "ip", "link", "set", peer, "xdp", "obj", PASS, "sec", "xdp.frags")
    for ns, end in ((net.client, peer), (net.server, nic)):
        net.run(ns, "ip", "link", "set", end, "mtu", "9000")


def tun(net, name, *hardware):
    """Makes a tun device at each end of the network. `hardware` is the type that they claim (ARPHRD_*)."""
    net.ready(net.popen(net.server, LIB / "tunnel.py", net.server, net.client, name, *hardware))
