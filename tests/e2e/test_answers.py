# SPDX-License-Identifier: BSD-2-Clause
"""XDP answers only if its answer takes the path that the host's own would take; otherwise the host answers (gate.md, G3 and T3)."""
import contextlib
import functools
import time

import pytest

import tools
import topology
from net import SERVER, Net, Sluice, wait_for
from pressure import PRESSED, press, suspects

MANY = "service smtp { ports = {25} max-connections-per-source = 40 }\n"
RESET = "service smtp { ports = {25} max-connections-per-source = 2 on-excess = reset }\n"

# topology -> (how it is made, which address the client connects to, further interfaces of the policy, who answers at s0 or s1)
TOPOLOGIES = {
    "symmetric": (lambda net: None, SERVER, "", {"s0": "xdp"}),
    "a bridge's port": (topology.bridged, SERVER, "", {"s0": "xdp"}),
    "address on lo, another way back": (topology.director, topology.VIP, "s1", {"s0": "xdp"}),
    "crossed routes": (functools.partial(topology.director, vip_on="s1"), topology.VIP, "s1", {}),
    "a macvlan child's address": (topology.macvlan, topology.VIP, "", {"s0": "xdp"}),
    "a veth peer without NAPI": (topology.bare_peer, SERVER, "", {}),
}


class Wired(Sluice):
    more = ""

    def write(self, policy):
        self.file.write_text("interfaces = {s0" + (", " + self.more if self.more else "") + "}\n" + policy)

    def interface(self, name="s0"):
        return next(i for i in self.json("status")["interfaces"] if i["name"] == name)


@pytest.fixture
def wired(tmp_path):
    with contextlib.ExitStack() as made:
        def build(how, policy, more=""):
            net = made.enter_context(contextlib.closing(Net()))
            how(net)
            net.serve("::", 25)
            kind = type("Wired", (Wired,), {"more": more})
            return net, made.enter_context(contextlib.closing(kind(net, tmp_path, policy)))

        yield build


def calm(net, sluice, target):
    pass


def suspect(net, sluice, target):
    """Makes the source a suspect, by one spoofed SYN in its name that nobody answers, not even by a RST."""
    net.deafen()
    tools.forge(net, 25, "10.77.0.2", "syn", 1).finish()
    assert wait_for(lambda: suspects(sluice))
    net.undeafen()


def pressure(net, sluice, target):
    sluice.write(PRESSED + MANY)
    sluice.do("reload")
    press(net, sluice)


@pytest.mark.parametrize("state", [calm, suspect, pressure], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_everybody_is_greeted_as_without_sluice(wired, name, state):
    how, target, more, answers = TOPOLOGIES[name]
    net, sluice = wired(how, MANY, more)
    known = net.hold("10.77.0.2", target)
    known("open", 1)
    assert known.greeted(1), "sluice knows that this source answers"
    state(net, sluice, target)
    h = net.hold("10.77.0.2", target)
    began = time.monotonic()
    h("open", 12)
    greeted = h.greeted(12, 12)
    took = time.monotonic() - began
    rows = {i["name"]: (i["answers"], i["cookies_sent"], i["cookies_returned"]) for i in sluice.json("status")["interfaces"]}
    print(f"{name}, {state.__name__}: {h('count')['greeted']} of 12 greeted in {took:.1f} s; {rows}")
    assert greeted
    assert all(rows[i][0] == who for i, who in answers.items()), rows
    assert sluice.json("status")["drift"] == 0


def test_if_cookies_do_not_come_back_the_host_answers_and_sluice_says_so(wired):
    net, sluice = wired(topology.bare_peer, MANY)
    known = net.hold("10.77.0.2")
    known("open", 1)
    assert known.greeted(1)
    pressure(net, sluice, SERVER)
    h = net.hold("10.77.0.2")
    h("open", 12)
    assert h.greeted(12, 12)
    s0 = sluice.interface()
    assert s0["answers"] == "host" and "did not come back" in s0["why"] and s0["cookies_sent"] >= 8 and not s0["cookies_returned"], s0
    assert "the host answers there, not XDP: SYN cookies" in sluice.do("status")
    assert any("did not come back" in f["finding"] for f in sluice.json("doctor", sluice.file))


def test_an_answer_in_generic_mode_would_spoil_checksums_of_neighbours(wired):
    net, sluice = wired(lambda net: None, "xdp-mode = generic\n" + PRESSED + RESET)
    s0 = sluice.interface()
    assert s0["answers"] == "host" and "checksums" in s0["why"], s0
    press(net, sluice)
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)
    h("open", 1)
    assert h.settle()["refused"] == 0, "sluice sends no RST that the host would not send"
    assert sluice.reason("cookie-sent") == 0 and sluice.reason("cookie-valid") >= 2


def test_refusals_are_answered_only_where_the_way_back_is_the_way_in(wired):
    net, sluice = wired(topology.director, RESET, "s1")
    there, here = net.hold("10.77.0.2", topology.VIP), net.hold("10.77.0.3")
    for h, refused in ((there, 0), (here, 1)):
        h("open", 2)
        assert h.greeted(2)
        h("open", 1)
        assert wait_for(lambda: h("count")["refused"] == refused)
        time.sleep(0.3)
        assert h("count")["refused"] == refused


def test_an_address_that_moves_to_another_interface_is_the_hosts_to_answer(wired):
    net, sluice = wired(lambda net: None, PRESSED + MANY)
    assert sluice.interface()["answers"] == "xdp"
    net.run(net.server, "ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
    net.run(net.server, "ip", "addr", "flush", "dev", "s0")
    assert wait_for(lambda: sluice.interface()["answers"] == "host", 2)
    assert "no address" in sluice.interface()["why"]
    net.addresses(net.server, "s0", f"{SERVER}/16")
    assert wait_for(lambda: sluice.interface()["answers"] == "xdp", 2)
