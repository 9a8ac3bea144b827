# SPDX-License-Identifier: BSD-2-Clause
"""Live settings hold on all hosts of a fleet. There is a real store, and each host has a sluiced, a kernel side and a policy of its own."""
import concurrent.futures, contextlib, json, signal, time

import pytest

from hosts import Hosts
from net import wait_for
from process import ask, socket_of
from test_fleet_bans import FORGE, key, lua, metric, raw, together

FLEET = "fleet { servers = {STORE} name = NAME secret-file = SECRET max-staleness = 2s%s }\n"
SERVICES = "include(conf.d/*.conf)\nservice smtp { ports = {25} max-connections = 100 }\nsource-set partners { prefixes = {192.0.2.0/24} max-connections = 50 }\nsource-set foes { prefixes = {192.0.2.7} action = deny }\n"
POLICY = FLEET % "" + SERVICES
OTHER = FLEET % "" + "service imap { ports = {143} }\n"  # for a host that has no smtp
ALL = (0, 1, 2)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three hosts that know each other, for all tests; each test leaves them so."""
    hosts = Hosts(tmp_path_factory.mktemp("fleet"), 3, POLICY)
    try:
        assert together(hosts)
        yield hosts
    finally:
        hosts.close()


@pytest.fixture
def hosts(three):
    """The same three, each with its own policy and no live setting."""
    yield three
    for number, sluice in enumerate(three.sluices):
        sluice.ctl("revert")
        reload(three, number)
    for number in ALL:
        for s in live(three, number):
            three.sluices[number].ctl("unset", *s[:3])
    assert wait_for(lambda: not any(live(three, n) for n in ALL), 20), [live(three, n) for n in ALL]


def reload(hosts, number, policy=POLICY):
    hosts.sluices[number].write(hosts.policy_of(number, policy))
    hosts.sluices[number].do("reload")


def live(hosts, number):
    """Returns what is set live there: section, name, key, value and which host said it."""
    return {(s["section"], s["name"], s["key"], s["value"], s.get("host")) for s in hosts.sluices[number].json("status")["live"]}


def smtp(value, host, key="max-connections"):
    return ("service", "smtp", key, value, host)


def most(hosts, number):
    return next((s["max_connections"] for s in hosts.sluices[number].json("status")["services"] if s["name"] == "smtp"), None)


def everywhere(hosts, *expected, numbers=ALL, seconds=20):
    assert wait_for(lambda: all(live(hosts, n) == set(expected) for n in numbers), seconds), [live(hosts, n) for n in ALL]


def unfit(hosts, number):
    return {(u["name"], u["key"], u["value"], u["host"]): u["why"] for u in hosts.status(number)["settings"]["unfit"]}


def test_a_setting_of_one_host_is_in_force_at_all_in_under_a_second_and_any_of_them_ends_it(hosts):
    times = []
    for value in ("40", "41", "42", "43", "44"):
        began = time.monotonic()
        assert "on all hosts of the fleet" in hosts.sluices[0].do("set", "service", "smtp", "max-connections", value)
        assert wait_for(lambda: all(most(hosts, n) == int(value) for n in (1, 2)), 20)
        times.append(time.monotonic() - began)
    print(f"\na setting and a look at two other hosts: {sorted(round(t, 3) for t in times)} s")
    assert min(times) < 1, times
    everywhere(hosts, smtp("44", "h0"))
    hosts.sluices[1].do("set", "source-set", "partners", "max-connections", "5")
    everywhere(hosts, smtp("44", "h0"), ("source-set", "partners", "max-connections", "5", "h1"))
    assert "by root on h0 since" in (shown := hosts.sluices[2].do("status")) and "until the next reload there, or unset" in shown
    assert "max-connections = 44" in hosts.sluices[2].do("dump")
    assert "order: set by h0, for the fleet: done" in hosts.sluices[2].logged()
    assert hosts.status(2)["settings"] == {"shared": 2, "unfit": []} and metric(hosts, "sluice_fleet_settings", 2) == 2
    assert "settings    2 shared live" in hosts.sluices[2].do("fleet", "status")
    assert "on all hosts of the fleet" in hosts.sluices[2].do("unset", "service", "smtp", "max-connections")
    everywhere(hosts, ("source-set", "partners", "max-connections", "5", "h1"))
    assert most(hosts, 0) == 100
    hosts.sluices[2].do("set", "service", "smtp", "max-connections", "7", "--for", "12s")
    assert wait_for(lambda: most(hosts, 0) == most(hosts, 1) == 7, 12)
    assert wait_for(lambda: [most(hosts, n) for n in ALL] == [100] * 3, 40)


def test_a_setting_for_one_host_alone_stays_there_and_what_the_fleet_says_comes_back_after_it(hosts):
    a, b = hosts.sluices[:2]
    assert "in force on this host alone until the next reload" in b.do("set", "service", "smtp", "max-connections", "9", "--local")
    assert "in force on this host alone until 2" in b.do("limit", "192.0.2.9", "max-connections-per-source", "9", "--for", "1h")
    b.do("unlimit", "192.0.2.9")
    a.do("set", "service", "smtp", "max-rate", "60/1m")
    everywhere(hosts, smtp("60/1m", "h0", "max-rate"), numbers=(0, 2))
    assert wait_for(lambda: live(hosts, 1) == {smtp("60/1m", "h0", "max-rate"), smtp("9", None)}, 20)
    b.do("set", "service", "smtp", "max-rate", "30/1m", "--local")
    assert live(hosts, 1) == {smtp("30/1m", None, "max-rate"), smtp("9", None)}
    _, _, said = b.ctl("unset", "service", "smtp", "max-rate")
    assert "what h0 set for all hosts of the fleet holds here again" in said
    assert wait_for(lambda: live(hosts, 1) == {smtp("60/1m", "h0", "max-rate"), smtp("9", None)}, 20)
    b.do("unset", "service", "smtp", "max-connections")
    everywhere(hosts, smtp("60/1m", "h0", "max-rate"))
    long = "{" + ", ".join(f"A{c}" for c in "DEFGILMOQRSTUW") + "}"
    _, _, said = a.ctl("set", "service", "smtp", "deny-countries", long)
    assert "deny-countries of service smtp holds on this host alone: a value of more than 47 bytes is not shared" in said, said
    everywhere(hosts, smtp("60/1m", "h0", "max-rate"), numbers=(1, 2))


def test_a_reload_of_the_host_that_said_it_ends_a_setting_and_one_of_another_host_does_not(hosts):
    a, b = hosts.sluices[:2]
    a.do("set", "service", "smtp", "max-connections", "40")
    a.do("set", "service", "smtp", "max-rate", "60/1m", "--save")
    both = smtp("40", "h0"), smtp("60/1m", "h0", "max-rate")
    everywhere(hosts, *both)
    b.do("reload")
    everywhere(hosts, *both)
    path = b.file.parent / "trial.conf"
    path.write_text(b.file.read_text())
    b.do("apply", path, "--confirm", "1h")
    a.do("set", "service", "smtp", "max-connections", "39")
    assert wait_for(lambda: unfit(hosts, 1) == {("smtp", "max-connections", "39", "h0"): "a policy awaits its confirmation"}, 20), unfit(hosts, 1)
    assert metric(hosts, "sluice_fleet_settings_unfit", 1) == 1
    b.do("revert")
    everywhere(hosts, smtp("39", "h0"), both[1])
    b.do("apply", path, "--confirm", "1h")
    b.do("confirm")
    everywhere(hosts, smtp("39", "h0"), both[1])
    a.do("reload")
    everywhere(hosts, both[1]), "the file says the same now"
    assert most(hosts, 1) == 100
    saved = a.file.parent / "conf.d" / "zz-set-smtp-max-rate.conf"
    saved.unlink()
    reload(hosts, 0, POLICY.replace("2s", "1500ms"))
    everywhere(hosts)


def test_a_host_without_the_service_says_so_and_takes_it_when_its_policy_has_it(hosts):
    a, c = hosts.sluices[0], hosts.sluices[2]
    reload(hosts, 2, OTHER)
    a.do("set", "service", "smtp", "max-connections", "40")
    a.do("set", "service", "smtp", "max-connections-per-source", "10%")
    both = smtp("40", "h0"), smtp("10%", "h0", "max-connections-per-source")
    everywhere(hosts, *both, numbers=(0, 1))
    assert wait_for(lambda: len(unfit(hosts, 2)) == 2, 20), hosts.status(2)
    assert "no service 'smtp'" in unfit(hosts, 2)["smtp", "max-connections", "40", "h0"], unfit(hosts, 2)
    assert "not here: service smtp: max-connections = 40, of h0: " in c.do("fleet", "status")
    assert metric(hosts, "sluice_fleet_settings_unfit", 2) == 2 and live(hosts, 2) == set()
    assert "order: set by h0, for the fleet: failed: " in c.logged()
    reload(hosts, 2, OTHER + SERVICES.replace("smtp {", "smtp { addresses = {192.0.2.1} "))
    everywhere(hosts, *both)
    assert unfit(hosts, 2) == {}
    c.do("unset", "service", "smtp", "max-connections-per-source")
    everywhere(hosts, both[0])


def test_no_order_of_another_host_refuses_what_a_host_depends_on(hosts):
    a, server = hosts.sluices[0], hosts.nets[1].server
    hosts.run(server, "ip", "route", "add", "default", "via", "10.77.7.7")
    a.do("set", "source-set", "foes", "prefixes", "{10.77.7.0/24}")
    foes = ("source-set", "foes", "prefixes", '{"10.77.7.0/24"}', "h0")
    everywhere(hosts, foes, numbers=(0, 2))
    assert wait_for(lambda: any("this host's gateway" in why for why in unfit(hosts, 1).values()), 20), (unfit(hosts, 1), live(hosts, 1))
    assert live(hosts, 1) == set()
    hosts.run(server, "ip", "route", "del", "default")
    hosts.sluices[1].do("reload")
    everywhere(hosts, foes)


def test_a_host_that_was_away_catches_up_and_the_later_order_about_each_setting_holds(hosts):
    a, b = hosts.sluices[:2]
    a.do("set", "service", "smtp", "max-connections", "40")
    a.do("set", "service", "smtp", "max-rate", "60/1m")
    everywhere(hosts, smtp("40", "h0"), smtp("60/1m", "h0", "max-rate"))
    b.kill(signal.SIGTERM)
    a.do("unset", "service", "smtp", "max-connections")
    a.do("set", "source-set", "partners", "max-connections", "5")
    b.start()
    partners = ("source-set", "partners", "max-connections", "5", "h0")
    everywhere(hosts, smtp("60/1m", "h0", "max-rate"), partners)
    hosts.signal_store(signal.SIGSTOP)
    assert wait_for(lambda: hosts.states() == ["out of touch"] * 3, 20), hosts.states()
    lines = lambda: (b.state / f"{b.instance}.fleet").read_text().count("\n")
    before = lines()
    a.do("set", "service", "smtp", "max-connections", "30")
    b.do("set", "service", "smtp", "max-connections", "20")
    b.do("set", "service", "smtp", "max-rate-per-source", "9/1m", "--for", "1h")
    a.do("unset", "source-set", "partners", "max-connections")
    assert wait_for(lambda: lines() > before, 20)
    b.kill()  # its file has what it said while nobody heard it
    b.start()
    hosts.signal_store(signal.SIGCONT)
    everywhere(hosts, smtp("20", "h1"), smtp("60/1m", "h0", "max-rate"), smtp("9/1m", "h1", "max-rate-per-source"))
    hosts.redis_cli("flushall")
    a.do("set", "service", "smtp", "max-connections", "19")
    everywhere(hosts, smtp("19", "h0"), smtp("60/1m", "h0", "max-rate"), smtp("9/1m", "h1", "max-rate-per-source"))


def test_a_store_that_lies_changes_no_setting_and_cannot_read_any(hosts):
    a, b = hosts.sluices[:2]
    refused = lambda: [metric(hosts, "sluice_fleet_refused_records_total", n) for n in ALL]
    a.do("set", "service", "smtp", "max-connections", "40")
    everywhere(hosts, smtp("40", "h0"))
    before = refused()
    lua(hosts, FORGE)
    assert wait_for(lambda: min(n - was for n, was in zip(refused(), before)) >= 3, 20), (before, refused())
    everywhere(hosts, smtp("40", "h0"))
    held = raw(hosts, "hgetall", key(hosts, "bans")) + raw(hosts, "keys", "*")
    assert b"smtp" not in held and b"max-connections" not in held
    hosts.redis_cli("flushall")
    b.do("set", "service", "smtp", "max-connections", "41")
    everywhere(hosts, smtp("41", "h1"))


def test_a_policy_may_keep_settings_to_each_host(hosts):
    limits = SERVICES.replace("25} ", "25} fleet = true ")
    for number in ALL:
        reload(hosts, number, FLEET % " share-settings = false share-bans = false" + limits)
    assert "settings" not in hosts.status() and "+zrem" not in hosts.sluices[0].do("fleet", "acl").split()
    hosts.sluices[0].do("set", "service", "smtp", "max-connections", "40")
    assert live(hosts, 0) == {smtp("40", None)}
    for number in ALL:
        reload(hosts, number, FLEET % " share-bans = false" + limits)
    assert together(hosts) and "bans" not in hosts.status() and "+zrem" in hosts.sluices[0].do("fleet", "acl").split()
    hosts.sluices[0].do("ban", "192.0.2.1")
    hosts.sluices[0].do("set", "service", "smtp", "max-connections", "41")
    everywhere(hosts, smtp("41", "h0"))
    assert hosts.sluices[1].json("bans") == []
    hosts.sluices[0].do("unban", "192.0.2.1")


MOST = 256  # keys that a host shares
LIMITS = [(f"max-{kind}{of}", value) for kind, value in (("connections", "40"), ("rate", "60/1m")) for of in ("", "-per-source", "-per-network")]
SIDES = [[(f"{side}{n}", *limit) for n in range(22) for limit in LIMITS] for side in "ab"]  # of two hosts that have no service in common


def many(side):
    return FLEET % "" + "".join(f"service {side}{n} {{ ports = {{{1000 + n}}} }}\n" for n in range(22))


def set_all(hosts, number):
    """All of its side but for the last one, by the control socket."""
    for name, key, value in SIDES[number][:-1]:
        answer = ask(socket_of(hosts.sluices[number]), json.dumps({"verb": "set", "args": {"service": name, "key": key, "value": value}}).encode() + b"\n")
        assert answer["ok"] and "on all hosts of the fleet" in answer["text"], answer


def test_a_setting_beyond_256_keys_holds_where_it_was_set_and_says_so_and_sides_that_merge_lose_none(tmp_path):
    with contextlib.closing(Hosts(tmp_path, 2, many("a"))) as hosts:
        reload(hosts, 1, many("b"))
        assert together(hosts)
        hosts.signal_store(signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda n: set_all(hosts, n), (0, 1)))
        hosts.signal_store(signal.SIGCONT)
        said = [{("service", *s, f"h{n}") for s in SIDES[n][:-1]} for n in (0, 1)]
        of_others = [{(*s, "h1") for s in SIDES[1][:-1]}, {(*s, "h0") for s in SIDES[0][:-1]}]
        assert wait_for(lambda: all(set(unfit(hosts, n)) == of_others[n] for n in (0, 1)), 30), [len(unfit(hosts, n)) for n in (0, 1)]
        assert [hosts.status(n)["settings"]["shared"] for n in (0, 1)] == [len(said[0]) + len(said[1])] * 2 and len(said[0] | said[1]) > MOST
        (name, key, value), (_, out, told) = SIDES[0][-1], hosts.sluices[0].ctl("set", "service", *SIDES[0][-1])
        assert f"{key} of service {name} holds on this host alone: the fleet has its {MOST} live settings already" in told, told
        assert "all hosts" not in out and live(hosts, 0) == said[0] | {("service", name, key, value, None)}, "nothing that was said is lost"
        hosts.sluices[0].do("set", "service", "a0", "max-connections", "41")  # one that the fleet knows
        assert wait_for(lambda: ("a0", "max-connections", "41", "h0") in unfit(hosts, 1), 20)
        assert live(hosts, 1) == said[1] and metric(hosts, "sluice_fleet_refused_records_total", 1) == 0
        hosts.sluices[0].do("unset", "service", name, key)
        assert ("service", name, key, value, None) not in live(hosts, 0)
