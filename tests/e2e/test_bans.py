# SPDX-License-Identifier: BSD-2-Clause
"""Bans have owners: several of them may ban one address. Also: what sluicectl says of a ban, what takes --force, and what survives."""
import os, re, time

from net import BUILD, SERVER6, wait_for

POLICY = "service smtp { ports = {25} }\n"
FOE = "10.77.0.3"


def refused(sluice, *words):
    code, out, err = sluice.ctl(*words)
    assert code in (1, 2) and not out, (code, out, err)
    return err


def owners(sluice, *words):
    return [(b["owner"], b["in_force"], b["expires_in"] and round(b["expires_in"], -2)) for b in sluice.json("bans", *words)]


def test_owners_do_not_undo_each_other_and_the_longest_wins(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    sluice.do("ban", FOE, "--by", "jail-a", "--for", "1h", "--reason", "first")
    assert "until" in (said := sluice.do("ban", FOE, "--by", "jail-b", "--for", "10m")) and "by jail-a" in said
    sluice.do("ban", FOE, "--for", "30m")
    assert owners(sluice) == [("jail-a", True, 3600), ("uid:0", False, 1800), ("jail-b", False, 600)]
    said = sluice.ctl("unban", FOE, "--by", "jail-a")
    assert said[0] == 0 and said[1].strip() == "unbanned" and f"{FOE} is still banned by uid:0 until 2" in said[2]
    assert owners(sluice) == [("uid:0", True, 1800), ("jail-b", False, 600)]
    assert f"{FOE} is banned by uid:0 and others, not by jail-a: use --by uid:0, or --all-owners" in refused(sluice, "unban", FOE, "--by", "jail-a")
    client = net.hold(FOE)
    client("open", 1)
    assert wait_for(lambda: sluice.reason("banned") > 0), "the other owners' bans stay in force"
    sluice.do("unban", FOE, "--all-owners")
    assert sluice.json("bans") == [] and client.greeted(1, 10)


def test_an_owners_second_ban_replaces_the_first(make):
    _, sluice = make(POLICY)
    sluice.do("ban", FOE, "--for", "1h")
    sluice.do("ban", FOE, "--for", "10m")
    assert owners(sluice) == [("uid:0", True, 600)]
    for never in ("never", "-1"):
        assert sluice.do("ban", FOE, "--for", never).startswith("banned for good, covers 0 sources with 0 connections now")
        assert owners(sluice) == [("uid:0", True, None)] and sluice.json("bans")[0]["ends"] is None
    assert "--for: '0' is not a time" in refused(sluice, "ban", FOE, "--for", "0")
    assert "an owner's name" in refused(sluice, "ban", FOE, "--by", "two words")


def test_the_answer_says_until_when_and_how_many_it_covers(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    for source, n in (("10.77.1.1", 2), ("10.77.1.2", 3), ("10.77.0.2", 1)):
        h = net.hold(source)
        h("open", n)
        assert h.greeted(n)
    said = sluice.json("ban", "10.77.1.0/24", "--for", "1h")
    assert said["data"]["covers"] == {"sources": 2, "connections": 5} and said["data"]["owner"] == "uid:0"
    assert re.fullmatch(r"banned until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, covers 2 sources with 5 connections now", said["text"])
    sluice.do("allow", "10.77.0.0/24")
    assert "live allow lets them in" in sluice.ctl("ban", "10.77.0.2")[2]


def test_bans_are_found_by_address_prefix_and_owner_with_what_they_stopped(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    sluice.do("ban", "10.77.1.0/24", "--by", "net", "--reason", "loud")
    sluice.do("ban", "10.77.1.9", "--by", "one", "--for", "1h")
    sluice.do("ban", "10.77.2.0/24", "--by", "net")
    assert [(b["source"], b["owner"]) for b in sluice.json("bans", "10.77.1.9")] == [("10.77.1.0/24", "net"), ("10.77.1.9", "one")]
    assert [b["source"] for b in sluice.json("bans", "10.77.1.8")] == ["10.77.1.0/24"], "the ban that covers the address is found"
    assert [b["source"] for b in sluice.json("bans", "10.77.0.0/16", "--by", "net")] == ["10.77.1.0/24", "10.77.2.0/24"]
    assert sluice.json("bans", "192.0.2.1") == [] and "is not an address" in refused(sluice, "bans", "x")
    client = net.hold("10.77.1.8")
    client("open", 2)
    assert wait_for(lambda: sluice.json("bans", "10.77.1.8")[0]["connections"] >= 2)
    before = sluice.json("bans", "10.77.1.8")[0]
    assert before["packets"] >= before["connections"] and before["reason"] == "loud" and sluice.json("bans", "10.77.2.1")[0]["packets"] == 0
    sluice.do("ban", "10.77.1.0/24", "--by", "another")
    assert sluice.json("bans", "10.77.1.8")[0]["packets"] >= before["packets"], "another owner does not begin a new count"
    assert "ENDS (UTC)" in (table := sluice.do("bans", "--by", "one")) and re.search(r"10\.77\.1\.9 +2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d one ", table)
    sluice.kill()
    assert [b["source"] for b in sluice.json("bans", "10.77.1.8", "--by", "net")] == ["10.77.1.0/24"], "without a daemon, too"


def test_unban_of_an_address_under_a_wider_ban_names_that_ban(make):
    _, sluice = make(POLICY)
    sluice.do("ban", "10.77.1.0/24", "--by", "net", "--for", "1h")
    assert "10.77.1.9 has no ban of its own: the ban of 10.77.1.0/24 by net until 2" in refused(sluice, "unban", "10.77.1.9")
    sluice.do("ban", "10.77.1.9")
    assert "10.77.1.9 is still banned: the ban of 10.77.1.0/24 by net" in sluice.ctl("unban", "10.77.1.9")[2]
    assert "has no ban of its own" in refused(sluice, "unban", "10.77.2.9")
    sluice.do("ban", "10.77.3.0-10.77.3.4", "--by", "net")
    assert len(sluice.json("bans")) == 3
    assert sluice.do("unban", "--all", "--by", "net").strip() == "3 bans ended" and sluice.json("bans") == []


def test_bans_that_are_too_wide_or_cover_what_the_host_needs_take_force(make, tmp_path):
    net, sluice = make(POLICY)
    net.run(net.server, "ip", "route", "add", "default", "via", "10.77.0.7")
    net.run(net.server, "ip", "-6", "route", "add", "default", "via", "fd77:0:4::3")
    for words, why in (
        (("ban", "192.0.0.0/7"), "192.0.0.0/7 is shorter than /8"),
        (("ban", "2000::/15"), "2000::/15 is shorter than /16"),
        (("ban", "::/0"), "shorter than /16"),
        (("kill", "128.0.0.0/2"), "shorter than /8"),
        (("ban", "10.77.0.1"), "10.77.0.1 covers this host's own address, 10.77.0.1"),
        (("ban", "fd77::/96"), "covers this host's own address, fd77::1"),
        (("ban", "10.77.0.6/31"), "10.77.0.6/31 covers this host's gateway, 10.77.0.7"),
        (("ban", "fd77:0:4::3"), "this host's gateway, fd77:0:4::3"),
    ):
        assert (err := refused(sluice, *words)) and why in err and "--force" in err, err
    done = net.run(net.server, "env", "SSH_CONNECTION=10.77.1.20 50000 10.77.0.1 22", BUILD / "sluicectl", "-i", sluice.instance, "ban", "10.77.1.16/28", check=False)
    assert done.returncode == 2 and "covers your own session, 10.77.1.20" in done.stderr
    assert sluice.json("bans") == []
    sluice.do("ban", "192.0.0.0/7", "--force")
    sluice.kill()
    (tmp_path / "resolv.conf").write_text("search x\nnameserver 198.51.100.53\n")
    argv = ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "-", tmp_path / "resolv.conf",
            BUILD / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
    sluice.daemon = net.popen(net.server, *argv, stderr=sluice.log, env={**os.environ, "STATE_DIRECTORY": str(sluice.state)})
    assert wait_for(lambda: sluice.ctl("status")[0] == 0, 30), sluice.logged()
    assert "198.51.100.0/24 covers a resolver of this host, 198.51.100.53" in refused(sluice, "ban", "198.51.100.0/24")


def test_an_ipv6_ban_of_everything_leaves_ipv4_alone(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    four, six = net.hold("10.77.0.2"), net.hold("fd77:0:1::2", SERVER6)
    for h in (four, six):
        h("open", 1)
        assert h.greeted(1)
    assert "1 connections ended" in sluice.do("ban", "::/0", "--force", "--kill")
    assert wait_for(lambda: six("count")["ended"] == 1)
    four("open", 1)
    assert four.greeted(2) and four("count")["ended"] == 0
    assert sluice.json("explain", "10.77.0.2", "--service", "smtp")["verdict"] == "pass"
    assert sluice.json("explain", "fd77:0:1::2", "--service", "smtp")["reason"] == "banned"


def test_a_ban_acts_in_observe_mode_unless_it_is_only_to_be_observed(make):
    net, sluice = make(POLICY + "mode = observe\n")
    net.serve("::", 25)
    sluice.do("ban", FOE)
    foe, tried = net.hold(FOE), net.hold("10.77.0.4")
    foe("open", 1)
    assert wait_for(lambda: sluice.reason("banned") > 0) and foe("count")["greeted"] == 0
    for mode in ("observe", "enforce"):
        sluice.do("mode", mode)
        sluice.do("ban", "10.77.0.4", "--observe", "--for", "1h")
        before = sluice.reason("banned", "observed"), tried("count")["greeted"]
        tried("open", 1)
        assert tried.greeted(before[1] + 1), mode
        assert sluice.reason("banned", "observed") > before[0] and sluice.json("bans", "10.77.0.4")[0]["observe"]
        said = sluice.json("explain", "10.77.0.4", "--service", "smtp")
        assert (said["verdict"], said["would_refuse"], said["rule"]) == ("pass", "banned", "ban 10.77.0.4")
        assert said["written"].startswith("live, by uid 0") and 0 < said["expires_in"] <= 3600, "it names the ban that only counts"
        text = sluice.do("explain", "10.77.0.4", "--service", "smtp")
        assert "if its ban did not only observe, it would be refused: banned" in text and "sluicectl bans 10.77.0.4\n" in text
    sluice.do("ban", "10.77.0.4", "--by", "in-earnest", "--for", "1m")
    assert [(b["owner"], b["in_force"]) for b in sluice.json("bans", "10.77.0.4")] == [("in-earnest", True), ("uid:0", False)]
    assert sluice.json("explain", "10.77.0.4", "--service", "smtp")["reason"] == "banned", "the longer ban only counts"
    sluice.do("ban", "10.77.0.5", "--observe")
    sluice.do("ban", "10.77.0.4/31", "--by", "net")
    said = sluice.json("explain", "10.77.0.5", "--service", "smtp")
    assert (said["reason"], said["rule"]) == ("banned", "ban 10.77.0.4/31"), "it does not hide a wider one either"
    assert sluice.json("export", "10.77.0.5")["ban"]["prefix"] == "10.77.0.4/31"
    said = sluice.ctl("erase", "10.77.0.5")[2]
    assert "the ban of 10.77.0.5 by uid:0 stays" in said and "the ban of 10.77.0.4/31 by net stays" in said


def test_answers_about_bans_tell_those_that_refuse_from_those_that_only_count(make):
    _, sluice = make(POLICY)
    sluice.do("ban", "192.0.2.0/29", "--observe", "--by", "trial")
    sluice.do("ban", "192.0.2.5")
    code, _, err = sluice.ctl("unban", "192.0.2.5")
    assert code == 0 and "192.0.2.5 is still counted: the ban of 192.0.2.0/29 by trial for good covers it" in err, "nothing refuses it any more"
    assert "covers it, and only counts: unban that" in refused(sluice, "unban", "192.0.2.5")
    sluice.do("ban", "192.0.2.0/28", "--by", "net")
    assert "the ban of 192.0.2.0/28 by net for good covers it: unban that" in refused(sluice, "unban", "192.0.2.5"), "that is the one which refuses"
    sluice.do("ban", FOE, "--by", "jail", "--for", "1h")
    said = sluice.do("ban", FOE, "--observe")
    assert "by jail, covers" in said and "only counted" not in said, "the other owner's ban refuses"
    assert "only counted, would cover" in sluice.do("ban", "10.77.0.5", "--observe")
    sluice.do("ban", "10.77.0.6", "--observe", "--by", "trial"), sluice.do("ban", "10.77.0.6")
    assert "10.77.0.6 is still counted by trial for good" in sluice.ctl("unban", "10.77.0.6")[2]


def test_every_answer_names_the_same_moment_each_time(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    h = net.hold("10.77.0.4")
    h("open", 1)
    assert h.greeted(1)
    told = [re.search(r"until (\S+ \S+)", sluice.do(*words))[1] for words in (("ban", FOE, "--for", "90s"), ("limit", FOE, "max-connections-per-source", "9", "--for", "1h"))]
    seen = set()
    for _ in range(4):  # at different parts of a second
        seen.add((sluice.json("bans")[0]["ends"], sluice.json("limits")[0]["until"], sluice.json("sources")[0]["since"]))
        assert told[0] in sluice.do("bans") and told[1] in sluice.do("limits"), told
        time.sleep(0.23)
    assert len(seen) == 1, seen


def test_owners_survive_a_restart_a_crash_and_a_reboot(make):
    _, sluice = make(POLICY)
    sluice.do("ban", FOE, "--by", "jail-a", "--for", "1h", "--reason", "first")
    sluice.do("ban", FOE, "--by", "jail-b", "--observe")
    sluice.do("ban", "2001:db8::/48")
    before = [{k: v for k, v in b.items() if k not in ("expires_in", "ends")} for b in sluice.json("bans")]
    text = (sluice.state / f"{sluice.instance}.state").read_text()
    assert re.search(rf"^ban {FOE} \d+ \d+ 0 jail-a refuse first$", text, re.M) and re.search(rf"^ban {FOE} 0 \d+ 0 jail-b observe $", text, re.M)
    for reboot in (False, True):
        sluice.kill()
        if reboot:
            sluice.do("unload")
        sluice.start()
        assert [{k: v for k, v in b.items() if k not in ("expires_in", "ends")} for b in sluice.json("bans")] == before
        assert 3500 < sluice.json("bans", FOE)[0]["expires_in"] <= 3601
    export = sluice.json("export", FOE)
    assert [b["owner"] for b in export["bans"]] == ["jail-a", "jail-b"] and export["ban"]["owner"] == "jail-a"
    sluice.do("unban", FOE, "--by", "jail-a")
    assert sluice.json("explain", FOE, "--service", "smtp")["reason"] != "banned"


def test_each_owners_ban_ends_at_its_own_time(make):
    _, sluice = make(POLICY)
    sluice.do("ban", FOE, "--by", "short", "--for", "1s")
    sluice.do("ban", FOE, "--by", "long", "--for", "3s")
    assert wait_for(lambda: owners(sluice) == [("long", True, 0)])
    assert sluice.json("explain", FOE, "--service", "smtp")["reason"] == "banned"
    assert wait_for(lambda: sluice.json("bans") == [])
    assert wait_for(lambda: not (sluice.state / f"{sluice.instance}.state").exists())
