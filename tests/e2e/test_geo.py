# SPDX-License-Identifier: BSD-2-Clause
"""Countries and networks: clients with real addresses, real mail servers, databases that change, and databases that are torn."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import mail
import tools
import web
import world
from net import BUILD, ROOT, SERVER, wait_for

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
    """Writes countries.csv and networks.csv next to the policy, and returns the path of the former."""
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
    for torn, says in (("", "is empty"), (COUNTRIES[:-30], "ends in the middle of a row"), ("\0\1\2", "binary"), ("10.77.0.3,10.77.0.3,FR\n", "IPv6 ranges")):
        database.write_text(torn)
        code, _, said = sluice.ctl("geo", "update")
        assert code == 2 and any(part in said for part in says.split("|")), said
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


def kept(sluice, name="countries.csv", data=None):
    """Waits for the copy that the daemon keeps of a database to have this content, and returns it."""
    wait_for(lambda: any(p.read_bytes() == data.encode() for p in sluice.state.glob(f"*.geo-*-{name}")) if data else list(sluice.state.glob(f"*.geo-*-{name}")))
    (copy,) = sluice.state.glob(f"*.geo-*-{name}")
    return copy


LOST = {
    "missing": (lambda path: os.remove(path), "No such file"),
    "empty": (lambda path: path.write_text(""), "is empty"),
    "torn": (lambda path: path.write_text(COUNTRIES[:-30]), "ends in the middle of a row"),
    "unreadable": (lambda path: (os.chown(path, 65534, 65534), path.chmod(0)), "Permission denied"),
    "huge": (lambda path: os.truncate(path, 3 << 30), "File too large"),
    "a folder": (lambda path: (os.remove(path), path.mkdir()), "Is a directory"),
    "an error page": (lambda path: path.write_text("<html>403</html>\n"), "a page of HTML"),
    "smaller": (lambda path: path.write_text("10.77.0.3,10.77.0.3,FR\nfd77:0:1::/48,DE\nfd77:0:2::/48,FR\n"), "1 IPv4 ranges where those in force have 3"),
}


@pytest.mark.parametrize("how", LOST)
def test_the_last_good_database_is_in_force_after_a_reboot_whatever_became_of_the_file(make, database, how):
    lose, why = LOST[how]
    net, sluice = make(CSV.format("deny-countries = {FR, IT}"))
    tools.serve(net, 25)
    assert kept(sluice).read_text() == COUNTRIES and kept(sluice, "networks.csv").stat().st_mode & 0o777 == 0o600
    lose(database)
    env = {"STATE_DIRECTORY": str(sluice.state)}
    checked = net.run(net.server, "env", *(f"{k}={v}" for k, v in env.items()), BUILD / "sluicectl", "-i", sluice.instance, "check", sluice.file)
    assert why in checked.stderr and "its last good content" in checked.stderr
    for again in ("a reload", "a restart", "a reboot"):
        if again == "a reload":
            assert why in sluice.ctl("reload")[2]
        else:
            sluice.kill()
            if again == "a reboot":
                sluice.ctl("unload")
            sluice.start()
            assert why in sluice.logged() and "its last good content" in sluice.logged()
        assert sluice.json("lookup", "10.77.0.4")["country"] == "IT", again
        assert [(d["kind"], d["kept"]) for d in sluice.json("geo", "status")["databases"]] == [("country", True), ("asn", False)]
        assert greeted(net, 25, "10.77.0.4") == 0 and greeted(net, 25, "10.77.0.2") == 3
    code, _, said = sluice.ctl("geo", "update")
    assert code == 2 and why in said, "an update says that it cannot use the file"
    if database.is_dir():
        database.rmdir()
    fresh = COUNTRIES.replace("IT", "AT")
    database.unlink(missing_ok=True)
    database.write_text(fresh)
    sluice.do("geo", "update")
    assert sluice.json("lookup", "10.77.0.4")["country"] == "AT" and not any(d["kept"] for d in sluice.json("geo", "status")["databases"])
    assert kept(sluice, data=fresh).read_text() == fresh


def test_the_copy_of_a_database_goes_when_the_policy_no_longer_names_it(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    assert kept(sluice) and kept(sluice, "networks.csv")
    sluice.write(CSV.format("deny-countries = {FR}").replace(", networks.csv", ""))
    sluice.do("reload")
    assert wait_for(lambda: not list(sluice.state.glob("*networks.csv")))
    assert kept(sluice)


def test_the_list_of_locations_is_kept_with_its_blocks(make, tmp_path):
    for name in ("GeoLite2-Country-Blocks-IPv4.csv", "GeoLite2-Country-Locations-en.csv"):
        (tmp_path / name).write_text((ROOT / "tests/databases" / name).read_text())
    net, sluice = make("geoip { database = {GeoLite2-Country-Blocks-IPv4.csv} }\nservice smtp { ports = {25} deny-countries = {DE} }\n")
    assert kept(sluice, "GeoLite2-Country-Blocks-IPv4.csv") and kept(sluice, "GeoLite2-Country-Locations-en.csv")
    os.remove(tmp_path / "GeoLite2-Country-Locations-en.csv")
    sluice.kill()
    sluice.ctl("unload")
    sluice.start()
    assert "their list is not next to it" in sluice.logged()
    assert sluice.json("lookup", "192.0.2.1")["country"] == "DE"


def test_without_a_copy_a_start_on_a_torn_database_leaves_the_old_table_in_force(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    tools.serve(net, 25)
    kept(sluice)
    sluice.kill()
    for copy in sluice.state.glob("*.geo-*"):
        copy.unlink()
    database.write_text("10.77.0.3,10.77.0.3,FR\n")
    with pytest.raises(AssertionError, match="put the old files back"):
        sluice.start()
    assert greeted(net, 25, "10.77.0.3") == 0, "the kernel keeps enforcing"
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
    assert "Nothing has been changed" in said and not [line for line in said.splitlines() if len(line) > 80]
    assert sluice.json("status")["services"][0]["max_connections_per_source"] == 0
    assert json.loads(sluice.do("--json", "diff", other))


def test_an_odd_row_is_named_and_the_others_are_in_force(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    tools.serve(net, 25)
    database.write_text(COUNTRIES + "10.77.9.9,10.77.9.1,RU\n10.77.8.0/24,Narnia\n10.77.0.7/32,FR\n")
    code, _, said = sluice.ctl("geo", "update")
    assert code == 0 and f"{database}:6: '10.77.9.1' is the end of the range" in said, said
    assert f"{database}:7: 'Narnia' is not a two-letter country code" in said and "2 of 8 rows cannot be read" in said
    assert [d["skipped"] for d in sluice.json("geo", "status")["databases"]] == [2, 0]
    assert greeted(net, 25, "10.77.0.7") == 0 and greeted(net, 25, "10.77.0.2") == 3


def test_countries_and_networks_of_one_file_are_both_in_force(make, tmp_path):
    (tmp_path / "ip2asn-v4.tsv").write_text("10.77.0.2\t10.77.0.3\t64496\tFR\tEXAMPLE-AS\n10.77.0.4\t10.77.0.4\t0\tNone\tNot routed\n")
    net, sluice = make("geoip { database = {ip2asn-v4.tsv} }\nservice smtp { ports = {25} on-excess = reset deny-countries = {FR} }\nsource-set isp { asns = {64496} max-connections-per-source = 4 }\n")
    tools.serve(net, 25)
    seen = sluice.json("lookup", "10.77.0.3")
    assert (seen["country"], seen["asn"], seen["sets"]) == ("FR", 64496, ["isp"])
    assert [(d["kind"], d["ipv4"]) for d in sluice.json("geo", "status")["databases"]] == [("country", 1), ("asn", 1)]
    assert greeted(net, 25, "10.77.0.3") == 0 and greeted(net, 25, "10.77.0.4") == 3


def test_groups_of_countries_mean_the_same_in_the_file_and_live(make, database):
    net, sluice = make(CSV.format("allow-countries = {EU27, CH}"))
    tools.serve(net, 25)
    dumped = next(line for line in sluice.do("dump").splitlines() if "allow-countries" in line)
    assert dumped.split("{")[1].split("}")[0].split(", ")[:6] == ["AT", "BE", "BG", "CH", "CY", "CZ"] and dumped.count(",") == 27
    database.write_text(COUNTRIES + "10.77.0.9/32,US\n")
    sluice.do("geo", "update")
    assert greeted(net, 25, "10.77.0.3") == 3 and greeted(net, 25, "10.77.0.9") == 0
    sluice.do("set", "service", "smtp", "allow-countries", "north-america,CH")
    assert greeted(net, 25, "10.77.0.3") == 0 and greeted(net, 25, "10.77.0.9") == 3
    code, _, said = sluice.ctl("set", "service", "smtp", "allow-countries", "UK")
    assert code == 2 and "write GB" in said
    sluice.write(CSV.format("allow-countries = {europe}"))
    assert "allow-countries" in sluice.do("diff")


WARNED = CSV.format("allow-countries = {FR, BR, EU}") + "source-set isp { asns = {64496, 64511} action = deny }\n"
WARNINGS = ("no row of the databases names BR, EU: that matches nothing", "the member states are EU27", "no row of the databases names AS64511", "203.0.113.9, an address of this host, by its country")


def all_said(text, wanted=WARNINGS):
    missing = [w for w in wanted if w not in text]
    assert not missing, (missing, text)


def test_words_of_a_policy_that_match_nothing_or_this_host_are_reported(make, database, tmp_path):
    net, sluice = make(CSV.format(""))
    net.addresses(net.server, "s0", "203.0.113.9/32")
    database.write_text(COUNTRIES + "203.0.113.0/24,US\n")
    other = tmp_path / "other.conf"
    other.write_text("interfaces = {s0}\n" + WARNED)
    for words in (("check", other), ("apply", other, "--dry-run"), ("apply", other)):
        code, _, said = sluice.ctl(*words)
        assert code == 0
        all_said(said)
        assert f"{other}:3:" in said
    checked = sluice.json("check", other)
    assert checked["ok"] and len(checked["warnings"]) == 4 and checked["warnings"][0]["key"] == "allow-countries"
    found = [f["finding"] for f in sluice.json("doctor", other) if f["check"] == "policy" and f["level"] == "warning"]
    all_said(" ".join(found), [w.split(": ")[0] for w in WARNINGS if "EU27" not in w])
    sluice.write(WARNED)
    all_said(sluice.ctl("reload")[2])
    sluice.kill()
    sluice.start()
    all_said(sluice.logged())
    assert "no row of the databases names JP" in sluice.ctl("set", "service", "smtp", "allow-countries", "JP,DE")[2]
    assert sluice.ctl("set", "service", "smtp", "max-connections", "5")[2] == ""


def test_a_database_of_one_family_is_said(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    database.write_text("10.77.0.3/32,FR\n")
    code, _, said = sluice.ctl("geo", "update", "--force")
    assert code == 0 and "the databases of countries have no IPv6 address: every source of that family is ZZ" in said


def test_private_addresses_are_let_in_by_countries_unless_the_policy_says_otherwise(make, database):
    net, sluice = make(CSV.format("allow-countries = {DE}"))
    tools.serve(net, 25)
    assert greeted(net, 25, "10.77.0.9") == 3 and greeted(net, 25, "10.77.0.3") == 0, "a database names only the second of them"
    assert "private" not in sluice.ctl("reload")[2]
    sluice.write(CSV.format("allow-countries = {DE}").replace("geoip {", "geoip { allow-private = false"))
    assert "refuses private, link-local and loopback addresses" in sluice.ctl("reload")[2]
    assert greeted(net, 25, "10.77.0.9") == 0 and greeted(net, 25, "10.77.0.2") == 3
    sluice.write(CSV.format("deny-countries = {ZZ}"))
    assert "refuses private, link-local and loopback addresses" in sluice.ctl("reload")[2]
    assert greeted(net, 25, "10.77.0.9") == 0


def test_an_update_says_which_countries_gained_and_lost(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    database.write_text(COUNTRIES.replace("10.77.0.4/30,IT", "10.77.0.4/30,AT").replace("fd77:0:2::/48,FR", "fd77:0:2::/48,DE"))
    said = sluice.do("geo", "update")
    assert "Address space of 4 countries changed" in said and all(len(line) <= 80 for line in said.splitlines() if "/" not in line)
    rows = [line.split() for line in said.splitlines() if line[:2] in ("AT", "DE", "FR", "IT")]
    assert rows == [["AT", "4", "0", "0", "0"], ["IT", "0", "4", "0", "0"], ["DE", "0", "0", "65536", "0"], ["FR", "0", "0", "0", "65536"]]
    assert "address space of 4 countries changed" in sluice.logged()
    again = sluice.json("geo", "update")
    assert (again["changed_countries"], again["changes"]) == (0, [])
    assert "No address changed its country" in sluice.do("geo", "update")


def test_when_a_database_is_old_depends_on_how_often_it_is_published(make, tmp_path):
    names = {"ipinfo_lite.csv": True, "dbip-country-lite.csv": False}
    for name in names:
        (tmp_path / name).write_text(COUNTRIES)
        os.utime(tmp_path / name, (time.time() - 20 * 86400,) * 2)
    net, sluice = make("geoip { database = {%s} }\nservice smtp { ports = {25} deny-countries = {FR} }\n" % ", ".join(names))
    status = sluice.json("geo", "status")["databases"]
    assert {os.path.basename(d["path"]): d["old"] for d in status} == names
    assert [d["published"] for d in status] == ["daily", "monthly"]
    assert f"{tmp_path}/ipinfo_lite.csv is old" in sluice.do("geo", "status") and "dbip-country-lite.csv is old" not in sluice.do("geo", "status")
    found = {os.path.basename(f["finding"].split()[2]): f["level"] for f in sluice.json("doctor", sluice.file) if f["check"] == "database"}
    assert found == {"ipinfo_lite.csv": "warning", "dbip-country-lite.csv": "good"}
    text = web.request(net.server, 9798, "/metrics")[2]
    assert f'sluice_geoip_database_old_after_seconds{{database="{tmp_path}/ipinfo_lite.csv"}} {7 * 86400}' in text
    assert f'sluice_geoip_database_kept{{database="{tmp_path}/ipinfo_lite.csv"}} 0' in text
    os.remove(tmp_path / "ipinfo_lite.csv") if kept(sluice, "ipinfo_lite.csv") else None
    sluice.do("reload")
    text = web.request(net.server, 9798, "/metrics")[2]
    assert f'sluice_geoip_database_kept{{database="{tmp_path}/ipinfo_lite.csv"}} 1' in text
    assert "its last good content is in force" in sluice.do("geo", "status")


DROP_INS = re.findall(r"^```\n(\[Service\]\n.*?)^```$", (ROOT / "docs/countries.md").read_text(), re.S | re.M)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("number", range(len(DROP_INS)))
def test_systemd_takes_the_drop_ins_that_fetch_databases(tmp_path, number):
    unit = (ROOT / "dist/sluice-geo.service").read_text().replace("/usr/local/bin/sluicectl", str(BUILD / "sluicectl"))
    (tmp_path / "sluice-geo.service").write_text(unit)
    (tmp_path / "sluice-geo.service.d").mkdir()
    (tmp_path / "sluice-geo.service.d/fetch.conf").write_text(DROP_INS[number].replace("/usr/bin/geoipupdate", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "sluice-geo.service"], capture_output=True, text=True)
    assert done.returncode == 0 and "fetch.conf" not in done.stderr, done.stderr


def test_a_server_that_never_answers_does_not_keep_a_timer_from_its_next_fetch():
    """systemd gives a unit of type oneshot no end by itself, curl has none, and a timer starts no unit that still runs."""
    page = (ROOT / "docs/deny-feeds.md").read_text()
    for unit in ((ROOT / "dist/sluice-geo.service").read_text(), page[page.index("# /etc/systemd/system/sluice-lists.service"):page.index("# /etc/systemd/system/sluice-lists.timer")]):
        assert "Type=oneshot\n" in unit and "\nTimeoutStartSec=15min\n" in unit, unit


def test_a_copy_that_cannot_be_kept_is_reported_and_nothing_else_is_lost(make, database):
    net, sluice = make(CSV.format("deny-countries = {FR}"))
    assert kept(sluice, data=COUNTRIES)
    sluice.state.chmod(0o500)
    try:
        database.write_text(COUNTRIES.replace("IT", "AT"))
        sluice.do("geo", "update")
        assert wait_for(lambda: f"cannot keep a copy of the database {database}" in sluice.logged())
        assert sluice.json("lookup", "10.77.0.4")["country"] == "AT" and kept(sluice).read_text() == COUNTRIES
    finally:
        sluice.state.chmod(0o700)
