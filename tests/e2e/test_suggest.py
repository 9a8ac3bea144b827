# SPDX-License-Identifier: BSD-2-Clause
"""suggest proposes limits that fit what was seen; set --dry-run says which of the present connections other limits would refuse."""
import re, time

import tools
import web
from net import SERVER, wait_for

POLICY = """mode = observe
service smtp { ports = {25} max-connections-per-source = 3 }
service imap { ports = {143} }
source-set friends { prefixes = {10.77.0.9} max-connections-per-source = 0 }
"""


def hold(net, source, n, port=25):
    h = net.hold(source, port=port)
    h("open", n)
    assert h.greeted(n)
    return h


def crowd(net, n, port=25):
    """Opens a connection from each of n sources."""
    tools.any_source(net)
    tool, got = tools.hold(net, SERVER, port, n, f"{tools.source()}+{n}")
    assert got["greeted"] == n, got
    return tool


def test_suggest_says_since_when_of_how_many_sources_and_by_which_percentile(make, tmp_path):
    began = time.time()
    net, sluice = make(POLICY + "include(conf.d/*.conf)\n")
    net.serve("::", 25)
    held = [crowd(net, 115)] + [hold(net, f"10.77.1.{i}", n) for i, n in ((1, 1), (2, 1), (3, 2), (4, 3), (5, 7))]
    friend = hold(net, "10.77.0.9", 12)
    friend("close", 12), held[-1]("close", 7)
    assert wait_for(lambda: sluice.connections() == 122)
    hold(net, "10.77.1.5", 1)  # a known source, which counts once

    said = sluice.json("suggest")
    smtp, imap = said["services"]
    assert smtp["service"] == "smtp" and smtp["sources"] == 120, smtp
    assert smtp["connections"] == [
        {"limit": 1, "refused": 3}, {"limit": 2, "refused": 2}, {"limit": 4, "refused": 1}, {"limit": 8, "refused": 0},
    ]  # fmt: skip
    assert smtp["rates"][-1] == {"limit": 8, "refused": 0} and 124 <= smtp["peak_connections"] <= 141
    assert imap["sources"] == 0 and imap["proposed"] == {}
    assert said["percentile"] == 99.9 and said["least_sources"] == 100 and 0 <= said["seconds"] <= time.time() - began + 1
    text = sluice.do("suggest")
    assert "= 2     would have refused 2 of 120 sources" in text and "= 8     would have refused 0 of 120 sources   <- spares 99.9 %" in text
    assert re.search(r"# What was seen since 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC, for \d+s", text) and "99.9th percentile" in text and "less than a day" in text
    peaks = (smtp["peak_connections"], smtp["peak_rate"])
    want = {"max-connections": 2 * peaks[0], "max-connections-per-source": 8, "max-rate": f"{2 * peaks[1]}/1m", "max-rate-per-source": "8/1m"}
    assert smtp["proposed"] == want
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "50-suggested.conf").write_text(text)
    assert "good" in sluice.do("check", sluice.file)
    changes = [c["what"] for c in sluice.json("diff")]
    assert len(changes) == 4 and all(c.startswith("service smtp: max-") for c in changes), changes
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == 8
    assert "observe" in sluice.do("dump") and "friends" in sluice.do("dump"), "nothing else has changed"


def test_suggest_prints_no_value_of_fewer_than_a_hundred_sources(make, tmp_path):
    net, sluice = make(POLICY + "include(conf.d/*.conf)\n")
    net.serve("::", 25)
    held = crowd(net, 99)
    text = sluice.do("suggest")
    assert "nothing is suggested: fewer than 100 sources are too few" in text and "would have refused 0 of 99" in text
    assert sluice.json("suggest")["services"][0]["proposed"] == {} and "<-" not in text
    assert all(line.startswith("#") or not line for line in text.splitlines())
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "50-suggested.conf").write_text(text)
    assert "good" in sluice.do("check", sluice.file) and sluice.json("diff") == []
    assert held.ask("count")


def test_suggest_has_a_floor_where_mail_programs_connect(make):
    net, sluice = make("mode = observe\nservice submission { ports = {587} }\nservice smtp { ports = {25} }\n")
    net.serve("::", 25), net.serve("::", 587)
    held = [crowd(net, 100, 587), crowd(net, 100)]
    submission, smtp = sluice.json("suggest")["services"]
    assert submission["client"] and not smtp["client"]
    assert smtp["proposed"]["max-connections-per-source"] == 1
    assert submission["proposed"]["max-connections-per-source"] == 64 and submission["proposed"]["max-rate-per-source"] == "64/1m"
    assert submission["proposed"]["max-connections"] >= 128 and "at least 64" in sluice.do("suggest")
    assert held


def test_peaks_outlive_the_daemon_and_a_reload(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    hold(net, "10.77.1.1", 5)
    sluice.kill()
    sluice.start()
    sluice.do("reload")
    hold(net, "10.77.1.2", 1)
    smtp = sluice.json("suggest")["services"][0]
    assert smtp["sources"] == 2 and smtp["connections"][-1]["limit"] == 8


def test_dry_run_tells_what_would_be_refused_and_changes_nothing(make, tmp_path):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    held = [hold(net, f"10.77.1.{i}", i) for i in (1, 2, 3)]
    hold(net, "10.77.0.9", 4)
    before = sluice.json("status")["generation"]
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "2", "--dry-run")
    assert [(s["source"], s["connections"], s["limit"]) for s in answer["sources"]] == [("10.77.1.3", 3, 2), ("10.77.1.2", 2, 2)]
    assert (answer["judged"], answer["refused"], answer["next"], answer["above"]) == (4, 2, 2, 1)
    assert "refused: 2, of these above a limit: 1" in sluice.do("set", "service", "smtp", "max-connections-per-source", "2", "--dry-run")
    new = tmp_path / "new.conf"
    new.write_text(
        "interfaces = {s0}\nservice smtp { ports = {25} max-connections = 5 }\n"
        "source-set foes { prefixes = {10.77.1.0/30} action = deny }\n"
    )
    text = sluice.do("apply", new, "--dry-run")
    assert text.count("denied") == 3 and "(all)" in text and re.search(r"smtp +4 +0 +0 +0\n", text) and "10/5" in text
    said = sluice.ctl("apply", new, "--dry-run")[2]
    assert "service imap is not in it: what it guards would have no limits" in said and "service smtp" not in said
    assert sluice.json("status")["generation"] == before and sluice.service()["max_connections_per_source"] == 3
    code, _, err = sluice.ctl("set", "service", "smtp", "max-connections", "many", "--dry-run")
    assert code == 2 and "not a whole number" in err
    assert all(h("count")["greeted"] for h in held)


def test_dry_run_also_judges_remembered_sources_by_what_they_had(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    sluice.do("limit", "10.77.1.3", "max-connections-per-source", "9")
    busy, idle, known = hold(net, "10.77.1.1", 1), hold(net, "10.77.1.2", 7), hold(net, "10.77.1.3", 6)
    assert {s["source"]: s["peak"] for s in sluice.json("sources")} == {"10.77.1.1": 1, "10.77.1.2": 7, "10.77.1.3": 6}
    idle("close", 7), known("close", 6)
    assert wait_for(lambda: sluice.connections() == 1)
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "4", "--dry-run")
    assert [(s["source"], s["connections"], s["peak"], s["limit"]) for s in answer["sources"]] == [("10.77.1.2", 0, 7, 4)]
    assert (answer["judged"], answer["refused"], answer["next"]) == (3, 1, 0) and answer["retention"] == 600
    assert sluice.json("set", "service", "smtp", "max-connections-per-source", "6", "--dry-run")["refused"] == 1, "it had 7, not 5 to 8"
    assert "had 7, now 0/4 source-connections" in sluice.do("set", "service", "smtp", "max-connections-per-source", "4", "--dry-run")
    assert busy("count")["greeted"] == 1


def test_shares_of_address_space_are_never_negative_nor_more_than_all(make, tmp_path):
    _, sluice = make("service smtp { ports = {25} }\n")
    new = tmp_path / "new.conf"
    for prefixes, ipv4, ipv6 in (("0.0.0.0/0, ::/0", 100, 100), ("8000::/1", 0, 50), ("0.0.0.0/1", 50, 0), ("::/0", 0, 100), ("2001:db8::1, 2001:db8::3", 0, 2e2 / 2**128)):
        new.write_text(f"interfaces = {{s0}}\nservice smtp {{ ports = {{25}} }}\nsource-set foes {{ prefixes = {{{prefixes}}} action = deny }}\n")
        (smtp,) = sluice.json("apply", new, "--dry-run")["services"]
        assert abs(smtp["shares"]["ipv4_refused"] - ipv4) < 1e-6 and abs(smtp["shares"]["ipv6_refused"] - ipv6) < 1e-6, (prefixes, smtp)
        assert min(v for k, v in smtp.items() if k.startswith("ipv")) >= 0 and min(smtp["shares"].values()) >= 0
        assert "-" not in sluice.do("apply", new, "--dry-run").split("SERVICE")[1].split("Sources")[0]
    assert smtp["ipv6_refused"] == 1, "a /64 is counted once"


OBSERVED = """mode = observe
privacy { addresses = full }
service smtp { ports = {25} max-connections-per-source = 2 }
service imap { ports = {143} allow-countries = {DE} }
source-set foes { prefixes = {10.77.129.0/26} action = deny }
geoip { database = countries.csv }
"""
COUNTRIES = "10.77.129.128/26,FR\n10.77.129.192/26,DE\n10.77.130.0/24,FR\n"


def observed(sluice, new, text, *remember):
    new.write_text("interfaces = {s0}\n" + text)
    return sluice.json("apply", new, "--dry-run")["observed"]


def test_dry_run_also_judges_those_whom_observe_mode_would_have_refused(make, tmp_path):
    (tmp_path / "countries.csv").write_text(COUNTRIES)
    began = time.time()
    net, sluice = make(OBSERVED)
    net.serve("::", 25), net.serve("::", 143), tools.any_source(net)
    several = [hold(net, f"10.77.129.{i}", n) for i, n in ((65, 3), (66, 4), (67, 8), (68, 2))]  # two and more above the limit
    foes = [hold(net, f"10.77.129.{i}", 1) for i in (5, 6)]
    french = hold(net, "10.77.129.130", 1, 143)
    german = hold(net, "10.77.129.200", 1, 143)
    assert wait_for(lambda: sluice.json("refusals")["found"] == 6), sluice.do("refusals")
    new = tmp_path / "new.conf"

    same = observed(sluice, new, OBSERVED)
    assert (same["senders"], same["let_in"], same["refused"], same["unknown"]) == (6, 0, 6, 0)
    assert same["by"] == {"source-connections": 3, "denied": 2, "country": 1}
    assert 0 < same["seconds"] <= time.time() - began + 1 and same["addresses"] == "full"
    wider = observed(sluice, new, OBSERVED.replace("= 2", "= 4").replace("/26} action", "/30} action").replace("{DE}", "{DE, FR}"))
    assert (wider["senders"], wider["let_in"], wider["refused"], wider["unknown"]) == (6, 5, 1, 0), "10.77.129.67 had more than 4"
    assert wider["by"] == {"source-connections": 1}
    stricter = observed(sluice, new, OBSERVED.replace("prefixes = {10.77.129.0/26}", "prefixes = {10.77.129.0/24}"))
    assert stricter["by"] == {"denied": 6}
    none = observed(sluice, new, "service pop { ports = {110} }\n")
    assert (none["let_in"], none["refused"]) == (6, 0)
    text = sluice.do("apply", new, "--dry-run")
    assert re.search(r"Observe mode would have refused 6 senders in the last \d+s:\n    let in by this policy: 6; still refused: 0\n", text), text
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "0", "--dry-run")["observed"]
    assert (answer["let_in"], answer["by"]) == (3, {"denied": 2, "country": 1})
    assert "still refused: 3 (denied 2, country 1)" in sluice.do("set", "service", "smtp", "max-connections-per-source", "0", "--dry-run")
    assert several and foes and french and german


def test_dry_run_says_of_which_senders_it_cannot_tell(make, tmp_path):
    net, sluice = make(OBSERVED.replace("full", "full retention = 1h").replace("geoip { database = countries.csv }\n", "sources { retention = 1s }\n").replace(" allow-countries = {DE}", " max-rate-per-source = 1/1m"))
    net.serve("::", 25), net.serve("::", 143), tools.any_source(net)
    rate, gone, foe = hold(net, "10.77.129.65", 2, 143), hold(net, "10.77.129.66", 5), hold(net, "10.77.129.5", 1)
    gone("close", 5)
    assert wait_for(lambda: sluice.json("refusals")["found"] == 3), sluice.do("refusals")
    new = tmp_path / "new.conf"
    assert wait_for(lambda: sluice.json("set", "service", "smtp", "max-connections-per-source", "20", "--dry-run")["judged"] == 2, 60, 0.5), "the next audit forgets one of them"
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "20", "--dry-run")["observed"]
    assert (answer["senders"], answer["let_in"], answer["refused"], answer["unknown"]) == (3, 0, 2, 1), "nobody knows how many that sender would have had"
    assert answer["by"] == {"source-rate": 1, "denied": 1}
    assert "unknown for 1 " in sluice.do("set", "service", "smtp", "max-connections-per-source", "20", "--dry-run")
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "1", "--dry-run")["observed"]
    assert (answer["refused"], answer["unknown"]) == (3, 0), "a lower limit refuses all whom the higher one refused"
    answer = sluice.json("set", "service", "imap", "max-rate-per-source", "50/1m", "--dry-run")["observed"]
    assert (answer["let_in"], answer["refused"], answer["unknown"]) == (0, 2, 1), "sluice does not remember how many connections a source opened"
    assert observed(sluice, new, "service imap { ports = {143} }\nservice smtp { ports = {25} }\n")["let_in"] == 3
    assert rate and foe


def test_dry_run_judges_networks_but_no_hashes_if_privacy_keeps_no_more(make, tmp_path):
    (tmp_path / "countries.csv").write_text(COUNTRIES)
    net, sluice = make(OBSERVED.replace("full", "truncated"))
    net.serve("::", 25), net.serve("::", 143), tools.any_source(net)
    held = [hold(net, "10.77.129.5", 1), hold(net, "10.77.129.6", 1), hold(net, "10.77.130.130", 1, 143)]
    assert wait_for(lambda: sluice.json("refusals")["found"] == 2)
    new = tmp_path / "new.conf"
    answer = observed(sluice, new, OBSERVED)
    assert (answer["senders"], answer["unknown"], answer["by"]) == (2, 1, {"country": 1}), "not all of 10.77.129.0/24 is refused"
    assert observed(sluice, new, OBSERVED.replace("/26}", "/24}"))["by"] == {"denied": 1, "country": 1}
    sluice.write(OBSERVED.replace("full", "hashed"))
    sluice.do("reload")
    held += [hold(net, "10.77.129.7", 1)]
    assert wait_for(lambda: sluice.json("refusals")["found"] >= 1)
    answer = observed(sluice, new, OBSERVED)
    assert answer["senders"] == answer["unknown"] >= 1 and answer["addresses"] == "hashed"
    sluice.write(OBSERVED + "log { refusals = none }\n")
    sluice.do("reload")
    assert observed(sluice, new, OBSERVED)["senders"] == 0 and "no refusals are remembered" in sluice.do("apply", new, "--dry-run")
    assert held


COUNTED = """mode = observe
service imap { ports = {143} }
service smtp { ports = {25} }
geoip { database = countries.csv }
include(conf.d/*.conf)
"""
ORIGINS = """10.77.128.1,10.77.128.110,DE
10.77.128.111,10.77.128.117,AT
10.77.128.118,10.77.128.118,FR
10.77.128.119,10.77.128.119,IT
"""


def countries(sluice, service):
    return next(s["countries"] for s in sluice.json("suggest")["services"] if s["service"] == service)


def test_suggest_proposes_the_countries_of_connections_in_a_comment_and_locks_nobody_out(make, tmp_path):
    (tmp_path / "countries.csv").write_text(ORIGINS)
    net, sluice = make(COUNTED)
    net.serve("::", 25), net.serve("::", 143)
    held = [crowd(net, 120, 143), crowd(net, 101, 25)]  # the 120th source is in no database, and is private

    imap, smtp = countries(sluice, "imap"), countries(sluice, "smtp")
    assert [(s["country"], s["admitted"]) for s in imap["shares"]] == [("DE", 110), ("AT", 7), ("FR", 1), ("IT", 1)]
    assert imap["admitted"] == 119 and imap["allow-countries"] == ["DE", "AT"] and imap["would_refuse"] == 2
    assert 99.99 < sum(s["percent"] for s in imap["shares"]) < 100.01 and imap["since"].startswith("2")
    assert smtp["admitted"] == 101 and smtp["allow-countries"] == [] and "any country" in smtp["why_none"]
    text = sluice.do("suggest")
    assert re.search(r"#   countries: DE 92 %, AT 5 %, 2 others \(of 119 connections, for \d+s\)\n", text)
    assert re.search(r"#   countries: DE 100 % \(of 101 connections, for \d+s\)\n", text)
    assert "allow-countries would have refused 2 of these 119" in text and "# Countries are those of connections that were let in" in text
    assert not [line for line in text.splitlines() if "countries" in line and not line.lstrip().startswith("#")]

    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "50-suggested.conf").write_text(text)
    assert "good" in sluice.do("check", sluice.file) and not [c for c in sluice.json("diff") if "countries" in c["what"]]
    key = "# allow-countries = {DE, AT}"
    assert key in text
    (tmp_path / "conf.d" / "50-suggested.conf").write_text(text.replace(key, key[2:]))
    sluice.do("reload")
    assert sluice.json("lookup", "10.77.128.118")["country"] == "FR"
    verdicts = {a: next(s["reason"] for s in sluice.json("lookup", f"10.77.128.{a}")["services"] if s["name"] == "imap") for a in (1, 111, 118, 120)}
    assert verdicts[118] == "country" and "country" not in (verdicts[1], verdicts[111], verdicts[120]), "private addresses are still let in"
    again = countries(sluice, "imap")
    assert again["allow-countries"] == [] and "already" in again["why_none"] and again["admitted"] >= 119
    assert held


def test_countries_that_are_counted_outlive_the_daemon_and_a_few_sources_are_no_sample(make, tmp_path):
    (tmp_path / "countries.csv").write_text(ORIGINS)
    net, sluice = make(COUNTED)
    net.serve("::", 143)
    held = crowd(net, 10, 143)
    since = countries(sluice, "imap")["since"]
    sluice.kill()
    held.ask("close 10"), held.ask("open 10")  # the kernel counts while no daemon runs
    sluice.start()
    sluice.do("reload")
    assert (countries(sluice, "imap")["admitted"], countries(sluice, "imap")["since"]) == (20, since)
    text = sluice.do("suggest")
    assert "#   no countries are suggested: too few sources\n" in text and "#   countries: DE 100 % (of 20 connections" in text


def test_status_and_metrics_have_the_countries_of_connections_of_two_services(make, tmp_path):
    (tmp_path / "countries.csv").write_text("10.77.0.2,10.77.0.2,DE\n10.77.0.3,10.77.0.3,FR\nfd77::2,fd77::2,DE\n")
    net, sluice = make(COUNTED.replace("mode = observe\n", ""))
    net.serve("::", 25), net.serve("::", 143)
    held = [hold(net, "10.77.0.2", 3), hold(net, "10.77.0.3", 2), hold(net, "10.77.0.2", 1, 143), hold(net, "10.77.0.9", 1, 143)]
    of = lambda name: {c["country"]: (c["admitted"], c["refused"]) for c in next(s for s in sluice.json("status")["services"] if s["name"] == name)["countries"]}
    sample = lambda: sorted(line for line in web.request(net.server, 9798, "/metrics")[2].splitlines() if line.startswith("sluice_country_"))
    assert of("smtp") == {"DE": (3, 0), "FR": (2, 0)} and of("imap") == {"DE": (1, 0), "ZZ": (1, 0)}
    assert sample() == [
        'sluice_country_admitted_total{service="imap",country="DE"} 1', 'sluice_country_admitted_total{service="imap",country="ZZ"} 1',
        'sluice_country_admitted_total{service="smtp",country="DE"} 3', 'sluice_country_admitted_total{service="smtp",country="FR"} 2',
    ]  # fmt: skip
    sluice.write(COUNTED.replace("ports = {25}", "ports = {25} deny-countries = {FR}").replace("mode = observe\n", ""))
    sluice.do("reload")
    net.hold("10.77.0.3")("open", 1)
    held.append(hold(net, "10.77.0.2", 1))
    assert of("smtp")["DE"] == (4, 0) and of("smtp")["FR"][0] == 2 and of("smtp")["FR"][1] >= 1
    sluice.write("service smtp { ports = {25} }\n")
    sluice.do("reload")
    held.append(hold(net, "10.77.0.2", 1))
    assert [s["countries"] for s in sluice.json("status")["services"]] == [None], "there are no countries while no database is in force"
    assert not [s for s in sample() if "admitted" in s] and sluice.json("suggest")["services"][0]["countries"] is None
    sluice.write(COUNTED)
    sluice.do("reload")
    assert of("smtp")["DE"] == (4, 0), "counts continue"
    assert held


def test_without_a_database_suggest_says_that_no_country_is_counted(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    held = crowd(net, 10)
    assert "# Countries are not counted, since no country database is in force" in sluice.do("suggest") and sluice.json("suggest")["services"][0]["countries"] is None
    assert held
