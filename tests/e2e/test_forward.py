# SPDX-License-Identifier: BSD-2-Clause
"""sluice ignores packets that the host would only forward, or drop because they are for another host (gate.md, G4)."""
import contextlib
import time

import pytest

import tools
import topology
from net import SERVER, SERVER6, Net, Sluice, wait_for
from pressure import PRESSED, press

THREE = "service smtp { ports = {25} max-connections-per-source = 3 on-excess = reset }\n"


@pytest.fixture
def between(tmp_path):
    """between(how, policy) -> (net, sluice, the other host). The network is ready before sluice starts."""
    with contextlib.ExitStack() as made:
        def build(how, policy):
            net = made.enter_context(contextlib.closing(Net()))
            other = how(net)
            other.serve()
            net.serve("::", 25)
            sluice = made.enter_context(contextlib.closing(Sluice(net, tmp_path, policy)))
            return net, sluice, other

        yield build


def to_the_other(how, family=4):
    if how is topology.routed:
        return topology.BEHIND
    return topology.OTHER if family == 4 else topology.OTHER6


def untouched(net, sluice, held=0):
    """Nothing is held, refused or answered for anybody but the host itself."""
    service = sluice.service()
    print(f"held {service['connections']}+{service['reserved']}, refused {service['refused']}, cookies {sluice.reason('cookie-sent')}")
    return service["connections"] == held and service["reserved"] == 0 and service["refused"] == 0


@pytest.mark.parametrize("how, family", [(topology.bridged, 4), (topology.bridged, 6), (topology.routed, 4)])
def test_connections_to_another_host_are_all_greeted_and_take_nothing(between, how, family):
    net, sluice, other = between(how, THREE)
    h = net.hold("10.77.0.2" if family == 4 else "fd77:0:1::2", to_the_other(how, family))
    h("open", 20)
    assert h.greeted(20), h("count")
    assert other.established() == 20
    assert untouched(net, sluice)
    assert sluice.reason("not-local") >= 20
    h = net.hold("10.77.0.2" if family == 4 else "fd77:0:1::2", SERVER if family == 4 else SERVER6)
    h("open", 5)
    assert h.greeted(3) and wait_for(lambda: h("count")["refused"] == 2), "the host itself is guarded all the same"


@pytest.mark.parametrize("how", [topology.bridged, topology.routed])
def test_under_pressure_nobody_is_answered_in_another_hosts_name(between, how):
    net, sluice, other = between(how, PRESSED + THREE)
    old = net.hold("10.77.0.4", to_the_other(how))
    old("open", 2)
    assert old.greeted(2)
    press(net, sluice)
    sent = sluice.reason("cookie-sent")
    h = net.hold("10.77.0.2", to_the_other(how))
    h("open", 20)
    assert h.greeted(20), h("count")
    assert sluice.reason("cookie-sent") == sent
    old("say", "F")
    assert wait_for(lambda: old("count")["ended"] == 2), "what is under way goes on"
    assert sluice.reason("cookie-forged") == 0
    assert sluice.service()["connections"] == 0


@pytest.mark.parametrize("how", [topology.bridged, topology.routed])
def test_spoofed_syns_to_another_host_make_nobody_suspect(between, how):
    net, sluice, other = between(how, THREE)
    h = net.hold("10.77.0.2")
    h("open", 1)
    assert h.greeted(1)
    tools.forge(net, 25, "10.77.0.2", "syn", 8, to=to_the_other(how)).finish()
    assert sluice.service()["reserved"] == 0
    time.sleep(4)
    h("open", 2)
    assert h.greeted(3) and sluice.reason("cookie-sent") == 0


def test_addresses_that_come_and_go_are_known_within_a_second(between):
    net, sluice, other = between(topology.bridged, THREE)
    h = net.hold("10.77.0.2", "10.77.0.99")
    asked = sluice.reason("admitted")
    net.addresses(net.server, "br0", "10.77.0.99/16", "fd77::99/32")
    time.sleep(1)
    h("open", 5)
    assert h.greeted(3) and wait_for(lambda: h("count")["refused"] == 2)
    assert sluice.reason("admitted") == asked + 3
    net.run(net.server, "ip", "addr", "del", "10.77.0.99/16", "dev", "br0")
    time.sleep(1)
    passed = sluice.reason("not-local")
    tools.forge(net, 25, "10.77.3.9", "syn", 3, to="10.77.0.99").finish()
    assert wait_for(lambda: sluice.reason("not-local") >= passed + 3)
    assert sluice.service()["reserved"] == 0


def test_a_prefix_that_is_local_as_a_whole_is_guarded(between):
    """This is AnyIP: ip route add local 192.0.2.0/24 dev lo."""
    net, sluice, other = between(topology.bridged, THREE)
    net.run(net.server, "ip", "route", "add", "local", "192.0.2.0/24", "dev", "lo")
    net.run(net.client, "ip", "route", "add", "192.0.2.0/24", "via", SERVER)
    time.sleep(1)
    h = net.hold("10.77.0.2", "192.0.2.77")
    h("open", 5)
    assert h.greeted(3) and wait_for(lambda: sluice.service()["refused"] >= 2)
    assert h.settle()["greeted"] == 3 and h("count")["refused"] == 0, "sluice sends no RST, since no interface has that address"
    net.run(net.server, "ip", "route", "del", "local", "192.0.2.0/24", "dev", "lo")


def test_a_frame_for_many_hosts_takes_nothing(make):
    net, sluice = make(THREE)
    net.serve("::", 25)
    tools.forge(net, 25, "10.77.0.2", "syn", 4, "-m", "01:00:5e:00:00:01").finish()
    tools.forge(net, 25, "10.77.0.2", "syn", 4, "-m", "ff:ff:ff:ff:ff:ff").finish()
    assert wait_for(lambda: sluice.reason("not-local") == 8)
    assert untouched(net, sluice)


def test_a_daemon_that_is_killed_leaves_the_addresses_known(between):
    net, sluice, other = between(topology.bridged, THREE)
    sluice.kill()
    h = net.hold("10.77.0.2", topology.OTHER)
    h("open", 10)
    assert h.greeted(10), h("count")
    net.run(net.server, "ip", "addr", "add", "10.77.0.98/16", "dev", "br0")
    sluice.start()
    h = net.hold("10.77.0.2", "10.77.0.98")
    h("open", 5)
    assert h.greeted(3) and wait_for(lambda: h("count")["refused"] == 2)
