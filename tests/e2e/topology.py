# SPDX-License-Identifier: BSD-2-Clause
"""More hosts on a test network: others behind the server, which bridges or routes to them, and servers in them."""
from net import LIB, sh

OTHER, OTHER6 = "10.77.0.200", "fd77::200"
BEHIND = "10.78.0.2"
BRIDGE_ADDRESSES = ("10.77.0.1/16", "fd77::1/32")


class Behind:
    """A host of its own behind the server: its end is `o0`, the server's is `end`."""

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
    """s0 becomes a port of the bridge br0, which has the server's addresses; another host is at another port of it."""
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
    """The server routes to another host in a network of its own."""
    other = Behind(net)
    net.run(net.server, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    net.addresses(net.server, other.end, "10.78.0.1/24")
    net.addresses(other.name, "o0", f"{BEHIND}/24")
    net.run(other.name, "ip", "route", "add", "default", "via", "10.78.0.1")
    net.run(net.client, "ip", "route", "add", "10.78.0.0/24", "via", "10.77.0.1")
    return other
