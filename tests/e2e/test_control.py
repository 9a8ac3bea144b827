# SPDX-License-Identifier: BSD-2-Clause
"""sluicectl gives orders to a running sluiced, and asks it."""
import json, os, socket, time

import tools
from net import BUILD, SERVER, sh, wait_for

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\nservice imap { ports = {143} }\n"


def test_status_has_the_fields_people_rely_on(make):
    _, sluice = make(FIVE)
    status = sluice.json("status")
    assert status["mode"] == "enforce" and status["generation"] >= 1 and status["drift"] == 0
    assert status["policy"] == os.path.realpath(sluice.file)
    assert [i["name"] for i in status["interfaces"]] == ["s0"]
    assert status["interfaces"][0]["xdp_mode"] in ("native", "generic")
    smtp = sluice.service("smtp")
    assert (smtp["ports"], smtp["max_connections_per_source"]) == ([25], 5)
    assert {"pressure", "connections", "max_connections", "admitted", "refused"} <= smtp.keys()
    assert all(len(line) <= 80 for line in sluice.do("status").splitlines() if not line.startswith("policy"))


def test_set_works_for_the_next_syn_and_goes_back_by_itself(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "2", "--for", "2s")
    h("open", 2)
    assert h.greeted(2)
    h("open", 1)
    assert sluice.service()["max_connections_per_source"] == 2
    time.sleep(0.3)
    assert h("count")["greeted"] == 2
    assert wait_for(lambda: sluice.service()["max_connections_per_source"] == 5, 4)
    assert h.greeted(3), "the client's next try gets in"


def test_set_refuses_what_it_does_not_know(make):
    _, sluice = make(FIVE)
    for words, says in (
        (("service", "smtp", "max-connections-per-sauce", "5"), "did you mean 'max-connections-per-source'"),
        (("service", "pop", "max-connections", "5"), "no service 'pop'"),
        (("service", "smtp", "max-connections", "many"), "not a whole number"),
    ):
        code, _, err = sluice.ctl("set", *words)
        assert code == 2 and says in err


def test_ban_refuses_the_next_packet_even_of_a_live_connection(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    net.serve("::", 2525)
    h, other = net.hold("10.77.0.2"), net.hold("10.77.0.3")
    h("open", 1), other("open", 1)
    assert h.greeted(1) and other.greeted(1)
    sluice.do("ban", "10.77.0.2", "--for", "1h", "--reason", "test")
    assert [(b["source"], b["expires_in"], b["reason"]) for b in sluice.json("bans")] == [("10.77.0.2", 3600, "test")]
    h("say", "F")
    h("open", 1)
    time.sleep(0.7)
    assert h("count") == {"pending": 1, "greeted": 1, "refused": 0, "ended": 0}
    assert sluice.reason("banned") >= 2
    free = net.hold("10.77.0.2", SERVER, 2525)
    free("open", 1)
    assert free.greeted(1), "a port that no service names is never refused"
    sluice.do("unban", "10.77.0.2")
    assert wait_for(lambda: h("count")["ended"] == 1 and h("count")["greeted"] == 1)
    assert sluice.json("bans") == []


def test_ban_ends_by_itself_even_without_a_daemon(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    sluice.do("ban", "10.77.0.0/16", "--force", "--for", "2s")
    sluice.kill()
    h = net.hold("10.77.0.2")
    h("open", 1)
    time.sleep(0.5)
    assert h("count")["greeted"] == 0
    assert h.greeted(1, 6)


def test_allow_lifts_every_limit_and_ban(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    sluice.do("ban", "10.77.0.0/16", "--force")
    sluice.do("allow", "10.77.0.2")
    h = net.hold("10.77.0.2")
    h("open", 20)
    assert h.greeted(20)
    assert sluice.connections() == 20, "allowed sources are counted"
    sluice.do("disallow", "10.77.0.2")
    assert sluice.json("allows") == []


def test_observe_refuses_nothing_and_counts_what_it_would(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    sluice.do("mode", "observe")
    h = net.hold("10.77.0.2")
    h("open", 8)
    assert h.greeted(8)
    assert sluice.reason("source-connections", "observed") == 3
    assert sluice.reason("source-connections") == 0
    sluice.do("mode", "enforce")
    h("open", 1)
    time.sleep(0.5)
    assert h("count")["greeted"] == 8


def test_limits_hold_with_the_daemon_dead_and_status_says_so(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 3)
    assert h.greeted(3)
    sluice.kill()
    h("open", 5)
    assert h.settle()["greeted"] == 5
    code, out, err = sluice.ctl("--json", "status")
    status = json.loads(out)
    assert code == 3 and status["daemon"] == "dead" and status["services"][0]["connections"] == 5
    assert "not running" in err
    sluice.start()
    assert "took over" in sluice.logged()
    assert sluice.connections() == 5


def test_second_daemon_is_refused(make):
    net, sluice = make(FIVE)
    argv = [sluice.daemon.args[2], "-f", "-c", sluice.file, "-i", sluice.instance]
    second = net.run(net.server, *argv, check=False)
    assert second.returncode == 1 and "in use by another sluiced" in second.stderr
    assert sluice.json("status")["daemon"] == "running"


def test_bad_policy_changes_nothing(make):
    _, sluice = make(FIVE)
    before = sluice.do("dump")
    sluice.write("service smtp { ports = {25} max-conections = 5 }\n")
    code, _, err = sluice.ctl("reload")
    assert code == 2 and "sluice.conf:2:29: unknown key 'max-conections': did you mean 'max-connections'?" in err
    assert sluice.do("dump") == before


def test_reload_reports_counts_and_moves_live_connections(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 4)
    assert h.greeted(4)
    sluice.write("service mail { ports = {25} }\n")
    assert sluice.do("reload").strip() == "1 added, 0 changed, 2 removed"
    assert sluice.connections("mail") == 4
    assert sluice.json("status")["drift"] == 0
    h("close", 4)
    assert wait_for(lambda: sluice.connections("mail") == 0)


def test_dump_is_accepted_by_check_and_equal_by_diff(make, tmp_path):
    _, sluice = make(
        FIVE
        + "source-set friends { prefixes = {192.0.2.0/24, 2001:db8::-2001:db8::5, 10.0.0.0/255.0.0.0} action = allow }\n"
        + "source-set some { prefixes = {198.51.100.1} services = {smtp} max-rate-per-source = 6/90s priority = 7 }\n"
    )
    dumped = tmp_path / "dumped.conf"
    dumped.write_text(sluice.do("dump"))
    assert "good: 2 services, 2 sets" in sluice.do("check", dumped)
    assert sluice.json("diff", dumped) == []
    sluice.do("set", "service", "smtp", "max-connections-per-source", "9")
    assert [c["what"] for c in sluice.json("diff", dumped)] == ["service smtp: max-connections-per-source: 9 -> 5"]
    sluice.do("apply", dumped)
    assert sluice.json("diff", dumped) == []


def test_lookup_names_sets_and_rules(make):
    _, sluice = make(
        FIVE
        + "source-set friends { prefixes = {192.0.2.0/24} services = {imap} action = allow }\n"
        + "source-set foes { prefixes = {192.0.2.128/25} action = deny }\n"
    )
    got = sluice.json("lookup", "192.0.2.200")
    assert got["sets"] == ["friends", "foes"] and got["country"] is None
    assert {s["name"]: (s["verdict"], s["reason"]) for s in got["services"]} == {
        "smtp": ("drop", "denied"),
        "imap": ("pass", "allowed"),
    }


def test_hostile_clients_are_answered_and_never_fatal(make):
    net, sluice = make(FIVE)
    path = f"/run/sluice/{sluice.instance}.sock"
    for said in (b"\n", b"{}\n", b"[]\n", b"\0\0\0\n", b'{"verb": 5}\n', b'{"verb":"ban"}\n', b'{"verb":"ban","args":[]}\n',
                 b'{"verb":"set","args":{"service":{},"key":1}}\n', b'{"verb":"lookup","args":{"address":"x"}}\n',
                 b'{"verb":"nonsense"}\n', b"x" * 70000, b'{"verb":"sources","args":{"top":-5,"service":"nope"}}\n', b"[" * 5000 + b"\n"):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(path)
            s.sendall(said)
            answer = json.loads(s.makefile().readline())
            assert answer["ok"] is False and answer["error"]
    silent = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    for s in silent:
        s.connect(path)
    assert sluice.json("status")["daemon"] == "running"
    for s in silent:
        s.close()
    assert sluice.daemon.poll() is None


def test_an_answer_that_takes_longer_than_clients_may_be_silent_arrives(make):
    net, sluice = make(FIVE)
    early = socket.socket(socket.AF_UNIX)
    early.connect(f"/run/sluice/{sluice.instance}.sock")
    early.sendall(b'{"verb":')
    with tools.tampered(sluice.daemon.pid, "bpf", "delay_exit=12000000:when=1"):
        slow = net.popen(net.server, BUILD / "sluicectl", "-i", sluice.instance, "--json", "status")
        time.sleep(1)
        early.sendall(b'"status"}\n')  # it was silent for a second only, however long the daemon was busy
        assert json.loads(slow.communicate(timeout=60)[0])["daemon"] == "running"
    assert json.loads(early.makefile().readline())["ok"]
    early.close()


def test_clients_that_say_nothing_or_do_not_read_are_cut_off(make):
    """The dump is larger than what a socket buffers for a client that does not read."""
    many = ", ".join(f"2001:db8:1111:2222:3333:4444:5555:{i:x}" for i in range(0x1000, 0x1000 + 2 * 6500, 2))
    _, sluice = make(FIVE + f"source-set many {{ prefixes = {{{many}}} action = deny }}\n")
    fds = f"/proc/{sluice.daemon.pid}/fd"
    time.sleep(1)  # until the client that waited for the start is gone
    before = len(os.listdir(fds))
    silent, deaf = (socket.socket(socket.AF_UNIX) for _ in range(2))
    for s in (silent, deaf):
        s.connect(f"/run/sluice/{sluice.instance}.sock")
    deaf.sendall(b'{"verb":"dump"}\n')
    assert wait_for(lambda: len(os.listdir(fds)) == before + 2)
    assert wait_for(lambda: len(os.listdir(fds)) == before, 60)
    silent.close(), deaf.close()


def test_only_root_may_change(make):
    net, sluice = make(FIVE)
    path = f"/run/sluice/{sluice.instance}.sock"
    os.chmod(path, 0o666)  # as if the group let it in
    code = ("import socket,os,sys; os.setgid(65534); os.setuid(65534); s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            "s.send(sys.argv[2].encode()+b'\\n'); print(s.makefile().readline())")
    ask = lambda request: json.loads(sh("/usr/bin/python3", "-c", code, path, json.dumps(request)).stdout)
    assert ask({"verb": "status"})["ok"]
    for verb in ("ban", "unban", "allow", "disallow", "set", "mode", "apply", "reload", "unload"):
        answer = ask({"verb": verb, "args": {"prefix": "10.0.0.1"}})
        assert not answer["ok"] and "needs root" in answer["error"]
    assert sluice.json("bans") == []


def bpftool(what):
    return json.loads(sh("bpftool", "-j", what, "show").stdout or "[]")


def loaded_by(sluice):
    """Returns all that is in the kernel because of this instance, as (kind, id), found by what refers to what."""
    pins = f"/sys/fs/bpf/sluice/{sluice.instance}"
    maps = {json.loads(sh("bpftool", "-j", "map", "show", "pinned", f"{pins}/{n}").stdout)["id"] for n in ("control", "sources", "sweeper")}
    programs = {p["id"] for p in bpftool("prog") if maps & set(p.get("map_ids", []))}
    maps = {m for p in bpftool("prog") if p["id"] in programs for m in p.get("map_ids", [])}
    maps |= {json.loads(e["formatted"]["value"]) if "formatted" in e else int.from_bytes(bytes(int(b, 16) for b in e["value"]), "little")
             for e in json.loads(sh("bpftool", "-j", "map", "dump", "pinned", f"{pins}/tries").stdout) if "value" in e}
    links = {l["id"] for l in bpftool("link") if l.get("prog_id") in programs}
    return {("prog", i) for i in programs} | {("map", i) for i in maps} | {("link", i) for i in links}


def listed():
    return {(kind, e["id"]) for kind in ("prog", "map", "link") for e in bpftool(kind)}


def test_unload_leaves_nothing_with_the_daemon_alive_or_dead(make):
    net, sluice = make(FIVE)
    for dead in (False, True):
        ours = loaded_by(sluice)
        assert {kind for kind, _ in ours} == {"prog", "map", "link"} and len(ours) > 25 and ours <= listed()
        if dead:
            sluice.kill()
        sluice.do("unload")
        assert not os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}")
        assert wait_for(lambda: not ours & listed()), f"still there: {ours & listed()}"
        assert "xdp" not in net.run(net.server, "ip", "link", "show", "s0").stdout
        if not dead:
            assert wait_for(lambda: sluice.daemon.poll() is not None)
            sluice.start()
