# SPDX-License-Identifier: BSD-2-Clause
"""ban --kill ends the right connections and leaves the others, and every counter is right afterwards."""
import json

from net import SERVER, SERVER6, wait_for
from tools import any_source, hold, mix, serve, source

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\nservice imap { ports = {143} }\n"


def exact(sluice, smtp, imap=0):
    """Whether counters and sockets agree, and have these numbers."""
    status = sluice.json("status")
    return status["drift"] == 0 and {s["name"]: s["connections"] for s in status["services"]} == {"smtp": smtp, "imap": imap}


def test_kill_ends_the_sources_connections_and_no_others(make):
    net, sluice = make(FIVE)
    for port in (25, 143, 2525):
        net.serve("::", port)
    bad, bad_imap, free = net.hold("10.77.0.2"), net.hold("10.77.0.2", SERVER, 143), net.hold("10.77.0.2", SERVER, 2525)
    other, six = net.hold("10.77.0.3"), net.hold("fd77:0:1::2", SERVER6)
    for h, n in ((bad, 5), (bad_imap, 3), (free, 1), (other, 2), (six, 2)):
        h("open", n)
        assert h.greeted(n)
    assert sluice.do("ban", "10.77.0.2", "--kill").strip() == "banned for good, covers 1 source with 8 connections now; 8 connections ended"
    assert wait_for(lambda: bad("count")["ended"] == 5 and bad_imap("count")["ended"] == 3), "both clients see the end"
    assert [h("count")["greeted"] for h in (free, other, six)] == [1, 2, 2]
    assert exact(sluice, 4)
    assert [b["source"] for b in sluice.json("bans")] == ["10.77.0.2"]
    bad("open", 1)
    assert wait_for(lambda: sluice.reason("banned") > 0) and exact(sluice, 4), "the banned source stays out"
    sluice.do("ban", "fd77:0:1::/48", "--kill", "--for", "1h", "--reason", "test")
    assert wait_for(lambda: six("count")["ended"] == 2) and exact(sluice, 2)
    sluice.do("unban", "10.77.0.2")
    assert bad.greeted(1, 10) and exact(sluice, 3), "after the ban its slot is free"


def test_dry_run_lists_them_and_ends_nothing(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)
    listed = sluice.json("ban", "10.77.0.0/24", "--kill", "--dry-run")
    assert [(c["source"], c["service"], c["port"], c["state"]) for c in listed] == [("10.77.0.2", "smtp", 25, "established")] * 2
    assert all(c["peer"].startswith("10.77.0.2:") for c in listed)
    assert "2 connections would end" in sluice.do("ban", "10.77.0.2", "--kill", "--dry-run")
    assert sluice.json("bans") == [] and h("count")["greeted"] == 2 and exact(sluice, 2)
    code, _, err = sluice.ctl("ban", "10.77.0.2", "--dry-run")
    assert code == 2 and "--kill" in err


def test_allowed_sources_keep_connections_and_banned_ones_lose_them_even_in_observe_mode(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    friend, foe = net.hold("10.77.0.2"), net.hold("10.77.0.3")
    for h in (friend, foe):
        h("open", 2)
        assert h.greeted(2)
    sluice.do("allow", "10.77.0.2")
    sluice.do("mode", "observe")
    code, _, err = sluice.ctl("ban", "10.77.0.0/24", "--kill", "--force", "--observe")
    assert code == 2 and "use only one of them" in err and sluice.json("bans") == [] and exact(sluice, 4)
    assert "2 connections ended" in sluice.do("ban", "10.77.0.0/24", "--kill", "--force")
    assert wait_for(lambda: foe("count")["ended"] == 2) and friend("count")["greeted"] == 2 and exact(sluice, 2)


def test_three_hundred_connections_of_a_prefix_end_and_the_counters_are_exact(make):
    net, sluice = make("service smtp { ports = {25} }\nservice imap { ports = {143} }\n")
    any_source(net)
    serve(net, 25)
    tool, _ = hold(net, SERVER, 25, 300, source() + "+60")
    assert exact(sluice, 300)
    assert sluice.do("ban", "10.77.128.0/17", "--kill").strip() == "banned for good, covers 60 sources with 300 connections now; 300 connections ended"
    assert net.established() == 0 and exact(sluice, 0)
    assert sluice.json("sources") == [] and sluice.json("status")["reservations"] == 0
    tool.finish()


def test_kill_under_load_leaves_no_count_behind(make):
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 20 }\nservice imap { ports = {143} }\n")
    any_source(net)
    serve(net, 25)
    load = mix(net, SERVER, 25, 3000, source() + "+40")
    ended = 0
    while load.process.poll() is None:
        said = sluice.do("ban", "10.77.128.0/19", "--kill")
        ended += int(said.split("; ")[1].split()[0])
        sluice.do("unban", "10.77.128.0/19")
    assert ended > 0, "some of the orders met connections"
    assert wait_for(lambda: net.established() == 0 and exact(sluice, 0), 90), json.dumps(sluice.json("status"))
    assert wait_for(lambda: sluice.json("status")["reservations"] == 0)
