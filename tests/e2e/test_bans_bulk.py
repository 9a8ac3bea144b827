# SPDX-License-Identifier: BSD-2-Clause
"""Many bans in one order, from a file or standard input, and a start with them. (tests/datapath/test_bans.c shows that the gate sees all at once.)"""
import json, os, threading, time

from net import BUILD, SERVER, wait_for

POLICY = "service smtp { ports = {25} }\n"


def addresses(n, first=0):
    """Returns n addresses that nobody here has."""
    return [f"{100 + (first + i) // 65536}.{(first + i) // 256 % 256}.{(first + i) % 256}.7" for i in range(n)]


def feed(sluice, text, *words):
    """Runs the command with the text as its standard input. Returns status, output, errors and seconds."""
    began = time.monotonic()
    done = sluice.net.run(sluice.net.server, BUILD / "sluicectl", "-i", sluice.instance, *words, "--file", "-", check=False, input=text)
    return done.returncode, done.stdout.strip(), done.stderr, time.monotonic() - began


def restarts(sluice, bans):
    """Returns {after what: seconds until the daemon answers}."""
    took = {}
    for how in ("a crash", "a reboot"):
        sluice.kill()
        if how == "a reboot":
            sluice.do("unload")
        began = time.monotonic()
        sluice.start()
        took[how] = time.monotonic() - began
        assert count(sluice) == bans
    return took


def count(sluice):
    return next(t["entries"] for t in sluice.json("status")["tables"] if t["name"] == "live_bans")


def test_a_hundred_thousand_bans_come_and_go_in_one_order(make):
    _, sluice = make(POLICY)
    text = "\n".join(addresses(100000)) + "\n"
    code, out, err, took = feed(sluice, text, "ban", "--by", "feed", "--for", "1h")
    print(f"ban 100000: {took:.2f} s; ", end="")
    assert code == 0 and out == "100000 bans stand, covers 0 sources with 0 connections now", err
    assert count(sluice) == 100000
    assert sluice.json("bans", "100.3.3.7")[0]["owner"] == "feed"
    code, out, err, took = feed(sluice, text, "ban", "--by", "feed")
    print(f"again: {took:.2f} s; ", end="")
    assert code == 0 and count(sluice) == 100000 and sluice.json("bans", "100.3.3.7")[0]["expires_in"] is None
    code, out, err, took = feed(sluice, text + "192.0.2.1\n", "unban", "--by", "feed")
    print(f"unban: {took:.2f} s")
    assert code == 0 and out == "100000 bans ended, from 100001 lines" and count(sluice) == 0, err


def test_lines_have_their_own_times_and_bad_ones_are_named_with_nothing_half_applied(make):
    _, sluice = make(POLICY)
    text = "# a list\n192.0.2.1\n192.0.2.0/28 10m ; short\n\n2001:db8::/48 never\n192.0.2.16-192.0.2.31\t-1\r\n"
    assert feed(sluice, text, "ban", "--for", "1h")[0] == 0
    assert [(b["source"], b["expires_in"]) for b in sluice.json("bans")] == [("192.0.2.0/28", 600), ("192.0.2.1", 3600), ("192.0.2.16/28", None), ("2001:db8::/48", None)]
    bad = "198.51.100.1\n198.51.100.1.1\n198.51.100.1/8\n198.51.100.2 soon\n198.51.100.3 1h and more\n"
    code, out, err, _ = feed(sluice, bad, "ban")
    assert code == 2 and "nothing done" in err and all(f"-:{n}: '" in err for n in (2, 3, 4, 5)) and "-:1:" not in err
    code, out, err, _ = feed(sluice, "x\n" * 30, "unban")
    assert code == 2 and err.count(" -:") == 10 and "only the first 10 bad lines are listed" in err
    code, out, err, _ = feed(sluice, f"198.51.100.1\n{SERVER}\n", "ban")
    assert code == 2 and f"-:2: {SERVER} covers this host's own address" in err
    assert "is not text" in feed(sluice, "198.51.100.1\n\0\n", "ban")[2]
    assert len(sluice.json("bans")) == 4, "nobody was banned meanwhile"
    code, out, err, _ = feed(sluice, f"198.51.100.1\nx\n{SERVER}\n0.0.0.0/1\n198.51.100.2\n", "ban", "--by", "careful", "--tolerant")
    assert code == 0 and out.startswith("2 bans stand, 3 lines are left out") and all(f"-:{n}: " in err for n in (2, 3, 4)), (out, err)
    assert [b["source"] for b in sluice.json("bans", "--by", "careful")] == ["198.51.100.1", "198.51.100.2"]
    sluice.do("unban", "--all", "--by", "careful")
    sluice.file.with_name("list").write_text("\ufeff198.51.100.9\n198.51.100.9\n")
    assert sluice.do("ban", "--file", sluice.file.with_name("list")).startswith("2 bans stand") and len(sluice.json("bans")) == 5
    sluice.file.with_name("list").write_text("198.51.100.9\n198.51.100.9 soon\n")
    wrong = sluice.json("ban", "--file", sluice.file.with_name("list"))["errors"][0]
    assert (wrong["file"], wrong["line"], wrong["text"]) == (str(sluice.file.with_name("list")), 2, "'soon' is not a time up to 49710d"), wrong
    code, _, err = sluice.ctl("ban", "--file", sluice.file.with_name("none"))
    assert code == 1 and "none: No such file or directory: name a file that can be read, or - for standard input" in err
    assert sluice.ctl("ban", "192.0.2.9", "--file", "-")[0] == 2 and sluice.ctl("ban")[0] == 2


def test_262144_bans_fit_and_an_order_for_more_is_refused_as_a_whole(make):
    _, sluice = make(POLICY)
    text = "\n".join(addresses(262144)) + "\n"
    code, out, err, took = feed(sluice, text, "ban", "--by", "feed")
    print(f"ban 262144: {took:.2f} s; ", end="")
    assert code == 0 and count(sluice) == 262144, err
    code, out, err, _ = feed(sluice, "192.0.2.1\n192.0.2.2\n", "ban")
    assert code == 1 and "262144 bans, and there is no room for 2 of these" in err
    assert sluice.json("bans", "192.0.2.0/24") == [] and count(sluice) == 262144
    assert sluice.ctl("ban", "192.0.2.1")[0] == 1
    assert wait_for(lambda: (sluice.state / f"{sluice.instance}.state").exists() and (sluice.state / f"{sluice.instance}.state").stat().st_size > 8 << 20, 60)
    with_all = restarts(sluice, 262144)
    assert sluice.do("unban", "--all", "--by", "feed").strip() == "262144 bans ended" and count(sluice) == 0
    assert wait_for(lambda: not (sluice.state / f"{sluice.instance}.state").exists(), 60)
    for how, without in restarts(sluice, 0).items():
        print(f"start after {how}: {with_all[how]:.2f} s with 262144 bans, {without:.2f} s with none; ", end="")


def test_a_daemon_that_dies_in_the_middle_of_a_file_leaves_all_of_it_or_nothing(make):
    _, sluice = make(POLICY)
    sluice.do("ban", "192.0.2.1", "--by", "before")
    text = "\n".join(addresses(100000)) + "\n"
    left = set()
    for wait in (0.05 * 1.5**n for n in range(14)):  # up to 10 s
        feeder = threading.Thread(target=feed, args=(sluice, text, "ban"))
        feeder.start()
        time.sleep(wait)
        sluice.kill()
        feeder.join()
        sluice.start()
        left.add(count(sluice))
        assert sluice.json("bans", "192.0.2.1")[0]["owner"] == "before"
        sluice.do("unban", "--all")
        assert count(sluice) == 1
        if len(left) > 1 and wait > 0.4:
            break
    assert left == {1, 100001}


def test_a_user_who_is_not_root_cannot_make_the_daemon_hold_a_file(make):
    net, sluice = make(POLICY)
    code = f"""
import json, os, socket
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect('/run/sluice/{sluice.instance}.sock')
s.sendall(json.dumps({{'verb': 'ban', 'args': {{}}, 'bytes': 1 << 20}}).encode() + b'\\n')
print(s.recv(65536).decode())
"""
    os.chmod(f"/run/sluice/{sluice.instance}.sock", 0o666)
    said = json.loads(net.run(net.server, "/usr/bin/python3", "-c", code).stdout)
    assert not said["ok"] and "needs root" in said["error"]
