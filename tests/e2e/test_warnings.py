# SPDX-License-Identifier: BSD-2-Clause
"""Whatever looks at a policy warns of a set that refuses, or lets in, everybody, or that refuses an address which the host cannot do without."""
import signal

import pytest

from net import SERVER

HEAD = "service smtp { ports = {25} }\n"
GATEWAY = "10.77.0.2"


def said_of(sluice, text):
    sluice.write(HEAD + text)
    checked = sluice.json("check", sluice.file)
    assert checked["ok"]
    return [w["text"] + ": " + w["hint"] for w in checked["warnings"]]


@pytest.fixture
def guarded(make):
    net, sluice = make(HEAD)
    net.run(net.server, "ip", "route", "add", "default", "via", GATEWAY)
    return sluice


def test_a_list_that_refuses_the_gateway_or_the_host_itself_is_said(guarded, tmp_path):
    listed = tmp_path / "drop.txt"
    listed.write_text("192.88.99.1\n10.77.0.0/24\n")
    for source in ("prefixes = {10.77.0.0/24}", f"file = {listed}"):
        said = said_of(guarded, f"source-set drop {{ {source} action = deny }}\n")
        assert sum(f"source-set drop refuses {GATEWAY}, this host's gateway: let it in with" in s for s in said) == 1, said
        assert sum(f"source-set drop refuses {SERVER}, this host's own address" in s for s in said) == 1, said
        assert "this host's gateway" in guarded.ctl("reload")[2]
        assert any("this host's gateway" in f["finding"] for f in guarded.json("doctor", guarded.file) if f["level"] == "warning")
        assert "this host's gateway" in guarded.ctl("apply", guarded.file, "--dry-run")[2]
    spared = said_of(guarded, "source-set drop { prefixes = {10.77.0.0/24} action = deny }\nsource-set ways { prefixes = {10.77.0.2} action = allow }\n")
    assert not any(GATEWAY in s for s in spared) and any(SERVER in s for s in spared), spared
    later = "source-set drop { prefixes = {10.77.0.0/24} action = deny priority = 50 }\nsource-set ways { prefixes = {10.77.0.2} action = allow }\n"
    assert any(GATEWAY in s for s in said_of(guarded, later)), "the set that refuses applies first"
    assert not said_of(guarded, "source-set drop { prefixes = {10.77.0.0/24} action = deny enabled = false }\n")


def test_a_live_order_for_a_set_says_the_same(guarded):
    guarded.write(HEAD + "source-set drop { prefixes = {192.88.99.0/24} action = deny }\n")
    assert guarded.ctl("reload")[2] == ""
    code, _, said = guarded.ctl("set", "source-set", "drop", "prefixes", "{10.77.0.2}")
    assert code == 0 and "this host's gateway" in said


@pytest.mark.parametrize("action, words", (("deny", "refuses all addresses of {}, so nobody gets in"), ("allow", "never refuses all addresses of {}")))
def test_a_whole_family_is_said(guarded, action, words):
    for prefix, family in (("0.0.0.0/0", "IPv4"), ("::/0", "IPv6")):
        said = said_of(guarded, f"source-set all {{ prefixes = {{{prefix}}} action = {action} }}\n")
        assert any(words.format(family) in s for s in said), said
    assert not said_of(guarded, "source-set all { prefixes = {0.0.0.0/0} max-connections-per-source = 5 }\n")


def test_bogons_of_the_link_cause_no_warning(guarded):
    assert not said_of(guarded, "source-set bogons { prefixes = {127.0.0.0/8, 169.254.0.0/16, fe80::/10, ::1, 240.0.0.0/4} action = deny }\n")


def test_a_group_of_countries_or_a_network_that_this_host_is_in_is_said(make, tmp_path):
    (tmp_path / "countries.csv").write_text("203.0.113.0/24,DE\n2001:db8::/32,FR\n")
    (tmp_path / "networks.csv").write_text("203.0.113.0,203.0.113.255,64496,an example\n2001:db8::/32,64497,another\n")
    geo = "geoip { database = {countries.csv, networks.csv} }\n"
    net, sluice = make(geo + HEAD)
    net.addresses(net.server, "s0", "203.0.113.9/32")
    for names, how in (("countries = {EU27}", "by its country"), ("asns = {64496}", "by its network")):
        said = said_of(sluice, f"{geo}source-set foes {{ {names} action = deny }}\n")
        assert any(f"source-set foes refuses 203.0.113.9, this host's own address {how}" in s for s in said), said


HIDDEN = "source-set {} decides nothing, since {} first at each of its prefixes"


def test_a_set_that_others_hide_entirely_is_said_wherever_a_policy_is_looked_at(guarded, tmp_path):
    listed = tmp_path / "partners.txt"
    listed.write_text("192.88.99.7\n198.18.0.0/16\n2001:db8:1::/48\n")
    foes = "source-set foes { prefixes = {192.88.99.0/24, 198.18.0.0/15, 2001:db8::/32} action = deny priority = 10 }\n"
    said = said_of(guarded, foes + f"source-set partners {{ file = {listed} action = allow }}\n")
    assert [s for s in said if "decides nothing" in s] == said and len(said) == 1 and HIDDEN.format("partners", "foes applies") in said[0], said
    assert "lower priority number" in said[0]
    for words in (("reload",), ("apply", guarded.file, "--dry-run"), ("apply", guarded.file), ("set", "source-set", "partners", "priority", "20", "--dry-run"), ("set", "source-set", "partners", "priority", "20")):
        code, _, err = guarded.ctl(*words)
        assert code == 0 and HIDDEN.format("partners", "foes applies") in err, (words, err)
    assert guarded.ctl("set", "source-set", "partners", "priority", "5", "--dry-run")[2] == ""
    assert any(HIDDEN.format("partners", "foes applies") in f["finding"] for f in guarded.json("doctor", guarded.file) if f["level"] == "warning")
    guarded.kill(signal.SIGTERM)
    guarded.start()
    assert HIDDEN.format("partners", "foes applies") in guarded.logged(), "a start warns, too"


def test_a_set_is_hidden_by_several_and_only_where_they_leave_nothing_of_it(guarded):
    friends = "source-set friends { prefixes = {192.88.99.0/24, 198.18.0.0/16} max-connections-per-source = 50 priority = 200 }\n"
    one = "source-set one { prefixes = {192.88.99.0/25} action = allow }\n"
    two = "source-set two { prefixes = {192.88.99.128/25, 198.18.0.0/15} action = deny }\n"
    assert any(HIDDEN.format("friends", "one, two apply") in s for s in said_of(guarded, friends + one + two))
    for seen in (
        friends + one,  # nobody has 192.88.99.128
        friends + one + two.replace("99.128/25", "99.129"),
        friends + one + two.replace("action", "enabled = false action"),
        friends.replace("200", "50") + one + two,
        friends.replace("priority = 200", "services = {smtp}") + two.replace("192.88.99.128/25", "192.88.99.0/24").replace("action = deny", "max-connections = 9"),  # the longer prefix wins
    ):
        assert not any("friends decides nothing" in s for s in said_of(guarded, seen)), seen
    # At equal priority allow comes before deny, and deny before limits; of equal prefixes the set that is named first counts.
    assert any(HIDDEN.format("friends", "one, two apply") in s for s in said_of(guarded, friends.replace("200", "100") + one + two))
    twins = "source-set a { prefixes = {192.88.99.0/24} action = deny }\nsource-set b { prefixes = {192.88.99.0/24} action = deny }\n"
    assert [s.split(",")[0] for s in said_of(guarded, twins)] and any(HIDDEN.format("b", "a applies") in s for s in said_of(guarded, twins))


def test_a_service_at_an_address_that_the_host_does_not_have_is_said(guarded):
    service = "service imap {{ ports = {{143}} addresses = {{{}}} }}\n".format
    said = said_of(guarded, service(f"{SERVER}, 203.0.113.77"))
    assert len(said) == 1 and "service imap: 203.0.113.77 is not an address of this host: nothing is judged there until it is" in said[0], said
    assert any("203.0.113.77 is not an address" in f["finding"] for f in guarded.json("doctor", guarded.file) if f["level"] == "warning")
    assert "203.0.113.77 is not an address" in guarded.ctl("reload")[2]
    assert not said_of(guarded, service(f"{SERVER}, 127.0.0.2"))


def test_a_service_at_the_address_that_means_any_to_a_listener_is_said_and_not_explained(guarded):
    said = said_of(guarded, f"service imap {{ ports = {{143}} addresses = {{0.0.0.0, ::, {SERVER}}} }}\nservice pop {{ ports = {{110}} addresses = {{::}} }}\n")
    assert len(said) == 3 and all(any(f"no packet is sent to {any_}, so nothing is judged there: leave addresses out" in s for s in said) for any_ in ("0.0.0.0", "::")), said
    guarded.do("reload")
    explain = lambda source, service: guarded.ctl("explain", source, "--service", service)
    for source, service, family in (("198.51.100.7", "pop", "IPv4"), ("2001:db8::7", "pop", "IPv6"), ("2001:db8::7", "imap", "IPv6")):
        code, out, err = explain(source, service)
        assert code == 2 and f"service {service} has no {family} address: such a source cannot reach it" in err, (out, err)
    assert explain("198.51.100.7", "imap")[0] == 0


@pytest.mark.parametrize("named, why", (("224.0.0.1", "multicast"), ("255.255.255.255", "broadcast"), ("0.0.0.0", "unspecified network"), ("ff02::/16", "multicast"), ("::", "unspecified address")))
def test_an_order_about_addresses_that_nobody_can_connect_from_says_so(guarded, named, why):
    for order in (("ban", named), ("allow", named), ("limit", named, "max-connections-per-source", "9")):
        code, _, said = guarded.ctl(*order)
        assert code == 0 and f"no connection comes from {named}: it is" in said and why in said, (order, said)
    for real in ("192.0.2.1", "169.254.3.4", "240.0.0.1", "fe80::1"):
        assert "no connection" not in guarded.ctl("ban", real)[2]


def test_a_set_that_applies_at_another_service_is_not_hidden_there(guarded):
    head = "service imaps { ports = {993} }\nsource-set a { prefixes = {192.88.99.0/24} action = deny services = {smtp} priority = 1 }\n"
    assert not said_of(guarded, head + "source-set b { prefixes = {192.88.99.1} action = deny }\n")
    assert any(HIDDEN.format("b", "a applies") in s for s in said_of(guarded, head + "source-set b { prefixes = {192.88.99.1} action = deny services = {smtp} }\n"))


def test_countries_and_networks_can_hide_a_set_and_long_lists_are_looked_through_at_once(make, tmp_path):
    (tmp_path / "countries.csv").write_text("192.0.2.0/24,DE\n198.51.100.0/24,FR\n")
    geo = "geoip { database = countries.csv }\n"
    _, sluice = make(geo + HEAD)
    german = f"{geo}source-set german {{ countries = {{DE}} action = deny priority = 1 }}\nsource-set b {{ prefixes = {{192.0.2.0/25}} action = allow }}\n"
    assert any(HIDDEN.format("b", "german applies") in s for s in said_of(sluice, german))
    assert not any("decides nothing" in s for s in said_of(sluice, german.replace("192.0.2.0/25", "192.0.2.0/25, 198.51.100.1")))
    for name in ("one", "two"):
        (tmp_path / name).write_text("".join(f"10.{i >> 15}.{i >> 7 & 255}.{i % 128 * 2}\n" for i in range(100_000)))
    lists = "source-set first { file = one action = deny priority = 1 }\nsource-set second { file = two action = deny }\n"
    assert any(HIDDEN.format("second", "first applies") in s for s in said_of(sluice, lists))
    with open(tmp_path / "two", "a") as more:
        more.write("11.0.0.1\n")
    assert not any("decides nothing" in s for s in said_of(sluice, lists))
