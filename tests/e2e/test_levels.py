# SPDX-License-Identifier: BSD-2-Clause
"""Sources have levels: a sender that owns a /48 is stopped at the cap of the network, and a translator hides nobody."""
import tools
import web
from net import SERVER6, wait_for

CAP = 10
POLICY = f"""service smtp {{ ports = {{25}} on-excess = reset max-connections-per-source = 2 max-connections-per-network = {CAP} }}
source-set foes {{ prefixes = {{198.51.100.0/24}} action = deny }}
"""
WALK = [f"fd77:0:9:{i:x}::1" for i in range(40)]


def tried(net, sources, tries):
    """Opens so many connections from each source in turn. Returns the holder, and what became of them."""
    return tools.hold(net, SERVER6, 25, tries, ",".join(sources), processes=1, wait_ms=3000)


def test_a_sender_that_walks_its_48_is_stopped_at_the_cap_and_others_are_not(make):
    net, sluice = make(POLICY)
    net.addresses(net.client, "c0", *(f"{a}/32" for a in WALK))
    tools.serve(net, 25)
    walker, got = tried(net, WALK, 40)
    assert (got["greeted"], got["refused"]) == (CAP, 40 - CAP), got
    assert net.established() == CAP == sluice.connections()
    other, got = tried(net, ["fd77:0:1::2"], 4)
    assert (got["greeted"], got["refused"]) == (2, 2), got

    told = sluice.json("explain", "fd77:0:9:77::1", "--service", "smtp")
    assert (told["verdict"], told["reason"], told["key"]) == ("reset", "network-connections", "max-connections-per-network")
    assert told["rule"] == "service smtp" and told["written"].endswith(":2")
    assert told["counts"]["network"]["held"] == CAP == told["counts"]["network"]["max_connections"]
    assert told["counts"]["source"]["held"] == 0
    assert "network     10/10 connections" in sluice.do("explain", "fd77:0:9:77::1", "--service", "smtp")
    refused = {c["reason"]: c["connections"] for c in sluice.json("counters") if c["service"] == "smtp"}
    assert refused["network-connections"] == 40 - CAP
    assert sluice.service()["max_connections_per_network"] == CAP
    tables = {t["name"]: t["entries"] for t in sluice.json("status")["tables"]}
    assert tables["networks"] == 2
    assert 'reason="network-connections"' in web.request(net.server, 9798, "/metrics")[2]

    walker.finish()
    assert wait_for(lambda: sluice.connections() == 2)
    walker, got = tried(net, WALK[20:], 3)
    assert got["greeted"] == 3, got  # the network gets back what its sources give back
    assert sluice.json("status")["drift"] == 0


def test_a_live_setting_limits_networks_and_counts_those_that_are_there(make):
    net, sluice = make("service smtp { ports = {25} on-excess = reset }\n")
    net.addresses(net.client, "c0", *(f"{a}/32" for a in WALK[:8]))
    tools.serve(net, 25)
    _, got = tried(net, WALK[:8], 8)
    assert got["greeted"] == 8
    sluice.do("set", "service", "smtp", "max-connections-per-network", "9")
    _, got = tried(net, WALK[:8], 4)
    assert (got["greeted"], got["refused"]) == (1, 3), got
    assert "max-connections-per-network = 9" in sluice.do("dump")


def test_a_translated_sender_is_the_one_inside_wherever_he_is_named(make):
    net, sluice = make("sources { translated-prefixes = {64:ff9b::/96} }\nprivacy { addresses = full }\n" + POLICY)
    net.addresses(net.client, "c0", "64:ff9b::192.0.2.1/96", "64:ff9b::192.0.2.2/96", "64:ff9b::198.51.100.1/96")
    net.run(net.server, "ip", "route", "add", "64:ff9b::/96", "dev", "s0")
    tools.serve(net, 25)
    _, got = tried(net, ["64:ff9b::192.0.2.1"], 4)
    assert (got["greeted"], got["refused"]) == (2, 2), got
    _, got = tried(net, ["64:ff9b::198.51.100.1"], 1)
    assert got["refused"] == 1, got

    assert [(s["source"], s["connections"]) for s in sluice.json("sources")] == [("192.0.2.1", 2)]
    assert sluice.json("lookup", "64:ff9b::198.51.100.1")["sets"] == ["foes"]
    assert sluice.json("lookup", "64:ff9b::198.51.100.1")["inside"] == "198.51.100.1"
    told = sluice.json("explain", "64:ff9b::192.0.2.1", "--service", "smtp")
    assert (told["reason"], told["inside"]) == ("source-connections", "192.0.2.1")
    assert "inside      192.0.2.1" in sluice.do("explain", "64:ff9b::192.0.2.1", "--service", "smtp")

    assert "; 192.0.2.2: exactly one source" in sluice.do("ban", "64:ff9b::192.0.2.2")
    assert [b["source"] for b in sluice.json("bans")] == ["192.0.2.2"]
    _, got = tried(net, ["64:ff9b::192.0.2.2"], 1)
    assert got["refused"] == 1, got
    sluice.do("limit", "64:ff9b::192.0.2.2", "max-connections-per-source", "1")
    told = sluice.json("export", "64:ff9b::192.0.2.2")
    assert [b["prefix"] for b in told["bans"]] == ["192.0.2.2"] and [l["source"] for l in told["limits"]] == ["192.0.2.2"], "all that is stored of it"
    assert "a live limit of it stays" in sluice.ctl("erase", "64:ff9b::192.0.2.2")[2]
    sluice.do("unban", "64:ff9b::192.0.2.2")
    assert "1 connections" not in sluice.do("ban", "192.0.2.1", "--kill")
    assert wait_for(lambda: sluice.connections() == 0)  # the embedded address ended it


def test_a_ban_of_ipv6_says_what_it_means(make):
    _, sluice = make("service smtp { ports = {25} }\n")
    assert "this address alone; its source is 2001:db8:1:2::/64" in sluice.do("ban", "2001:db8:1:2::3")
    assert "exactly one source" in sluice.do("ban", "2001:db8:1:3::/64")
    assert "all sources in it" in sluice.do("ban", "2001:db8:2::/48")
    assert "part of one source" in sluice.do("ban", "2001:db8:1:4::/80")
    assert "one source" not in sluice.do("ban", "192.0.2.9")  # every IPv4 address is
