# SPDX-License-Identifier: BSD-2-Clause
"""Countries and networks: real addresses before real mail servers, databases that change, and databases that are torn."""
import json
import os

import pytest

import mail
import tools
import web
import world
from net import SERVER, wait_for

MX_AND_IMAP = """
service smtp { ports = {25} on-excess = reset }
service imaps { ports = {993} allow-countries = {DE, AT} on-excess = reset }
source-set travellers { prefixes = {%s} services = {imaps} action = allow }
"""

CSV = """geoip {{ database = {{countries.csv, networks.csv}} }}
service smtp {{ ports = {{25}} on-excess = reset {} }}
"""
COUNTRIES = "10.77.0.2,10.77.0.2,DE\n10.77.0.3,10.77.0.3,FR\n10.77.0.4/30,IT\nfd77:0:1::/48,DE\nfd77:0:2::/48,FR\n"
NETWORKS = "10.77.0.2,10.77.0.3,64496,an example\nfd77::/32,64497,another\n"


def greeted(net, port, source, count=3):
    hold, first = tools.hold(net, world.target(source), port, count, source, processes=1)
    hold.finish()
    return first["greeted"]


@pytest.mark.parametrize("rtt", [0, 40])
def test_the_mx_serves_the_world_and_imap_two_countries(make, rtt):
    net, sluice = make(MX_AND_IMAP % f"{world.address_of('JP')}, {world.address_of('JP', 6)}", rtt)
    places = world.come_from(net, "DE", "AT", "BR", "CN", "JP")
    with mail.postfix(net), mail.dovecot(net, 993):
        for country, sources in places.items():
            for source in sources:
                assert greeted(net, 25, source) == 3, f"{country} may send mail"
                may = country in ("DE", "AT", "JP")
                assert greeted(net, 993, source) == (3 if may else 0), f"{country} {source}"
                seen = sluice.json("lookup", source)
                assert seen["country"] == country
                assert [s["reason"] for s in seen["services"] if s["name"] == "imaps"] == ["allowed" if country == "JP" else "limits" if may else "country"]
        assert sluice.reason("country", "connections", "imaps") == 2 * 2 * 3
        assert sluice.json("status")["drift"] == 0


@pytest.fixture
def database(tmp_path):
    """countries.csv and networks.csv beside the policy; the former's path."""
    (tmp_path / "networks.csv").write_text(NETWORKS)
    (tmp_path / "countries.csv").write_text(COUNTRIES)
    return tmp_path / "countries.csv"


def test_a_country_that_becomes_denied_is_refused_from_the_next_packet(make, database):
    net, sluice = make(CSV.format(""))
    tools.serve(net, 25)
    french, first = tools.hold(net, SERVER, 25, 5, "10.77.0.3")
    german, _ = tools.hold(net, SERVER, 25, 5, "10.77.0.2")
    assert first["greeted"] == 5
    sluice.write(CSV.format("deny-countries = {FR}"))
    sluice.do("reload")
    before = sluice.reason("country")
    french.process.stdin.close()  # their FINs are packets of a refused country
    assert wait_for(lambda: sluice.reason("country") > before)
    assert german.ask("count")["connected"] == 5
    assert greeted(net, 25, "10.77.0.3") == 0 and greeted(net, 25, "10.77.0.4") == 3
    text = web.request(net.server, 9798, "/metrics")[2]
    assert 'sluice_country_refused_total{service="smtp",country="FR"} 3' in text
    assert 'sluice_geoip_entries{family="ipv4"} 3' in text and "sluice_geoip_build_timestamp_seconds " in text


def test_no_connection_is_lost_while_policies_are_swapped(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    tools.serve(net, 25)
    hold, first = tools.hold(net, SERVER, 25, 100, "10.77.0.2,10.77.0.4")
    assert first["greeted"] == 100
    for number in range(30):
        sluice.write(CSV.format("deny-countries = {%s}" % ("FR", "CN")[number % 2]))
        sluice.do("reload")
    assert hold.ask("count")["connected"] == 100
    assert (sluice.connections(), sluice.json("status")["drift"]) == (100, 0)


def test_lookup_and_sources_tell_country_network_and_sets(make, database):
    sets = "source-set de { countries = {DE} max-connections = 5 }\nsource-set isp { asns = {64496} max-connections-per-source = 4 }\n"
    net, sluice = make(CSV.format("deny-countries = {FR}") + sets)
    tools.serve(net, 25)
    seen = sluice.json("lookup", "10.77.0.2")
    assert (seen["country"], seen["asn"], seen["sets"]) == ("DE", 64496, ["de", "isp"])
    assert seen["services"][0]["max_connections_per_source"] == 4
    assert "AS64497" in sluice.do("lookup", "fd77:0:1::9")
    assert sluice.json("lookup", "192.0.2.1")["country"] == "ZZ"
    hold, first = tools.hold(net, SERVER, 25, 9, "10.77.0.2", processes=1)
    assert first["greeted"] == 4
    assert [(s["country"], s["limit"]) for s in sluice.json("sources")] == [("DE", 4)]


def test_an_update_takes_a_new_database_and_refuses_a_torn_one(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    tools.serve(net, 25)
    status = sluice.json("geo", "status")["databases"]
    assert [(os.path.basename(d["path"]), d["kind"], d["ipv4"], d["ipv6"]) for d in status] == [("countries.csv", "country", 3, 2), ("networks.csv", "asn", 1, 1)]
    hold, _ = tools.hold(net, SERVER, 25, 2, "10.77.0.4")
    database.write_text(COUNTRIES.replace("IT", "FR"))
    forecast = sluice.json("geo", "update", "--dry-run")
    assert forecast["services"] == [
        {"name": "smtp", "ipv4_refused": 4, "ipv4_admitted": 0, "ipv6_refused": 0, "ipv6_admitted": 0, "connections": 2, "limit": 0,
         "shares": {"ipv4_refused": 400 / 2**32, "ipv4_admitted": 0, "ipv6_refused": 0, "ipv6_admitted": 0}},
    ]  # fmt: skip
    assert [(s["source"], s["connections"], s["reason"]) for s in forecast["sources"]] == [("10.77.0.4", 2, "country")]
    assert sluice.json("lookup", "10.77.0.4")["country"] == "IT", "nothing has been changed"
    sluice.do("geo", "update")
    assert sluice.json("lookup", "10.77.0.4")["country"] == "FR" and greeted(net, 25, "10.77.0.4") == 0
    generation = sluice.json("status")["generation"]
    for torn, says in (("", "names no country"), (COUNTRIES[:-30], "says nothing|is no address"), ("\0\1\2", "binary"), ("10.77.0.3,10.77.0.3,FR\n", "IPv6 ranges")):
        database.write_text(torn)
        for words in (("geo", "update"), ("reload",), ("apply", sluice.file)):
            code, _, said = sluice.ctl(*words)
            assert code == 2 and any(part in said for part in says.split("|")), (words, said)
    os.remove(database)
    assert sluice.ctl("geo", "update")[0] == 2
    assert sluice.json("status")["generation"] == generation
    assert sluice.json("lookup", "10.77.0.4")["country"] == "FR", "the old table stays in force"
    database.write_text("10.77.0.3,10.77.0.3,FR\n")
    sluice.do("geo", "update", "--force")
    assert sluice.json("lookup", "10.77.0.4")["country"] == "ZZ"


def test_countries_can_be_set_live_where_the_policy_names_none(make):
    net, sluice = make("service smtp { ports = {25} on-excess = reset }\n")
    places = world.come_from(net, "BR", "DE")
    tools.serve(net, 25)
    assert greeted(net, 25, places["BR"][0]) == 3
    sluice.do("set", "service", "smtp", "deny-countries", "BR,CN")
    assert greeted(net, 25, places["BR"][0]) == 0 and greeted(net, 25, places["DE"][1]) == 3
    assert sluice.ctl("set", "service", "smtp", "deny-countries", "UK")[0] == 2
    sluice.do("reload")
    assert greeted(net, 25, places["BR"][0]) == 3


def test_a_restart_on_a_torn_database_leaves_the_old_table_in_force(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    tools.serve(net, 25)
    sluice.kill()
    database.write_text("10.77.0.3,10.77.0.3,FR\n")
    with pytest.raises(AssertionError, match="put the old files back"):
        sluice.start()
    assert greeted(net, 25, "10.77.0.3") == 0, "the kernel goes on enforcing"
    database.write_text(COUNTRIES)
    sluice.start()


def test_apply_dry_run_says_what_a_limit_would_refuse_now(make, tmp_path):
    net, sluice = make("service smtp { ports = {25} }\n")
    tools.serve(net, 25)
    hold, _ = tools.hold(net, SERVER, 25, 7, "10.77.0.2,10.77.0.2,10.77.0.3")
    other = tmp_path / "other.conf"
    other.write_text("interfaces = {s0}\nservice smtp { ports = {25} max-connections-per-source = 3 }\nsource-set foes { prefixes = {10.77.0.3} action = deny }\n")
    forecast = sluice.json("apply", other, "--dry-run")
    assert sorted((s["source"], s["reason"]) for s in forecast["sources"]) == [("10.77.0.2", "source-connections"), ("10.77.0.3", "denied")]
    assert forecast["services"][0]["ipv4_refused"] == 1
    said = sluice.do("apply", other, "--dry-run")
    assert "Nothing has been changed" in said and all(len(line) <= 80 for line in said.splitlines())
    assert sluice.json("status")["services"][0]["max_connections_per_source"] == 0
    assert json.loads(sluice.do("--json", "diff", other))
