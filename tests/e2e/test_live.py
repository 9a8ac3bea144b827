# SPDX-License-Identifier: BSD-2-Clause
"""A live setting can change everything that a policy has, is visible where it applies, and stays until its time is over."""
import os

import pytest

from net import PACE, wait_for

POLICY = """include(conf.d/*.conf)
privacy { addresses = truncated }
service smtp { ports = {25} max-connections = 50 max-connections-per-source = 2 }
service imap { ports = {143} }
source-set partners { prefixes = {10.77.0.4} max-connections-per-source = 3 }
source-set foes { prefixes = {10.77.0.9} action = deny services = {smtp} }
"""


@pytest.fixture
def both(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    yield net, sluice


def admitted(net, source, tries):
    """Returns how many of so many connections at once the source gets."""
    h = net.hold(source)
    h("open", tries)
    got = h.settle()["greeted"]
    h.process.kill()
    h.process.wait()
    return got


def live(sluice):
    return {(s["what"], s["key"]): s for s in sluice.json("status")["live"]}


def test_a_set_has_another_limit_and_then_its_own_again(both):
    net, sluice = both
    assert "in force until 2" in sluice.do("set", "source-set", "partners", "max-connections-per-source", "5", "--for", f"{4 * PACE}s")
    assert admitted(net, "10.77.0.4", 7) == 5
    assert live(sluice)[("source-set partners", "max-connections-per-source")]["file"] == "3"
    assert wait_for(lambda: not live(sluice), 6)
    assert wait_for(lambda: not sluice.connections())
    assert admitted(net, "10.77.0.4", 7) == 3


def test_a_set_has_other_prefixes_another_action_and_is_switched_off(both):
    net, sluice = both
    sluice.do("set", "source-set", "foes", "prefixes", "{10.77.0.8,", "10.77.0.7}")
    assert [admitted(net, f"10.77.0.{n}", 1) for n in (7, 8, 9)] == [0, 0, 1]
    sluice.do("set", "source-set", "foes", "action", "allow")
    assert admitted(net, "10.77.0.8", 4) == 4
    sluice.do("set", "source-set", "foes", "enabled", "false")
    assert wait_for(lambda: not sluice.connections())
    assert admitted(net, "10.77.0.8", 4) == 2


def test_a_list_is_written_as_in_the_policy_and_emptied_by_none(both):
    _, sluice = both
    sluice.do("set", "service", "smtp", "ports", "{25, 26}")
    assert sluice.service()["ports"] == [25, 26]
    sluice.do("set", "service", "smtp", "ports", "{25,", "587}")
    assert sluice.service()["ports"] == [25, 587]
    assert "services = {\"smtp\"}" in sluice.do("dump")
    sluice.do("set", "source-set", "foes", "services", "none")
    assert "services = " not in sluice.do("dump")
    code, _, err = sluice.ctl("set", "service", "smtp", "ports", "{}")
    assert code == 2 and "service smtp has no ports" in err, err
    assert sluice.service()["ports"] == [25, 587], "a setting that is refused changes nothing"


@pytest.mark.parametrize(
    "words, says",
    (
        (("set", "source-set", "nobody", "priority", "5"), "no source-set 'nobody'"),
        (("set", "source-set", "partners", "prioritty", "5"), "did you mean 'priority'"),
        (("set", "source-set", "partners", "action", "deny"), "has an action and limits"),
        (("set", "source-set", "partners", "priority", "low"), "not a whole number"),
        (("set", "set", "partners", "priority", "5"), "set source-set NAME"),
        (("limit", "10.77.0.2", "ports", "25"), "not a limit of one sender"),
        (("limit", "10.77.0", "max-connections-per-source", "5"), "10.77.0"),
        (("limit", "10.77.0.2", "max-connections-per-source", "many"), "neither a number"),
        (("limit", "10.77.0.2", "max-connections-per-source", "5", "--service", "pop"), "no service 'pop'"),
        (("limit", "10.77.0.2", "max-connections-per-source", "10%"), "a share of service imap, which has no max-connections"),
    ),
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_set_is_refused_by_name(both, words, says):
    _, sluice = both
    code, _, err = sluice.ctl(*words)
    assert code == 2 and says in err, err
    assert not live(sluice)


def test_a_sender_has_another_limit_for_a_while(both):
    net, sluice = both
    sluice.do("limit", "10.77.0.2", "max-connections-per-source", "6", "--service", "smtp", "--for", f"{4 * PACE}s")
    assert [admitted(net, source, 8) for source in ("10.77.0.2", "10.77.0.3", "10.77.0.4")] == [6, 2, 3]
    assert wait_for(lambda: not sluice.json("limits"), 6)
    assert wait_for(lambda: not sluice.connections())
    assert admitted(net, "10.77.0.2", 8) == 2


def test_unset_ends_one_live_setting_and_leaves_the_others(both):
    net, sluice = both
    sluice.do("set", "service", "smtp", "max-connections-per-source", "4", "--for", "1h")
    sluice.do("set", "source-set", "partners", "max-connections", "4")
    assert admitted(net, "10.77.0.2", 6) == 4
    assert wait_for(lambda: not sluice.connections())
    assert "the policy file counts again" in sluice.do("unset", "service", "smtp", "max-connections-per-source")
    assert [s["key"] for s in sluice.json("status")["live"]] == ["max-connections"] and admitted(net, "10.77.0.2", 6) == 2
    code, _, err = sluice.ctl("unset", "service", "smtp", "max-connections-per-source")
    assert code == 1 and "max-connections-per-source is not set live at service smtp" in err, err


def test_the_limit_of_a_sender_leaves_its_set_and_its_denial_as_they_are(both):
    net, sluice = both
    _, _, err = sluice.ctl("limit", "10.77.0.9", "max-connections-per-source", "6")
    assert "smtp refuses it all the same (denied)" in err, err
    assert admitted(net, "10.77.0.9", 1) == 0
    sluice.do("set", "source-set", "partners", "max-connections", "4")
    sluice.do("limit", "10.77.0.4", "max-connections-per-source", "6")
    assert admitted(net, "10.77.0.4", 8) == 4, "the set's limit holds, whatever one sender in it may have"


def test_limits_are_listed_and_taken_back(both):
    net, sluice = both
    sluice.do("limit", "10.77.0.0/24", "max-connections-per-source", "4")
    sluice.do("limit", "10.77.0.2", "max-rate-per-source", "9/1m", "--service", "smtp")
    sluice.do("limit", "10.77.0.2", "max-connections-per-source", "5", "--service", "smtp", "--for", "1h")
    assert [(s["source"], s["name"], s["key"], s["value"]) for s in sluice.json("limits")] == [
        ("10.77.0.2", "smtp", "max-connections-per-source", "5"),
        ("10.77.0.2", "smtp", "max-rate-per-source", "9/1m"),
        ("10.77.0.0/24", "", "max-connections-per-source", "4"),
    ]
    assert "10.77.0.2 at smtp: max-connections-per-source = 5" in sluice.do("limits")
    asked = sluice.json("explain", "10.77.0.2", "--service", "smtp")
    assert asked["counts"]["source"]["max_connections"] == 5 and asked["counts"]["source"]["max_rate"] == 9
    assert len(sluice.json("export", "10.77.0.2")["limits"]) == 3
    assert "2 limits ended" in sluice.do("unlimit", "10.77.0.2")
    assert len(sluice.json("limits")) == 1
    code, _, err = sluice.ctl("unlimit", "10.77.0.2")
    assert code == 1 and "has no limit of its own" in err
    assert admitted(net, "10.77.0.2", 6) == 4
    assert "1 limit ended" in sluice.do("unlimit", "10.77.0.0/24")


def test_explain_names_the_live_limit_that_refuses(both):
    net, sluice = both
    sluice.do("limit", "10.77.0.2", "max-connections-per-source", "1")
    h = net.hold("10.77.0.2")
    h("open", 1)
    assert h.greeted(1)
    asked = sluice.json("explain", "10.77.0.2", "--service", "smtp")
    assert (asked["reason"], asked["rule"], asked["key"]) == ("source-connections", "limit 10.77.0.2", "max-connections-per-source")
    assert asked["written"].startswith("live, by uid 0")


def test_status_lists_live_settings_beside_the_files_values_and_marks_them(both):
    _, sluice = both
    assert sluice.json("status")["live"] == [] and "Set live" not in sluice.do("status")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "4", "--for", "1h")
    sluice.do("set", "service", "smtp", "max-connections", "70")
    sluice.do("mode", "observe")
    sluice.do("limit", "10.77.0.2", "max-connections-per-source", "9")
    now = live(sluice)
    smtp = now[("service smtp", "max-connections-per-source")]
    assert (smtp["value"], smtp["file"], smtp["uid"], smtp["user"]) == ("4", "2", 0, "root")
    assert smtp["since"] < smtp["until"] and now[("service smtp", "max-connections")]["until"] is None
    assert (now[("the policy", "mode")]["file"], now[("10.77.0.2", "max-connections-per-source")]["file"]) == ("enforce", None)
    told = sluice.do("status")
    assert "observe*" in told and "0/70*" in told and " 4* " in told, told
    assert "service smtp: max-connections-per-source = 4 (the file: 2)\n    by root since " in told, told
    told = told[told.index("Set live"):told.index("Observe mode")]
    assert "until the next reload" in told and all(len(line) <= 80 for line in told.splitlines())
    sluice.do("reload")
    assert sluice.json("status")["live"] == []


def test_live_settings_of_sets_and_senders_survive_restart_trial_and_reboot(both):
    net, sluice = both
    sluice.do("set", "source-set", "partners", "max-connections-per-source", "5", "--for", "1h")
    sluice.do("limit", "10.77.0.2", "max-connections-per-source", "6", "--service", "smtp", "--for", "1h")
    sluice.do("set", "source-set", "foes", "prefixes", "{10.77.0.8}")
    before = live(sluice)
    assert len(before) == 3
    other = sluice.file.parent / "other.conf"
    other.write_text("interfaces = {s0}\nservice smtp { ports = {25} }\n")
    sluice.do("apply", other, "--confirm", "1h")
    assert live(sluice) == {}, "the policy on trial has none"
    sluice.do("revert")
    assert live(sluice) == before
    sluice.kill()
    sluice.start()
    assert live(sluice).keys() == before.keys()
    sluice.kill()
    sluice.do("unload")
    sluice.start()
    again = live(sluice)
    assert {k: (s["value"], s["uid"], s["since"]) for k, s in again.items()} == {k: (s["value"], s["uid"], s["since"]) for k, s in before.items()}
    assert [admitted(net, source, 8) for source in ("10.77.0.2", "10.77.0.4")] == [6, 5]
    told = sluice.logged()
    assert "10.77.0.2" not in told and "10.77.0.8" not in told and "earlier live setting: 10.77.0.0/24 at smtp:" in told


def test_set_save_keeps_a_setting_of_a_set(both):
    _, sluice = both
    out = sluice.do("set", "source-set", "partners", "services", "{smtp}", "--save")
    drop_in = sluice.file.parent / "conf.d" / "zz-set-source-set:partners-services.conf"
    assert str(drop_in) in out and "source-set partners {\n    services = {\"smtp\"}\n}" in drop_in.read_text()
    sluice.do("set", "source-set", "partners", "services", "none", "--save")
    assert "services = {}" in drop_in.read_text() and os.listdir(drop_in.parent) == [drop_in.name]
    sluice.do("reload")
    assert not live(sluice)


def test_dry_run_of_a_limit_says_whom_it_would_refuse_and_sets_nothing(both):
    net, sluice = both
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)
    answer = sluice.json("limit", "10.77.0.2", "max-connections-per-source", "1", "--dry-run")
    assert [(s["source"], s["limit"]) for s in answer["sources"] if s["service"] == "smtp"] == [("10.77.0.2", 1)]
    assert not sluice.json("limits")
