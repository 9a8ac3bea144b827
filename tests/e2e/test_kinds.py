# SPDX-License-Identifier: BSD-2-Clause
"""All that a policy says holds at every kind of interface (kinds.py), and status and doctor say the same of each. One sluice guards them all,
since a start takes minutes under emulation. Kinds that no test of this run uses are not made."""
import contextlib

import pytest

import judged
import kinds
from net import needs

JUDGED = [kind for kind in kinds.KINDS if kind != "loopback"]


@pytest.fixture(scope="module")
def world(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("kinds")
    asked = {item.callspec.params["kind"] for item in request.session.items if item.fspath == request.fspath and hasattr(item, "callspec")}
    prepare = lambda places: judged.countries(directory, *(p.foreign for p in places))
    with contextlib.closing(kinds.World(directory, judged.WHOLE, [k for k in kinds.KINDS if not asked or k in asked], prepare)) as made:
        yield made


@pytest.fixture(scope="module")
def pressed(world):
    judged.press(world.sluice)
    return world


def place(world, kind):
    needs(kind not in world.missing, world.missing.get(kind))
    return world.places[kind]


@pytest.mark.parametrize("kind", JUDGED)
def test_limits_bans_and_countries_hold_there(world, kind):
    p, sluice = place(world, kind), world.sluice
    unread = sluice.reason("unparsed", service="-")
    judged.hold_rules(world.net, sluice, p.here, *p.there[:3])
    assert kind in kinds.NO_IPV6 or judged.greeted(world.net, p.here6, p.there6) == [judged.LIMIT]
    assert kind not in kinds.BARE or sluice.reason("unparsed", service="-") == unread


@pytest.mark.parametrize("kind", JUDGED)
def test_cookies_hold_there_whoever_answers(pressed, kind):
    p, sluice = place(pressed, kind), pressed.sluice
    judged.hold_cookies(pressed.net, sluice, p.here, p.there[3])
    status = [i for i in sluice.json("status")["interfaces"] if i["name"] in p.names]
    for i in status:
        assert (i["answers"] == "xdp") == (i["cookies_returned"] > 0) == (i["cookies_sent"] > 0) or len(p.names) > 1, status
    assert kind not in kinds.BARE or status[0]["why"] == "its frames have no Ethernet header", status


def test_segments_of_connections_in_a_vrf_are_no_strays(pressed):
    """The gate finds none of them there (bpf/flow/unseen.bpf.h). Since cookies were sent, it asks about each."""
    p, sluice = place(pressed, "VRF"), pressed.sluice
    client, strays = pressed.net.hold(p.there[4], p.here), sluice.reason("out-of-state")
    client("open", judged.LIMIT)
    assert client.greeted(judged.LIMIT, 20), sluice.json("counters")
    assert [sluice.reason("out-of-state"), sluice.reason("cookie-forged")] == [strays, 0], sluice.json("counters")
    assert sluice.reason("established") > 0 and sluice.json("status")["drift"] == 0
    assert any("is in the VRF" in f for f in pressed.foretold), pressed.foretold


def test_doctor_predicts_and_says_what_status_says_of_each(world):
    for status in judged.agreed(world.sluice, *world.names):
        name = status["name"]
        foretold = [f for f in world.foretold if f.startswith(name) and ("native XDP" in f or "drivers do not say" in f)]
        assert "drivers do not say" in foretold[0] or ("no native XDP" in foretold[0]) == (status["xdp_mode"] == "generic"), (foretold, status)
    if "MTU 9000" in world.places:
        assert "native" == judged.agreed(world.sluice, *world.places["MTU 9000"].names)[0]["xdp_mode"]
    assert world.sluice.json("status")["drift"] == 0
