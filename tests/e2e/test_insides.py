# SPDX-License-Identifier: BSD-2-Clause
"""Connections of containers, whose sockets the gate cannot look up: the owner of a 4-tuple is not disturbed (gate.md, T1), and odd clients are
served as without sluice (T8). Connections and limits of containers are in test_containers.py."""
import contextlib
import time

import pytest

import scripts
import test_scripts
import wire
from boxes import Box, Engine
from net import SERVER, Net, wait_for
from test_containers import boxed, container  # noqa: F401, a fixture

LIMITED = "service smtp {{ ports = {{25}} max-connections-per-source = {} on-excess = {} }}\n"
FORGED = {"SYN": ("S", 1, b""), "SYN+data": ("S", 1, b"forged"), "5 SYNs": ("S", 5, b""), "RST wrong number": ("R", 1, b""), "SYN+ACK": ("S.", 1, b"")}


@pytest.mark.parametrize("excess", ["drop", "reset"])
@pytest.mark.parametrize("forged", FORGED)
def test_what_is_forged_on_a_containers_connection_costs_it_nothing(boxed, forged, excess):  # noqa: F811
    """Once it was counted twice, and when another client took the source's last slot, each segment was refused or the connection was reset (G1)."""
    net, sluice, boxes = boxed(lambda b: LIMITED.format(2, excess) + container("mail", b[10]))
    boxes[10].serve()
    flags, times, data = FORGED[forged]
    with contextlib.ExitStack() as made:
        live, other = (made.enter_context(contextlib.closing(wire.client(net, "10.77.0.2", port))) for port in (21000, 21001))
        live.connect((SERVER, 25))
        assert live.recv(99)
        ears = made.enter_context(contextlib.closing(wire.Wire(net)))
        for i in range(times):
            ears.send(wire.segment("10.77.0.2", SERVER, 21000, 25, flags, 12345 + 99999 * i, 7, data))
        time.sleep(0.2)
        service = sluice.service()
        # A SYN with data may make a connection at once (Fast Open) if the old one has just ended, so it is charged like any SYN.
        assert (service["connections"], service["reserved"]) == (1, bool(data))
        time.sleep(3.5)
        assert wait_for(lambda: sluice.service()["reserved"] == 0), "what was forged runs out, within a sweep or two"
        other.connect((SERVER, 25))
        assert other.recv(99)
        live.send(b"F")
        assert live.recv(99) == b"", "the server heard it"
        assert sluice.reason("source-connections") == 0
    assert wait_for(lambda: sluice.connections() + sluice.service()["reserved"] == 0)


def test_a_syn_sent_again_to_a_container_costs_one_slot(boxed):  # noqa: F811
    """The SYN-ACK is lost, at a limit of 1. Once the connection's own segments were then refused for two minutes."""
    net, sluice, boxes = boxed(lambda b: LIMITED.format(1, "drop") + container("mail", b[10]))
    test_scripts.prepare(net)
    boxes[10].serve()
    client = scripts.Player(net, "10.77.5.2", 25, listening=False)
    said = client.play("> S 0 mss; > S 0 mss; <; <; > . 1 ack 1; <; > P. 1+5 ack 17; <; > P. 6+5 ack 17; <", close=False)
    assert said[-2:] == ["< . 18+0 ack 6", "< . 18+0 ack 11"] or said[-2:] == ["< . 17+0 ack 6", "< . 17+0 ack 11"], said
    service = sluice.service()
    assert (service["connections"], service["reserved"], sluice.reason("source-connections")) == (1, 0, 0)
    client.play("> R 11")
    assert wait_for(lambda: sluice.connections() + sluice.service()["reserved"] == 0)


def engine_of(net):
    """Makes a container to which all ports of the scripts lead, and in which their listeners are."""
    test_scripts.prepare(net)
    engine = Engine(net)
    box = Box(engine, 10)
    net.run(box.name, "sh", "-c", "echo 3 >/proc/sys/net/ipv4/tcp_fastopen; echo 0 >/proc/sys/net/ipv4/tcp_invalid_ratelimit")
    engine.publish(*((port, box, port) for port in test_scripts.PORTS))
    net.listening = box.name
    return box


def test_odd_clients_of_containers_are_served_as_without_sluice(make):
    names = {name for name, text in test_scripts.SCRIPTS.items() if "connect;" not in text}
    with contextlib.closing(Net()) as bare:
        engine_of(bare)
        without = test_scripts.settled(lambda left: test_scripts.played(bare, left or names))
    net, sluice = make(test_scripts.POLICY)
    box, ports = engine_of(net), test_scripts.PORTS
    quoted = lambda some: ", ".join(f'"{port}"' for port in some)
    sluice.write(test_scripts.POLICY + "".join(container(f"c{i}", box, quoted(ports[i : i + 32])) for i in range(0, len(ports), 32)))
    sluice.do("reload")
    wrong = test_scripts.differing(without, lambda left: test_scripts.played(net, left))
    print(f"\n{len(names) - len(wrong)} of {len(names)} as without sluice; {({name: (without[name], wrong[name]) for name in wrong})}")
    assert not wrong
    assert wait_for(lambda: test_scripts.left(sluice)["reserved"] == 0)
