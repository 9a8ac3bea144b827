# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces whose packets have no Ethernet header are judged as others are, or sluice says that it cannot."""
import contextlib
import json
import os
import pathlib
import socket
import struct
import subprocess
import tempfile

import pytest

import judged
from net import BUILD, LIB, SERVER, SERVER6, Net, Sluice, needs, wait_for

HERE, THERE, HERE6, THERE6 = "10.66.0.1", "10.66.0.2", "fd66::1", "fd66::2"
LIMIT = "service smtp { ports = {25} max-connections-per-source = 2 }\n"
INFINIBAND = 32


def tun(net, *kind):
    """A tun device at each end of the network, t0 both."""
    return net.ready(net.popen(net.server, LIB / "tunnel.py", net.server, net.client, *kind))


def kernel_tunnel(*words):
    def make(net):
        v6 = words[0] in ("ip6tnl", "ip6gre")
        here, there = (SERVER6, "fd77:0:1::2") if v6 else (SERVER, "10.77.0.2")
        for ns, local, remote in ((net.server, here, there), (net.client, there, here)):
            done = net.run(ns, "ip", "link", "add", "t0", "type", *words, "local", local, "remote", remote, check=False)
            needs(not done.returncode, f"this kernel has no {words[0]}: {done.stderr.strip()}")
    return make


def wireguard(net):
    """Each end knows the other's key, and lets it send from every address of the tunnel."""
    ends = ((net.server, SERVER, f"{HERE}/32, {HERE6}/128"), (net.client, "10.77.0.2", "10.66.0.0/24, fd66::/64"))
    keys = [net.run(net.server, "wg", "genkey").stdout.strip() for _ in ends]
    for (ns, _, _), (_, remote, allowed), own, key in zip(ends, reversed(ends), keys, reversed(keys)):
        done = net.run(ns, "ip", "link", "add", "t0", "type", "wireguard", check=False)
        needs(not done.returncode, f"this kernel has no wireguard: {done.stderr.strip()}")
        peer = net.run(ns, "sh", "-c", f"echo {key} | wg pubkey").stdout.strip()
        net.run(ns, "bash", "-c", f"wg set t0 listen-port 51820 private-key <(echo {own}) peer {peer} endpoint {remote}:51820 allowed-ips '{allowed}'")


def there_is_ppp(net):
    net.run(net.server, "modprobe", "-a", "ppp_generic", "ppp_async", "pppoe", check=False)
    needs(os.path.exists("/dev/ppp"), "this kernel has no PPP")


# Addresses of its own for the peers' agreement; up() adds those that are tested.
PPP = "nodetach noauth local nodefaultroute ifname t0 +ipv6 noccp".split()


def linked(net):
    """Both ends of t0 are up, and IPv6 is agreed on."""
    at = lambda ns: net.run(ns, "ip", "-6", "addr", "show", "dev", "t0", "scope", "link", check=False).stdout
    assert wait_for(lambda: "inet6" in at(net.server) and "inet6" in at(net.client), 20)


def ppp(net):
    """A line, as of a modem: a pseudo-terminal with a pppd at each end."""
    there_is_ppp(net)
    peer = " ".join(net.enter(net.client, ["pppd", "notty", *PPP]))
    net.popen(net.server, "pppd", "pty", peer, *PPP, "10.66.9.1:10.66.9.2", stdout=subprocess.DEVNULL)
    linked(net)


def pppoe(net):
    """The host dials in by PPPoE over s0; an access concentrator is at the other end."""
    there_is_ppp(net)
    options = pathlib.Path(tempfile.mkdtemp()) / "options"
    options.write_text("\n".join(w for w in PPP if w != "nodetach") + "\n")
    net.popen(net.client, "pppoe-server", "-F", "-I", "c0", "-O", options, "-L", "10.66.9.2", "-R", "10.66.9.1", stdout=subprocess.DEVNULL)
    dial = [w for w in PPP if w != "local"]  # a word of ttys
    net.popen(net.server, "pppd", "plugin", "rp-pppoe.so", "s0", *dial, "mtu", "1492", "mru", "1492", "persist", "holdoff", "1", stdout=subprocess.DEVNULL)
    linked(net)


KINDS = {
    "tun": tun,
    "ipip": kernel_tunnel("ipip"),
    "gre": kernel_tunnel("gre"),
    "sit": kernel_tunnel("sit", "mode", "any"),
    "ip6tnl": kernel_tunnel("ip6tnl", "mode", "any"),
    "ip6gre": kernel_tunnel("ip6gre"),
    "wireguard": wireguard,
    "ppp": ppp,
    "pppoe": pppoe,
}
ONLY_IPV4 = ("ipip",)


class Tunneled(Sluice):
    def write(self, policy):
        self.file.write_text("interfaces = {t0}\n" + policy)


def up(net):
    for ns, *addresses in ((net.server, HERE + "/24", HERE6 + "/64"), (net.client, THERE + "/24", THERE6 + "/64", "10.66.0.3/24", "10.66.0.4/24", "10.66.0.5/24")):
        net.run(ns, "ip", "link", "set", "t0", "up")
        net.addresses(ns, "t0", *addresses)


@pytest.fixture
def tunneled(tmp_path):
    with contextlib.ExitStack() as made:
        def build(kind, policy):
            net = made.enter_context(contextlib.closing(Net()))
            KINDS[kind](net)
            up(net)
            net.serve("::", 25)
            return net, made.enter_context(contextlib.closing(Tunneled(net, tmp_path, policy)))

        yield build


@pytest.mark.parametrize("kind", KINDS)
def test_limits_bans_countries_and_cookies_hold_where_packets_have_no_ethernet_header(tunneled, tmp_path, kind):
    judged.countries(tmp_path, "10.66.0.4")
    net, sluice = tunneled(kind, judged.WHOLE)
    assert kind in ONLY_IPV4 or judged.greeted(net, HERE6, THERE6) == [judged.LIMIT]
    judged.hold_all(net, sluice, HERE, THERE, "10.66.0.3", "10.66.0.4", "10.66.0.5")
    t0 = judged.agreed(sluice, "t0")
    assert t0["xdp_mode"] == "generic" and t0["answers"] == "host" and "no Ethernet header" in t0["why"], t0
    assert not sluice.reason("unparsed", service="-") and not sluice.reason("cookie-sent"), "the cookies are the host's own"


def fold(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def tagged_syn(tag):
    """What GRE carries if it says that it is a VLAN tag: one, and a SYN from THERE."""
    addresses = socket.inet_aton(THERE) + socket.inet_aton(HERE)
    tcp = lambda check: struct.pack("!HHIIBBHHH", 4444, 25, 1, 0, 0x50, 2, 64000, check, 0)
    ip = lambda check: struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, check) + addresses
    return struct.pack("!HH", tag, 0x0800) + ip(fold(ip(0))) + tcp(fold(addresses + struct.pack("!HH", 6, 20) + tcp(0)))


def test_gre_that_says_it_carries_a_vlan_tag_hides_nothing(tunneled):
    net, sluice = tunneled("gre", "source-set foes { prefixes = {10.66.0.2} action = deny }\n" + LIMIT)
    segments = lambda: int(net.run(net.server, "sh", "-c", "grep ^Tcp: /proc/net/snmp").stdout.splitlines()[1].split()[10])
    taken = []
    for mode in ("observe", "enforce"):
        sluice.do("mode", mode)
        before = segments()
        for tag in (0, 0x4000, 0x6000, 0xE000):
            packet = struct.pack("!HH", 0, 0x8100) + tagged_syn(tag)
            net.run(net.client, "/usr/bin/python3", "-c", f"import socket; socket.socket(2, 3, 47).sendto(bytes.fromhex('{packet.hex()}'), ('{SERVER}', 0))")
        taken.append(segments() - before)
    print(f"the host takes {taken[0]} of 4, with sluice {taken[1]}")
    assert taken[1] == 0 and sluice.reason("evasion", service="-") == 4


def test_floods_are_answered_by_the_hosts_own_cookies_there(tunneled):
    net, sluice = tunneled("tun", "syn-flood { pressure-syn-rate = 1/1s }\n" + LIMIT)
    h = net.hold(THERE, HERE)
    h("open", 6)
    assert h.settle()["greeted"] == 2
    assert sluice.reason("cookie-sent") == 0 and sluice.service()["pressure"]


def test_what_cannot_be_read_is_not_guarded_and_that_is_said(tmp_path):
    with contextlib.closing(Net()) as net:
        tun(net, INFINIBAND)
        file = tmp_path / "policy.conf"
        file.write_text("interfaces = {t0}\n" + LIMIT)
        found = json.loads(net.run(net.server, BUILD / "sluicectl", "-i", net.tag, "--json", "doctor", file, check=False).stdout)
        assert any(f["level"] == "bad" and "t0: its packets begin with a header that sluice does not read" in f["finding"] for f in found), found
        with pytest.raises(AssertionError, match="begin with a header that sluice does not read"):
            Tunneled(net, tmp_path, LIMIT)
