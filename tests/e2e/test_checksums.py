# SPDX-License-Identifier: BSD-2-Clause
"""A frame of a neighbour on this machine may say that its checksum is still to be made. XDP does not see that, and the host takes such a frame whatever
is in the field: so what has a wrong checksum must not be left to the host."""
import contextlib
import socket
import struct

import pytest

import wire
from net import SERVER, inside, wait_for
from tools import server_mac

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM = struct.pack("<BBHHHH", 1, 0, 54, 0, 34, 16)  # struct virtio_net_hdr: the sum from byte 34 on belongs into its byte 16
SYNS, LIMIT = 8, 2


def unfinished_syn(source, port, wrong):
    packet = wire.segment(source, SERVER, port, 25, "S", 100)
    pseudo = wire.checksum(packet[12:20] + struct.pack("!HH", 6, 20)) ^ 0xFFFF
    return packet[:36] + struct.pack("!H", (pseudo + wrong) & 0xFFFF) + packet[38:]


def send(net, source, wrong):
    """Sends SYNs whose checksum is still to be made, over the sum of the pseudo header, plus what is wrong of it."""
    with inside(net.client):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with contextlib.closing(s):
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        s.bind(("c0", 0))
        mac = bytes.fromhex(server_mac(net).replace(":", ""))
        for port in range(2000, 2000 + SYNS):
            s.send(NEEDS_CSUM + mac + b"\2\0\0\0\0\1" + b"\x08\0" + unfinished_syn(source, port, wrong))


def half_open(net, source):
    return len(net.run(net.server, "ss", "-Htn", "state", "syn-recv", f"( sport = :25 and dst {source} )").stdout.splitlines())


@pytest.mark.parametrize("excess", ("drop", "reset"))
def test_a_syn_whose_unfinished_checksum_is_wrong_does_not_get_past_the_limit(make, excess):
    net, sluice = make(f"mode = observe\nservice smtp {{ ports = {{25}} max-connections-per-source = {LIMIT} on-excess = {excess} }}\n")
    net.serve("::", 25)
    net.run(net.client, "ethtool", "-K", "c0", "tx", "on")  # nobody on the way makes checksums
    net.deafen()
    send(net, "10.77.0.3", wrong=0x1111)
    assert wait_for(lambda: half_open(net, "10.77.0.3") == SYNS), "the host takes them all"
    sluice.do("mode", "enforce")
    send(net, "10.77.0.2", wrong=0x1111)
    assert wait_for(lambda: sluice.reason("checksum") >= SYNS) and half_open(net, "10.77.0.2") == 0
    send(net, "10.77.0.2", wrong=0)
    assert wait_for(lambda: half_open(net, "10.77.0.2") == LIMIT)
    send(net, "10.77.0.2", wrong=0x1111)
    assert wait_for(lambda: sluice.reason("checksum") + sluice.reason("source-connections") >= 3 * SYNS - LIMIT) and half_open(net, "10.77.0.2") == LIMIT
