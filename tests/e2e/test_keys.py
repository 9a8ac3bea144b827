# SPDX-License-Identifier: BSD-2-Clause
"""Every key of the policy, by what it does to real connections: 12 are tried at once from the sources, and the expected number gets in."""
import re

import pytest

import tools
from net import ROOT, SERVER, SERVER6, wait_for

A, B, AB = "10.77.0.2", "10.77.0.3", "10.77.0.2,10.77.0.3"


def smtp(keys):
    return f"service smtp {{ ports = {{25}} on-excess = reset {keys} }}\n"


def of_set(keys, name="some", prefixes="10.77.0.2"):
    return f"source-set {name} {{ prefixes = {{{prefixes}}} {keys} }}\n"


EACH_3 = smtp("max-connections-per-source = 3")
GEO = "geoip { database = {world.csv, networks.csv} }\n"

CASES = {
    "no limit": (smtp(""), A, 12),
    "0 is not a limit": (smtp("max-connections = 0 max-rate-per-source = 0"), A, 12),
    "ports": ("service smtp { ports = {24, 25} on-excess = reset max-connections-per-source = 4 }\n", A, 4),
    "another port": ("service smtp { ports = {26} max-connections-per-source = 4 }\n", A, 12),
    "addresses": (smtp("addresses = {10.77.0.1} max-connections-per-source = 4"), A, 4),
    "another address": (smtp("addresses = {10.77.0.99} max-connections-per-source = 4"), A, 12),
    "max-connections": (smtp("max-connections = 7"), AB, 7),
    "max-connections-per-source": (EACH_3, AB, 6),
    "a share of max-connections": (smtp("max-connections = 50 max-connections-per-source = 8%"), A, 4),
    "max-rate": (smtp("max-rate = 5/1m"), AB, 5),
    "max-rate-per-source": (smtp("max-rate-per-source = 2/1m"), AB, 4),
    "mode": ("mode = observe\n" + EACH_3, A, 12),
    "xdp-mode generic": ("xdp-mode = generic\n" + EACH_3, A, 3),
    "xdp-mode native": ("xdp-mode = native\n" + EACH_3, A, 3),
    "ipv4-prefix": ("sources { ipv4-prefix = 24 }\n" + EACH_3, AB, 3),
    "ipv6-prefix": ("sources { ipv6-prefix = 32 }\n" + EACH_3, "fd77:0:1::2,fd77:0:2::2", 3),
    "ipv6 networks": (EACH_3, "fd77:0:1::2,fd77:0:2::2", 6),
    "max-connections-per-network": (smtp("max-connections-per-network = 5"), AB, 5),
    "max-rate-per-network": (smtp("max-rate-per-network = 5/1m"), AB, 5),
    "ipv4-network": ("sources { ipv4-network = 16 }\n" + smtp("max-connections-per-network = 5"), "10.77.0.2,10.77.1.1", 5),
    "ipv6-network": ("sources { ipv6-network = 32 }\n" + smtp("max-connections-per-network = 5"), "fd77:0:1::2,fd77:0:2::2", 5),
    "networks apart": (smtp("max-connections-per-network = 5"), "10.77.0.2,10.77.1.1", 10),
    "set max-connections-per-network": (EACH_3 + of_set("max-connections-per-network = 4", prefixes="10.77.0.0/24"), AB, 4),
    "set lengths": (EACH_3 + of_set("ipv4-prefix = 24 ipv4-network = 16 ipv6-prefix = 32 ipv6-network = 16", prefixes="10.77.0.0/24"), AB, 3),
    "translated-prefixes": ('sources { translated-prefixes = {"fd77::/32"} ipv6-prefix = 128 }\n' + EACH_3, "fd77:0:1::2,fd77:0:1::3", 3),
    "action allow": (EACH_3 + of_set("action = allow"), AB, 6 + 3),
    "action deny": (EACH_3 + of_set("action = deny"), AB, 3),
    "set max-connections": (EACH_3 + of_set("max-connections = 2"), A, 2),
    "set max-connections-per-source": (EACH_3 + of_set("max-connections-per-source = 5"), AB, 5 + 3),
    "set lifts a limit": (EACH_3 + of_set("max-connections-per-source = 0"), AB, 6 + 3),
    "set max-rate": (EACH_3 + of_set("max-rate = 2/1m"), AB, 2 + 3),
    "set max-rate-per-network": (EACH_3 + of_set("max-rate-per-network = 4/1m", prefixes="10.77.0.0/24"), AB, 4),
    "set max-rate-per-source": (EACH_3 + of_set("max-rate-per-source = 1/1m"), AB, 1 + 3),
    "services": (EACH_3 + of_set("services = {imap} action = deny") + "service imap { ports = {143} }\n", A, 3),
    "enabled": (EACH_3 + of_set("action = deny enabled = false"), A, 3),
    "priority": (EACH_3 + of_set("action = deny priority = 20") + of_set("action = allow priority = 10", "more", "10.77.0.0/16"), A, 12),
    "the longest prefix": (EACH_3 + of_set("max-connections-per-source = 5") + of_set("max-connections-per-source = 1", "more", "10.77.0.0/16"), AB, 5 + 1),
    "a range": (EACH_3 + of_set("action = deny", prefixes="10.77.0.3-10.77.0.9"), AB, 3),
    "a netmask": (EACH_3 + of_set("action = deny", prefixes="10.77.0.0/255.255.0.0"), AB, 0),
    "deny-countries": (GEO + smtp("deny-countries = {FR}"), AB, 6),
    "deny-countries ZZ": (GEO + smtp("deny-countries = {ZZ}"), AB + ",10.77.0.4", 8),
    "allow-countries": (GEO + smtp("allow-countries = {DE}"), AB + ",10.77.0.4", 8),  # 10.77.0.4 is private, and in no database
    "allow-private": (GEO.replace("}", "} allow-private = false", 1) + smtp("allow-countries = {DE, FR}"), AB + ",10.77.0.4", 8),
    "allow-private IPv6": (GEO + smtp("allow-countries = {DE}"), "fd77:0:1::2,fd77:0:2::2,fd77:0:3::2", 8),
    "IPv6 countries": (GEO + smtp("deny-countries = {FR}"), "fd77:0:1::2,fd77:0:2::2", 6),
    "an exception to a country": (GEO + smtp("deny-countries = {FR}") + of_set("action = allow", prefixes="10.77.0.3"), AB, 12),
    "countries": (GEO + EACH_3 + "source-set fr { countries = {FR} max-connections-per-source = 1 }\n", AB, 3 + 1),
    "all of a country together": (GEO + smtp("") + "source-set known { countries = {DE, FR} max-connections = 5 }\n", AB, 5),
    "asns": (GEO + EACH_3 + "source-set isp { asns = {AS64496} action = deny }\n", AB, 3),
    "file": (EACH_3 + "source-set some { file = list.txt action = deny }\n", AB, 3),
    "asns-file": (GEO + EACH_3 + "source-set some { asns-file = asns.txt action = deny }\n", AB, 3),
    "reading": (EACH_3 + "source-set some { file = odd.txt reading = tolerant action = deny }\n", AB, 3),
    "include": ("include(conf.d/*.conf)\n", AB, 6),
    "max-syn-rate-per-source": ("service smtp { ports = {25} max-syn-rate-per-source = 1/1m }\n", A, 12),  # its first connection proves the source
    "pressure-syn-rate": ("syn-flood { pressure-syn-rate = 2/1s }\n" + EACH_3, A, 3),
    "pressure-half-open": ("syn-flood { pressure-half-open = 1 }\n" + EACH_3, A, 3),
    "pressure-expired": ("syn-flood { pressure-expired = 1/1s calm-below = 10 calm-after = 1s }\n" + EACH_3, A, 3),
    "cookies": ("syn-flood { cookies = false pressure-syn-rate = 1/1s }\n" + EACH_3, A, 3),
    "retention": ("sources { retention = 1s }\n" + smtp("max-rate-per-source = 2/1m"), AB, 4),
}


def unanswered(net):
    """Sends three SYNs whose answers nobody hears."""
    tools.forge(net, 25, "10.77.3.1", "syn", 3).finish()


def under_pressure(net, sluice):
    def seen():  # asked more than once, since the listener makes cookies only a moment after pressure began
        unanswered(net)
        return sluice.reason("cookie-sent")

    assert wait_for(seen)


def under_pressure_without_cookies(net, sluice):
    def seen():
        unanswered(net)
        return sluice.service()["pressure"]

    assert wait_for(seen)
    unanswered(net)
    assert sluice.reason("cookie-sent") == 0


def an_unproven_source_has_a_rate(net, sluice):
    unanswered(net)
    assert wait_for(lambda: sluice.reason("syn-rate"))


def idle_sources_are_said_to_be_forgotten(_, sluice):  # test_rates of the datapath shows that they are
    assert sluice.json("set", "service", "smtp", "max-connections", "9", "--dry-run")["retention"] == 1


def a_driver_without_native_xdp_is_refused(_, sluice):
    assert [i["xdp_mode"] for i in sluice.json("status")["interfaces"]] == ["native"]
    sluice.file.write_text(sluice.file.read_text().replace("{s0}", "{s0, lo}"))
    code, _, err = sluice.ctl("reload")
    assert code == 1 and "lo" in err, err


def a_strict_reader_refuses_the_file(_, sluice):
    sluice.file.write_text(sluice.file.read_text().replace("tolerant", "strict"))
    code, _, err = sluice.ctl("reload")
    assert code == 2 and "odd.txt" in err, err


# What is also true once the connections have ended, where as many get in without the key.
ALSO = {
    "max-syn-rate-per-source": an_unproven_source_has_a_rate,
    "pressure-syn-rate": under_pressure,
    "pressure-half-open": under_pressure,
    "pressure-expired": under_pressure,
    "cookies": under_pressure_without_cookies,
    "retention": idle_sources_are_said_to_be_forgotten,
    "xdp-mode native": a_driver_without_native_xdp_is_refused,
    "reading": a_strict_reader_refuses_the_file,
}
SILENT = ["xdp-mode generic"]  # no RST, since XDP's answer would spoil checksums: test_answers.py


@pytest.mark.parametrize("case", CASES)
def test_key_does_what_it_says(make, tmp_path, case):
    policy, sources, greeted = CASES[case]
    (tmp_path / "list.txt").write_text("; a list\n10.77.0.3 # one\n192.0.2.0/24\n")
    (tmp_path / "odd.txt").write_text("10.77.0.3\n192.0.2.42203.0.113.140\n")
    (tmp_path / "asns.txt").write_text("AS64496 ; an example\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/smtp.conf").write_text(EACH_3)
    (tmp_path / "world.csv").write_text("10.77.0.2/32,DE\n10.77.0.3,10.77.0.3,FR\nfd77:0:1::/48,DE\nfd77:0:2::/48,FR\n")
    (tmp_path / "networks.csv").write_text("10.77.0.3,10.77.0.3,64496,an example\n")
    net, sluice = make(policy)
    tools.serve(net, 25)
    to = SERVER6 if ":" in sources else SERVER
    hold, got = tools.hold(net, to, 25, 12, sources, processes=1, wait_ms=3000)
    told = case not in SILENT
    assert (got["greeted"], got["pending"], got["refused"]) == (greeted, 0 if told else 12 - greeted, 12 - greeted if told else 0)
    assert sluice.json("status")["drift"] == 0
    hold.finish()
    ALSO.get(case, lambda *_: None)(net, sluice)


SECTION = r"^ *([a-z-]+)(?: +[a-z]+)? *\{((?:[^{}]|\{[^{}]*\})*)\}"
KEY = r"(?<![\w./-])([a-z][a-z0-9-]*) *="
# Keys that other tests show: test_drift.py, _metrics, _confirm, _containers, _refusals; test_privacy.py; test_fleet.py, _bans, _settings; test_installed.py.
ELSEWHERE = {
    "": {"stop-grace"},
    "sources": {"max"},
    "privacy": {"addresses", "retention"},
    "geoip": {"count-countries"},
    "metrics": {"listen"},
    "log": {"refusals"},
    "fleet": {"servers", "name", "secret-file", "user", "password-file", "max-staleness", "on-partition", "share-bans", "share-settings"},
    "service": {"fleet", "exact"},
    "source-set": {"fleet"},
    "container": {"netns", "addresses", "ports"},
}


def grammar():
    """Returns the (section, key) of each row of the schema."""
    base = ROOT / "userspace/core/policy"
    numbers = re.findall(r"^\tSECTION_([A-Z]+),$", (base / "section.h").read_text(), re.M)
    names = re.findall(r'"([a-z-]*)"', (base / "section.c").read_text().split("section_names[SECTIONS] = ")[1].split(";")[0])
    name, schema = dict(zip(numbers, names, strict=True)), (base / "schema.c").read_text()
    limits = re.findall(r'\bsection,\s+"([a-z-]+)"', schema)
    rows = re.findall(r'\bSECTION_([A-Z]+), "([a-z0-9-]+)"', schema) + [(of, key) for of in re.findall(r"^\tLIMITS\(SECTION_([A-Z]+),", schema, re.M) for key in limits]
    return {(name[of], key) for of, key in rows}


def keys_of(policy):
    """Returns the (section, key) of each key that the policy names."""
    inside = {(section, key) for section, body in re.findall(SECTION, policy, re.M) for key in re.findall(KEY, body)}
    return inside | {("", key) for key in re.findall(KEY, re.sub(SECTION, "", policy, flags=re.M))}


def test_every_key_of_the_grammar_is_here():
    known = grammar()
    assert len(known) > 60 and {("source-set", "max-rate-per-network"), ("syn-flood", "cookies"), ("", "mode")} <= known
    here = {("", "interfaces")}.union(*(keys_of(policy) for policy, _, _ in CASES.values()))
    assert here <= known, "the cases are read as sluice reads them"
    assert known - here == {(section, key) for section, keys in ELSEWHERE.items() for key in keys}
