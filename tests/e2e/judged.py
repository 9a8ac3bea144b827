# SPDX-License-Identifier: BSD-2-Clause
"""A policy with everything on (limits, countries, bans, cookies), and whether each part of it holds at one interface: of test_bare.py
and test_modes.py. What status and doctor say of that interface must be the same."""
import time

from net import wait_for
from test_flood import PRESSED

LIMIT = 2
SERVICE = f"service smtp {{ ports = {{25}} max-connections-per-source = {LIMIT} deny-countries = {{FR}} on-excess = reset }}\n"
WHOLE = "geoip { database = {countries.csv} }\n" + SERVICE


def countries(directory, foreign):
    """The database of WHOLE, in which one address is of France."""
    (directory / "countries.csv").write_text(f"{foreign},{foreign},FR\n192.0.2.0/24,DE\n")


def greeted(net, target, *sources):
    """Of three clients of each source, all at once: how many hear the server."""
    holders = [net.hold(source, target) for source in sources]
    for h in holders:
        h("open", 3)
    for h in holders[:1]:
        h.settle()
    return [h("count")["greeted"] for h in holders]


def hold_all(net, sluice, target, plain, banned, foreign, pressed):
    """Each of four sources of the client is judged by another part of WHOLE; (limited, banned, foreign, by a cookie): greeted of three."""
    sluice.do("ban", banned)
    got = greeted(net, target, plain, banned, foreign)
    sluice.write(PRESSED + WHOLE)
    sluice.do("reload")
    last = net.hold(pressed, target)

    def through():  # any SYN puts it under pressure; the sysctl is up in a moment
        last("open", 1)
        time.sleep(0.2)
        last("close", 9)
        return sluice.reason("cookie-valid") > 0

    assert wait_for(through, 8), sluice.json("counters")
    last("open", 3)
    got.append(last.settle()["greeted"])
    print(f"of 3 greeted: limited {got[0]}, banned {got[1]}, of a denied country {got[2]}, under pressure {got[3]}")
    assert got == [LIMIT, 0, 0, LIMIT]
    assert all(sluice.reason(reason) for reason in ("source-connections", "banned", "country", "cookie-valid")), sluice.json("counters")
    assert sluice.json("status")["drift"] == 0


def agreed(sluice, name):
    """What status says of the interface; doctor says the same, in the same words."""
    status = next(i for i in sluice.json("status")["interfaces"] if i["name"] == name)
    found = [f["finding"] for f in sluice.json("doctor", sluice.file) if f["finding"].startswith(name + ":")]
    print(f"{name}: {status}")
    word = "native XDP, as attached" if status["xdp_mode"] == "native" else "attached in generic mode"
    assert any(word in f for f in found), found
    assert any("the host answers there" in f and status["why"] in f for f in found) == (status["answers"] == "host"), found
    if status["xdp_mode"] == "generic":
        assert any(status["mode_why"] in f for f in found) and status["mode_why"] in sluice.do("status"), found
    return status
