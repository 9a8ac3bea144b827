# SPDX-License-Identifier: BSD-2-Clause
"""Containers on a test network's server, set up as an engine does it: each has a namespace behind a bridge, and DNAT leads to it, without a proxy."""
from net import LIB, SERVER, SERVER6, sh

INSIDE = ("172.22.1.{}", "fd4d:1::{}")
NFT = """
table inet boxes {{
    chain out {{
        type nat hook prerouting priority dstnat;
{dnat}
    }}
    chain through {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct status dnat accept
        iifname br0 accept
    }}
}}
"""


class Box:
    """One container: a namespace with an address of each family on the bridge. It can be stopped and started again."""

    def __init__(self, engine, number):
        self.net, self.engine, self.number = engine.net, engine, number
        self.name = f"{self.net.tag}b{number}"
        self.path = f"/run/netns/{self.name}"
        self.address, self.address6 = (a.format(number) for a in INSIDE)
        self.servers = []
        self.start()

    def start(self):
        net, end = self.net, f"v{self.number}"
        sh("ip", "netns", "add", self.name)
        net.names.append(self.name)
        net.run(self.name, "ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "eth0", "netns", self.name, "type", "veth", "peer", "name", end, "netns", net.server)
        net.run(net.server, "ip", "link", "set", end, "master", "br0", "up")
        net.run(self.name, "ethtool", "-K", "eth0", "tx", "off")
        net.run(self.name, "ip", "link", "set", "eth0", "up")
        net.addresses(self.name, "eth0", f"{self.address}/24", f"{self.address6}/64")
        net.run(self.name, "ip", "route", "add", "default", "via", INSIDE[0].format(1))
        net.run(self.name, "ip", "-6", "route", "add", "default", "via", INSIDE[1].format(1))

    def serve(self, port=25, *args):
        process = self.net.popen(self.name, LIB / "serve.py", "::", port, *args)
        self.servers.append(process)
        return self.net.ready(process)

    def stop(self):
        """Ends the processes, and deletes the namespace with all that is in it."""
        for process in self.servers:
            process.kill()
            process.wait()
        self.servers = []
        self.net.names.remove(self.name)
        sh("ip", "netns", "del", self.name)
        # The kernel removes what was in it some time later. It may be under way.
        self.net.run(self.net.server, "ip", "link", "del", f"v{self.number}", check=False)

    def established(self, port=25):
        return self.net.established(port, self.name)


class Engine:
    """Does what docker, podman and the like do on a host: makes a bridge, forwards, and translates published ports by DNAT."""

    def __init__(self, net):
        self.net = net
        run = lambda *argv: net.run(net.server, *argv)
        run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "link", "set", "br0", "up")
        net.addresses(net.server, "br0", f"{INSIDE[0].format(1)}/24", f"{INSIDE[1].format(1)}/64")

    def publish(self, *ports):
        """Publishes ports, each given as (HOST PORT, BOX, PORT THERE), for both families."""
        rules = []
        for host, box, port in ports:
            rules.append(f"        ip daddr {SERVER} tcp dport {host} dnat ip to {box.address}:{port}")
            rules.append(f"        ip6 daddr {SERVER6} tcp dport {host} dnat ip6 to [{box.address6}]:{port}")
        net = self.net
        net.run(net.server, "nft", "delete", "table", "inet", "boxes", check=False)
        net.run(net.server, "nft", "-f", "-", input=NFT.format(dnat="\n".join(rules)))
