# SPDX-License-Identifier: BSD-2-Clause
"""Lists that others write: what is in force of each format, wherever a list may be named; and no list decides whether the daemon starts."""
import contextlib, ipaddress, os, signal, time

import pytest

import tools, web
from net import BUILD, ROOT, SERVER, sh, wait_for

LISTS = ROOT / "tests/lists"
FRIEND, FOE = "10.77.0.2", "10.77.0.3"
SMTP = "service smtp { ports = {25} on-excess = reset }\n"
DENY = SMTP + "source-set foes { file = foes.txt action = deny }\n"
GOOD = f"{FOE}\n192.0.2.0/24\n198.51.100.1\n"
NOBODY = 65534


def reboot(sluice):
    """Leaves what a reboot leaves: no daemon, nothing in the kernel, the files."""
    sluice.kill()
    sluice.do("unload")
    sluice.start()


def restart(sluice):
    sluice.kill(signal.SIGTERM)
    sluice.start()


def admitted(net, source):
    """Whether a real connection from the source is greeted; otherwise it is reset."""
    hold, got = tools.hold(net, SERVER, 25, 1, source, processes=1, wait_ms=3000)
    hold.finish()
    assert got["greeted"] + got["refused"] == 1, got
    return got["greeted"] == 1


def the_list(sluice, name="foes"):
    return next(entry for entry in sluice.json("status")["lists"] if entry["set"] == name)


def kept(sluice):
    folder = sluice.state / f"{sluice.instance}.lists"
    return sorted(os.listdir(folder)) if folder.exists() else []


def metric(net, name, labels='list="foes",key="file"'):
    for line in web.request(net.server, 9798, "/metrics")[2].splitlines():
        if line.startswith(f"{name}{{{labels}}} "):
            return int(line.split()[-1])
    return None


# What each file of tests/lists means as each kind of list: what is in force (addresses, AS numbers), or what must be said.
NETWORKS, ADDRESSES = "is a list of networks, not of addresses", "is a list of addresses, not of networks"
BOTH = ["192.0.2.0/24", "198.51.100.0/24"]
MATRIX = {
    "drop_v4.json": (BOTH, ADDRESSES, BOTH),
    "drop_v6.json": (["2001:db8:1000::/36"], ADDRESSES, ["2001:db8:1000::/36"]),
    "asndrop.json": (NETWORKS, [64496, 64497], NETWORKS),
    "ipset.save": (["192.0.2.0/24", "198.51.100.7"], "is not a network", ["192.0.2.0/24", "198.51.100.7"]),
    "set.nft": (["192.0.2.0/24", "198.51.100.1", "198.51.100.2/31", "198.51.100.4/30", "198.51.100.8/31"], "is not a network",
                ["192.0.2.0/24", "198.51.100.1", "198.51.100.2/31", "198.51.100.4/30", "198.51.100.8/31"]),
    "csf.deny": (["192.0.2.7", "198.51.100.0/24"], ADDRESSES, "is an advanced rule of CSF"),
    "postfix.cidr": ("is a table of Postfix", "is a table of Postfix", "is a table of Postfix"),
    "bom.txt": (BOTH, ADDRESSES, BOTH),
    "csf_master.ipset": (["198.51.100.1"], ADDRESSES, "is not an address"),
    "hostbits.txt": (["198.51.100.0/24", "192.0.2.1"], ADDRESSES, "has bits beyond its prefix length"),
}
PROBES = ["192.0.2.0", "192.0.2.1", "192.0.2.7", "192.0.2.42", "192.0.2.255", "198.51.100.0", "198.51.100.1", "198.51.100.7", "198.51.100.9", "198.51.100.10",
          "198.51.100.77", "198.51.100.255", "203.0.113.9", "203.0.113.140", "2001:db8:1000::1", "2001:db8::1", "2001:db8:2000::1"]


def inside(address, networks):
    a = ipaddress.ip_address(address)
    return any(a in n for n in map(ipaddress.ip_network, networks) if n.version == a.version)


def test_every_file_of_the_cases_is_in_the_matrix():
    assert set(os.listdir(LISTS)) == set(MATRIX)


def test_each_format_is_read_as_what_it_is_or_refused_by_name_as_the_list_of_a_set(make):
    policy = SMTP + "".join(f"source-set {name} {{ file = {LISTS}/{name} max-rate-per-source = 9/1m }}\n" for name in MATRIX)
    _, sluice = make(policy)
    for name, (want, _, _) in MATRIX.items():
        entry = the_list(sluice, name)
        assert entry["state"] == ("none" if isinstance(want, str) else "read"), entry
        assert not isinstance(want, str) or want in entry["messages"][0], entry
    for address in PROBES:
        held = {name for name, (want, _, _) in MATRIX.items() if not isinstance(want, str) and inside(address, want)}
        assert set(sluice.json("lookup", address)["sets"]) == held, address
    assert (the_list(sluice, "csf.deny")["bad_lines"], the_list(sluice, "csf_master.ipset")["bad_lines"], the_list(sluice, "hostbits.txt")["masked"]) == (2, 1, 1)


def test_each_format_is_read_as_what_it_is_or_refused_by_name_as_a_list_of_networks(make, tmp_path):
    (tmp_path / "asn.csv").write_text("203.0.113.0,203.0.113.127,64496\n203.0.113.128,203.0.113.255,64497\n")
    sets = "".join(f"source-set {name} {{ asns-file = {LISTS}/{name} action = deny }}\n" for name in MATRIX)
    net, sluice = make(SMTP + "geoip { database = asn.csv }\n" + sets)
    for name, (_, want, _) in MATRIX.items():
        entry = the_list(sluice, name)
        assert entry["state"] == ("none" if isinstance(want, str) else "read") and entry["key"] == "asns-file", entry
        assert not isinstance(want, str) or want in entry["messages"][0], entry
    assert [sluice.json("lookup", address)["sets"] for address in ("203.0.113.9", "203.0.113.200", "192.0.2.1")] == [["asndrop.json"], ["asndrop.json"], []]
    assert sluice.json("explain", "203.0.113.9", "--service", "smtp")["by"] == "asns-file"
    assert metric(net, "sluice_list_entries", 'list="asndrop.json",key="asns-file"') == 2
    assert "asns = " not in sluice.do("dump") and f'asns-file = "{LISTS}/asndrop.json"' in sluice.do("dump")


def test_each_format_is_read_as_what_it_is_or_refused_by_name_as_a_file_of_bans(make):
    _, sluice = make(SMTP)
    for name, (_, _, want) in MATRIX.items():
        code, _, err = sluice.ctl("ban", "--file", LISTS / name)
        bans = {b["source"] for b in sluice.json("bans")}
        if isinstance(want, str):
            assert code == 2 and want in err and "nothing done" in err and not bans, (name, err)
        else:
            assert code == 0 and bans == set(want), (name, err)
            sluice.do("unban", "--file", LISTS / name)
            assert sluice.json("bans") == []
    for name, banned, said in (("csf.deny", {"192.0.2.7", "198.51.100.0/24"}, "Include"), ("hostbits.txt", {"198.51.100.0/24", "192.0.2.1"}, "bits beyond")):
        code, _, err = sluice.ctl("ban", "--file", LISTS / name, "--tolerant")
        assert code == 0 and {b["source"] for b in sluice.json("bans")} == banned and said in err
        sluice.do("unban", "--all")


def test_no_list_is_taken_for_a_database_and_no_database_for_a_list(tmp_path):
    """Names each database where a list belongs, and the other way round: each is refused by name, or nothing of it is in force."""
    checked = lambda text: (policy := tmp_path / "p.conf").write_text("interfaces = {lo}\nservice smtp { ports = {25} }\n" + text) and sh(BUILD / "sluicectl", "check", policy, check=False)
    for name in MATRIX:
        done = checked(f"geoip {{ database = {LISTS / name} }}\n")
        assert done.returncode == 2 and ("has an unknown layout" in done.stderr or "it is JSON" in done.stderr), (name, done.stderr)
    databases = sorted(f for f in (LISTS.parent / "databases").iterdir() if f.is_file() and f.suffix != ".md")
    assert len(databases) > 15
    networks = f"geoip {{ database = {LISTS.parent}/databases/dbip-asn-lite.csv }}\n"
    for path in databases:
        for key in ("file", "asns-file"):
            done = checked(networks + f"source-set foes {{ {key} = {path} reading = strict action = deny }}\n")
            assert done.returncode == 2 and f"{path}:1:" in done.stderr, (path, key, done.stderr)
            assert "so it is empty" in checked(networks + f"source-set foes {{ {key} = {path} action = deny }}\n").stderr, (path, key)


def test_a_strict_reading_refuses_what_a_tolerant_one_leaves_out(make):
    _, sluice = make(SMTP)
    for name, (want, _, _) in MATRIX.items():
        sluice.write(SMTP + f"source-set s {{ file = {LISTS}/{name} reading = strict action = deny }}\n")
        code, _, err = sluice.ctl("reload")
        good = not isinstance(want, str) and name not in ("csf.deny", "csf_master.ipset", "hostbits.txt")
        assert code == (0 if good else 2), (name, err)
        assert good or name in err


def test_bad_lines_are_named_wherever_one_looks_and_the_good_ones_are_in_force(make, tmp_path):
    foes = tmp_path / "foes.txt"
    foes.write_text(f"{FOE}\n" + "192.0.2.42203.0.113.140\n" * 14)
    net, sluice = make(DENY)
    tools.serve(net, 25)
    assert admitted(net, FRIEND) and not admitted(net, FOE)
    first, whole = f"{foes}:2: '192.0.2.42203.0.113.140' is not an address", f"list {foes} has 14 bad lines, which are left out, and 1 entries"
    entry = the_list(sluice)
    assert (entry["state"], entry["entries"], entry["bad_lines"], len(entry["messages"])) == ("read", 1, 14, 11)
    code, out, err = sluice.ctl("check", sluice.file)
    checked = sluice.json("check", sluice.file)
    assert code == 0 and "good" in out and checked["ok"] and len(checked["warnings"]) == 11
    reloaded = sluice.ctl("reload")[2]
    dry = net.run(net.server, BUILD / "sluiced", "-n", "-c", sluice.file, "-i", sluice.instance, check=False)
    assert dry.returncode == 0
    for place in (err, reloaded, sluice.logged(), "\n".join(entry["messages"]), dry.stderr):
        assert first in place and whole in place and f"{foes}:11: " in place and f"{foes}:12: " not in place, place
    told = sluice.logged().count(first)
    sluice.daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: sluice.logged().count(first) == told + 1), "a reload by a signal says so, too"
    assert f"warning  {first}" in sluice.ctl("doctor", sluice.file)[1]
    assert "foes: 1 entries" in sluice.do("status") and "14 bad lines left out" in sluice.do("status")
    assert (metric(net, "sluice_list_entries"), metric(net, "sluice_list_skipped_lines"), metric(net, "sluice_list_used")) == (1, 14, 1)
    assert metric(net, "sluice_list_age_seconds") < 600


def test_a_line_that_names_everybody_is_left_out_of_a_list_that_others_write(make, tmp_path):
    foes = tmp_path / "foes.txt"
    everybody = ["0.0.0.0/0", "0.0.0.0/1", "192.0.0.0/2", "::/0", "2000::/3", "::ffff:0:0/96", "0.0.0.0-255.255.255.255", "1.0.0.0-223.255.255.255", "10.0.0.1/1"]
    net, sluice = make(SMTP + "source-set friends { prefixes = {192.0.2.9} action = allow }\n")
    tools.serve(net, 25)
    for before in ("", f"{FOE}\n224.0.0.0/3\n4000::/3\n0.0.0.0/8\n"):
        foes.write_text(before + "\n".join(everybody) + "\n")
        sluice.write(DENY)
        code, _, err = sluice.ctl("reload")
        assert code == 0 and f"{foes}:{len(before.splitlines()) + 1}: '0.0.0.0/0' is a quarter of all addresses or more" in err, err
        assert the_list(sluice)["bad_lines"] == len(everybody) and admitted(net, FRIEND)
        assert (the_list(sluice)["state"], the_list(sluice)["entries"]) == (("read", 4) if before else ("none", 0))
    assert not admitted(net, FOE) and not sluice.json("lookup", "2001:db8::1")["sets"]
    foes.write_text("0.0.0.0/0\n::/0\n")
    sluice.do("reload", "--lists")
    assert admitted(net, FRIEND) and not admitted(net, FOE), "the last good content stays"
    sluice.write(DENY.replace("action", "reading = strict action"))
    assert "refuses all addresses of IPv4" in sluice.ctl("reload")[2] and not admitted(net, FRIEND), "a list of one's own means what it says"


def to_nobody(path):
    """Makes a file that only root's right to ignore permissions can read; the daemon has given up that right when it reads."""
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o600)


def to_pipe(path):
    path.unlink()
    os.mkfifo(path)


def to_folder(path):
    path.unlink()
    path.mkdir()


BREAK = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_text(""),
    "torn": lambda path: path.write_text("192.0.2.0/2"),
    "smaller": lambda path: path.write_text("192.0.2.0/24\n"),
    "unreadable": to_nobody,
    "a pipe": to_pipe,
    "a folder": to_folder,
    "huge": lambda path: os.truncate(path, 1 << 40),
    "a page": lambda path: path.write_text("<!DOCTYPE html>\n<html>404</html>\n"),
    "binary": lambda path: path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0"),
    "of networks": lambda path: path.write_text("AS64496\nAS64497\n"),
}


@pytest.mark.parametrize("how", BREAK)
def test_a_list_that_cannot_be_used_leaves_its_last_good_content_in_force_over_reload_restart_crash_and_reboot(make, tmp_path, how):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    os.utime(foes, (1700000000, 1700000000))
    net, sluice = make(DENY)
    tools.serve(net, 25)
    assert wait_for(lambda: len(kept(sluice)) == 1)
    BREAK[how](foes)
    code, _, err = sluice.ctl("reload")
    said = f"list {foes} is not used: its last good content, 3 entries of 2023-11-14T22:13:20Z, is in force"
    shown = said.replace("2023-11-14T22:13:20Z", time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(1700000000)))
    assert code == 0 and shown in err and "sluicectl reload --lists --force" in err
    for again in (lambda s: s.do("reload", "--lists"), restart, lambda s: (s.kill(), s.start()), reboot):
        again(sluice)
        assert not admitted(net, FOE)
        entry = the_list(sluice)
        assert (entry["state"], entry["entries"], entry["written"]) == ("last-good", 3, 1700000000) and said in entry["messages"][-1]
        assert entry["age_seconds"] > 86400 and (metric(net, "sluice_list_used"), metric(net, "sluice_list_entries")) == (0, 3)
        assert metric(net, "sluice_list_age_seconds") >= entry["age_seconds"]
    assert admitted(net, FRIEND)
    assert sluice.logged().count(said) >= 5, "each start and each reload says so"
    assert "this is its last good content" in sluice.do("status")
    assert net.run(net.server, BUILD / "sluiced", "-n", "-c", sluice.file, check=False).returncode == 0 and sluice.ctl("check", sluice.file)[0] == 0


def test_force_insists_and_a_list_that_is_mended_is_in_force_again(make, tmp_path):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    net, sluice = make(DENY)
    tools.serve(net, 25)
    for how, state in (("empty", "read"), ("missing", "none"), ("a page", "none")):
        BREAK[how](foes)
        sluice.do("reload")
        assert not admitted(net, FOE)
        sluice.do("reload", *(["--lists"] if how == "missing" else []), "--force")
        assert admitted(net, FOE) and the_list(sluice)["state"] == state, "with --force an empty list is in force as empty"
        assert wait_for(lambda: len(kept(sluice)) == (state == "read"))
        reboot(sluice)
        assert admitted(net, FOE) and the_list(sluice)["entries"] == 0
        foes.write_text(GOOD)
        sluice.do("reload", "--lists")
        assert not admitted(net, FOE) and the_list(sluice)["state"] == "read"
        assert wait_for(lambda: len(kept(sluice)) == 1)


@pytest.mark.parametrize("how", BREAK)
def test_a_first_start_without_any_good_content_succeeds_and_says_so(make, tmp_path, how):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    BREAK[how](foes)
    if how == "smaller":  # no list is smaller than nothing
        foes.write_text("odd\n")
    net, sluice = make(DENY)
    tools.serve(net, 25)
    assert admitted(net, FOE) and admitted(net, FRIEND)
    empty = how == "empty"
    said = f"list {foes} is empty" if empty else f"list {foes} is not used, no last good content is known, so it is empty"
    entry = the_list(sluice)
    assert (entry["state"], entry["entries"]) == ("read" if empty else "none", 0) and said in entry["messages"][-1] and said in sluice.logged()
    assert metric(net, "sluice_list_used") == int(empty) and (metric(net, "sluice_list_age_seconds") is None) == (not empty)
    assert said in sluice.ctl("check", sluice.file)[2]


def test_what_is_kept_is_bounded_by_the_policy_and_a_torn_copy_is_not_taken(make, tmp_path):
    for name in ("foes.txt", "more.txt"):
        (tmp_path / name).write_text(GOOD)
    _, sluice = make(DENY + "source-set more { file = more.txt action = deny }\n")
    assert wait_for(lambda: len(kept(sluice)) == 2)
    sluice.write(DENY)
    sluice.do("reload")
    assert wait_for(lambda: len(kept(sluice)) == 1)
    (copy,) = kept(sluice)
    file = sluice.state / f"{sluice.instance}.lists" / copy
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text().replace(FOE, "10.77.0.9"))
    (tmp_path / "foes.txt").unlink()
    sluice.kill()
    sluice.start()
    assert the_list(sluice)["state"] == "none"
    sluice.write(SMTP)
    sluice.do("reload")
    assert wait_for(lambda: not (sluice.state / f"{sluice.instance}.lists").exists())


def test_a_full_disk_is_said_once_and_the_list_is_kept_when_there_is_room(make, tmp_path):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    with contextlib.ExitStack() as disk:
        _, sluice = make(SMTP)
        filler = disk.enter_context(tools.full_disk(sluice.state))
        sluice.write(DENY)
        sluice.do("reload")
        assert wait_for(lambda: "last good content is not kept until this can be written: make room" in sluice.logged())
        assert sluice.json("lookup", FOE)["services"][0]["reason"] == "denied"
        filler.unlink()
        assert wait_for(lambda: "the last good content of lists is kept again" in sluice.logged(), 30) and len(kept(sluice)) == 1
        sluice.kill()


def test_lists_that_are_refused_count_as_a_reload_that_failed_until_they_are_read(make, tmp_path):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    net, sluice = make(DENY.replace("action", "reading = strict action"))
    succeeded = lambda: "sluice_policy_last_reload_successful 1\n" in web.request(net.server, 9798, "/metrics")[2]
    assert succeeded()
    foes.write_text(GOOD + "odd\n")
    assert sluice.ctl("reload", "--lists")[0] == 2 and not succeeded()
    foes.write_text(GOOD)
    sluice.do("reload", "--lists")
    assert succeeded(), "they are in force"
    foes.write_text(GOOD + "odd\n")
    assert sluice.ctl("reload")[0] == 2
    foes.write_text(GOOD)
    sluice.do("reload", "--lists")
    assert not succeeded(), "only a reload shows that the rest of the file is in force"
    sluice.do("reload")
    assert succeeded()


def test_reading_lists_again_leaves_every_order_of_a_human_alone(make, tmp_path):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    net, sluice = make(DENY)
    sluice.do("ban", "203.0.113.1", "--for", "1h", "--reason", "loud")
    sluice.do("allow", "203.0.113.2")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "7")
    sluice.do("set", "service", "smtp", "max-connections", "70", "--for", "1h")
    sluice.do("mode", "observe")
    orders = lambda: ([(b["source"], b["owner"], b["reason"]) for b in sluice.json("bans")], [a["source"] for a in sluice.json("allows")],
                      sluice.json("status")["mode"], sluice.service()["max_connections_per_source"], sluice.service()["max_connections"])
    before = orders()
    assert before == ([("203.0.113.1", "uid:0", "loud")], ["203.0.113.2"], "observe", 7, 70)
    foes.write_text(GOOD + "203.0.113.9\n")
    sluice.write(DENY + "service pop { ports = {110} }\n")
    out = sluice.do("reload", "--lists")
    assert "1 changed" in out and orders() == before
    assert sluice.json("lookup", "203.0.113.9")["sets"] == ["foes"]
    assert [s["name"] for s in sluice.json("status")["services"]] == ["smtp"], "it reads only data, not the policy"
    reboot(sluice)
    assert orders()[:4] == before[:4]
    sluice.do("reload")
    assert orders()[2:] == ("enforce", 0, 0) and orders()[:2] == before[:2], "a whole reload ends settings"


def test_reading_lists_again_reads_databases_and_leaves_those_in_force_where_they_cannot_be_used(make, tmp_path):
    world = tmp_path / "world.csv"
    world.write_text("192.0.2.0,192.0.2.255,DE\n")
    _, sluice = make(SMTP + f"geoip {{ database = {world} }}\nsource-set german {{ countries = {{DE}} action = deny }}\n")
    world.write_text("192.0.2.0,192.0.2.255,DE\n198.51.100.0,198.51.100.255,DE\n")
    sluice.do("reload", "--lists")
    assert sluice.json("lookup", "198.51.100.1")["sets"] == ["german"]
    world.unlink()
    code, _, err = sluice.ctl("reload", "--lists")
    assert code == 0 and str(world) in err
    assert sluice.json("lookup", "198.51.100.1")["sets"] == ["german"]


def test_a_policy_that_awaits_its_confirmation_is_not_touched_by_reading_lists(make, tmp_path):
    (tmp_path / "foes.txt").write_text(GOOD)
    _, sluice = make(DENY)
    sluice.do("apply", sluice.file, "--confirm", "1h")
    code, _, err = sluice.ctl("reload", "--lists")
    assert code == 1 and "awaits its confirmation" in err
    sluice.do("revert")
    sluice.do("reload", "--lists")


def test_a_set_whose_list_is_strict_is_refused_as_a_whole_and_the_old_one_stays(make, tmp_path):
    foes = tmp_path / "foes.txt"
    foes.write_text(GOOD)
    _, sluice = make(DENY.replace("action", "reading = strict action"))
    foes.write_text("")
    sluice.do("reload")
    foes.write_text(GOOD + "odd\n")
    for words in (("reload",), ("reload", "--lists")):
        code, _, err = sluice.ctl(*words)
        assert code == 2 and f"{foes}:4: 'odd' is not an address" in err
    assert the_list(sluice)["entries"] == 0 and the_list(sluice)["reading"] == "strict", "an empty list that is read strictly is meant to be empty"
