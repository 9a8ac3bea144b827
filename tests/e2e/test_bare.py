# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces whose packets have no Ethernet header: what test_kinds.py does not test at every interface."""
import contextlib
import json
import socket
import struct

import pytest

import kinds
from net import BUILD, SERVER, Net, needs
from topology import tun

LIMIT = "service smtp { ports = {25} max-connections-per-source = 2 }\n"
INFINIBAND = 32


@pytest.fixture
def only(tmp_path):
    """only(kind, policy) -> (net, sluice, its Place): makes that kind of interface alone, with sluice on it."""
    with contextlib.ExitStack() as made:
        def build(kind, policy):
            world = made.enter_context(contextlib.closing(kinds.World(tmp_path, policy, [kind])))
            needs(not world.missing, world.missing.get(kind))
            return world.net, world.sluice, world.places[kind]

        yield build


def fold(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def tagged_syn(tag, there, here):
    """Returns what GRE carries if its header announces a VLAN tag: the tag, and a SYN."""
    addresses = socket.inet_aton(there) + socket.inet_aton(here)
    tcp = lambda check: struct.pack("!HHIIBBHHH", 4444, 25, 1, 0, 0x50, 2, 64000, check, 0)
    ip = lambda check: struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, check) + addresses
    return struct.pack("!HH", tag, 0x0800) + ip(fold(ip(0))) + tcp(fold(addresses + struct.pack("!HH", 6, 20) + tcp(0)))


def test_gre_that_says_it_carries_a_vlan_tag_hides_nothing(only):
    net, sluice, place = only("GRE", "source-set foes { prefixes = {10.66.0.0/16} action = deny }\n" + LIMIT)
    taken = []
    for mode in ("observe", "enforce"):
        sluice.do("mode", mode)
        before = net.tcp_counter("InSegs")
        for tag in (0, 0x4000, 0x6000, 0xE000):
            packet = struct.pack("!HH", 0, 0x8100) + tagged_syn(tag, place.there[0], place.here)
            send = f"s = socket.socket(2, 3, 47); s.bind(('{place.outside}', 0)); s.sendto(bytes.fromhex('{packet.hex()}'), ('{SERVER}', 0))"
            net.run(net.client, "/usr/bin/python3", "-c", "import socket; " + send)
        taken.append(net.tcp_counter("InSegs") - before)
    print(f"the host takes {taken[0]} of 4, with sluice {taken[1]}")
    assert taken[1] == 0 and sluice.reason("evasion", service="-") == 4


def test_an_interface_whose_packets_sluice_cannot_read_is_refused_by_name(tmp_path):
    with contextlib.closing(Net()) as net:
        tun(net, "t0", INFINIBAND)
        file = tmp_path / "policy.conf"
        file.write_text("interfaces = {t0}\n" + LIMIT)
        found = json.loads(net.run(net.server, BUILD / "sluicectl", "-i", net.tag, "--json", "doctor", file, check=False).stdout)
        assert any(f["level"] == "bad" and "t0: its packets begin with a header that sluice does not read" in f["finding"] for f in found), found
        with pytest.raises(AssertionError, match="begin with a header that sluice does not read"):
            type("Tunneled", (kinds.Named,), {"names": ["t0"]})(net, tmp_path, LIMIT)
