# SPDX-License-Identifier: BSD-2-Clause
"""A policy with everything on (limits, countries, bans, cookies), and checks that each part of it holds at one interface, and that status and
doctor say the same of that interface. test_kinds.py and test_ipvs.py use it."""
import time

from net import wait_for
from pressure import PRESSED

LIMIT = 2
SERVICE = f"service smtp {{ ports = {{25}} max-connections-per-source = {LIMIT} deny-countries = {{FR}} on-excess = reset }}\n"
WHOLE = "geoip { database = {countries.csv} }\n" + SERVICE


def countries(directory, *foreign):
    """Writes the database of WHOLE, in which these addresses belong to France."""
    (directory / "countries.csv").write_text("".join(f"{a},{a},FR\n" for a in foreign) + "192.0.2.0/24,DE\n")


def greeted(net, target, *sources):
    """Opens three connections from each source, all at once. Returns how many of each hear the server."""
    holders = [net.hold(source, target) for source in sources]
    for h in holders:
        h("open", 3)
    for h in holders[:1]:
        h.settle()
    return [h("count")["greeted"] for h in holders]


def counted(sluice, *reasons):
    return {reason: sluice.reason(reason) for reason in reasons}


def hold_rules(net, sluice, target, plain, banned, foreign):
    """Shows that WHOLE judges three sources of the client, each by another part of it."""
    before = counted(sluice, "source-connections", "banned", "country")
    sluice.do("ban", banned)
    got = greeted(net, target, plain, banned, foreign)
    print(f"of 3 greeted: limited {got[0]}, banned {got[1]}, of a denied country {got[2]}")
    assert got == [LIMIT, 0, 0], (sluice.json("status"), sluice.json("counters"))
    assert all(sluice.reason(reason) > packets for reason, packets in before.items()), (before, sluice.json("counters"))


def press(sluice):
    """Makes any SYN from here on put the service under pressure."""
    sluice.write(PRESSED + WHOLE)
    sluice.do("reload")


def hold_cookies(net, sluice, target, source):
    """Shows, after press(), that the same limit holds for a source that answers a cookie."""
    last, before = net.hold(source, target), sluice.reason("cookie-valid")

    def through():  # asked again and again, since the sysctl is raised a moment later
        last("open", 1)
        time.sleep(0.2)
        last("close", 9)
        return sluice.reason("cookie-valid") > before

    assert wait_for(through, 8), sluice.json("counters")
    last("open", 3)
    got = last.settle()["greeted"]
    print(f"of 3 greeted under pressure: {got}")
    assert got == LIMIT, sluice.json("status")


def hold_all(net, sluice, target, plain, banned, foreign, pressed):
    """Shows that WHOLE judges four sources of the client, each by another part of it."""
    hold_rules(net, sluice, target, plain, banned, foreign)
    press(sluice)
    hold_cookies(net, sluice, target, pressed)
    assert sluice.json("status")["drift"] == 0


def agreed(sluice, *names):
    """Returns what status says of these interfaces. doctor must say the same of each, in the same words."""
    status = {i["name"]: i for i in sluice.json("status")["interfaces"]}
    found, text = [f["finding"] for f in sluice.json("doctor", sluice.file)], sluice.do("status")
    for name in names:
        one, of_it = status[name], [f for f in found if f.startswith(name + ":")]
        print(f"{name}: {one}")
        word = "native XDP, as attached" if one["xdp_mode"] == "native" else "attached in generic mode"
        assert any(word in f for f in of_it), found
        assert any("the host answers there" in f and one["why"] in f for f in of_it) == (one["answers"] == "host"), found
        if one["xdp_mode"] == "generic":
            assert any(one["mode_why"] in f for f in of_it) and one["mode_why"] in text, found
    return [status[name] for name in names]
