# SPDX-License-Identifier: BSD-2-Clause
"""Sockets of containers that publish mail ports by DNAT count as the host's own: exactly, and whatever becomes of the container."""
import time

import pytest

from boxes import Box, Engine
from net import SERVER, SERVER6, wait_for

TEN = "service smtp { ports = {25} max-connections-per-source = 10 }\n"


def container(name, box, ports='"25"', netns=None, addresses=True):
    where = f"addresses = {{{box.address}, \"{box.address6}\"}} " if addresses else ""
    return f'container {name} {{ netns = "{netns or box.path}" {where}ports = {{{ports}}} }}\n'


@pytest.fixture
def boxed(make):
    """boxed(policy of the boxes, ports, rtt) -> (net, sluice, boxes): ports are (HOST, NUMBER OF BOX, PORT THERE)."""

    def build(policy, ports=((25, 10, 25),), rtt=0):
        net, sluice = make(TEN, rtt)
        engine = Engine(net)
        boxes = {number: Box(engine, number) for number in {p[1] for p in ports}}
        engine.publish(*((host, boxes[number], port) for host, number, port in ports))
        sluice.write(policy(boxes))
        sluice.do("reload")
        return net, sluice, boxes

    return build


def quiet(sluice, services=("smtp",)):
    """Nothing is held, and nothing is wrong."""
    of = lambda s: s["connections"] + s["reserved"]
    done = lambda: sum(of(sluice.service(name)) for name in services) == 0
    return wait_for(done, 15) and sluice.json("sources") == [] and sluice.json("status")["drift"] == 0


def test_connections_to_a_container_are_counted_by_their_source(boxed):
    net, sluice, boxes = boxed(lambda b: TEN + container("mail", b[10]))
    boxes[10].serve()
    for source, target in (("10.77.0.2", SERVER), ("fd77:0:1::2", SERVER6)):
        h = net.hold(source, target)
        h("open", 12)
        assert h.greeted(10) and h.settle()["greeted"] == 10
        assert sluice.connections() == boxes[10].established() == 10
        assert [s["connections"] for s in sluice.json("sources")] == [10]
        h.process.stdin.close()
        h.process.wait()
        assert quiet(sluice)
