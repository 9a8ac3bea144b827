# SPDX-License-Identifier: BSD-2-Clause
"""Another build takes over in place: nobody slips in meanwhile, and nothing that counts is lost. SLUICE_BEFORE names the directory of a build with
another ABI, whose sluiced then makes the kernel side; without it, the kernel side of this build is marked as one of another ABI."""
import json, os, pathlib, signal, struct, time

import pytest

import tools
from net import BUILD, PACE, wait_for
from pressure import syncookies

POLICY = "service smtp { ports = {25} max-connections-per-source = 5 }\nservice imap { ports = {143} }\n"
ABI, PROGRAMS = 0, 1
BEFORE = pathlib.Path(os.environ.get("SLUICE_BEFORE", BUILD))


def age(net, sluice, word):
    """Marks the pins as those of another build: the first word of `identity` is the ABI, the second tells builds with one ABI apart."""
    pin = f"/sys/fs/bpf/sluice/{sluice.instance}/identity"
    value = json.loads(net.run(net.server, "bpftool", "-j", "map", "dump", "pinned", pin).stdout)[0]["value"]
    aged = bytearray(int(b, 16) for b in value)
    aged[word * 4:word * 4 + 4] = struct.pack("<I", 1)
    net.run(net.server, "bpftool", "map", "update", "pinned", pin, "key", *"0000", "value", *[str(b) for b in aged])


def gate_of(net):
    link = json.loads(net.run(net.server, "ip", "-j", "link", "show", "s0").stdout)[0]
    return link.get("xdp", {}).get("prog", {}).get("id"), link["operstate"], link.get("link_index")


def ids(net, sluice, kind):
    """Returns {name: id} of all that is pinned."""
    pins = pathlib.Path(f"/sys/fs/bpf/sluice/{sluice.instance}")
    show = lambda what: json.loads(net.run(net.server, "bpftool", "-j", "-f", what, "show").stdout)
    return {pathlib.Path(p).name: o["id"] for o in show(kind) for p in o.get("pinned", []) if pathlib.Path(p).parent == pins}


def remaining(net, programs):
    """Returns those of {pin: id} that are still in memory, by name."""
    return {p["id"]: p["name"] for p in json.loads(net.run(net.server, "bpftool", "-j", "prog", "show").stdout) if p["id"] in programs.values()}


# Sends a SYN from a banned source every 2 ms, each from a socket of its own, and prints how many got in.
KNOCK = """
import select, socket, sys
came = tries = 0
last = []
while not select.select([sys.stdin], [], [], 0.002)[0]:
    s = socket.socket()
    s.setblocking(False)
    s.bind(("10.77.0.9", 0))
    s.connect_ex(("10.77.0.1", 25))
    last, tries = last + [s], tries + 1
    came += len(select.select([], last, [], 0)[1])
    for old in last[:-20]:
        old.close()
    last = last[-20:]
print(tries, came)
"""


def test_another_abi_is_taken_over_without_a_gap(make):
    net, sluice = make(POLICY)
    if BEFORE != BUILD:
        sluice.kill()
        sluice.do("unload")
        old = [BEFORE / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
        sluice.daemon = net.popen(net.server, *old, stderr=sluice.log)
    ctl = lambda *words: net.run(net.server, BEFORE / "sluicectl", "-i", sluice.instance, "--json", *words)
    assert wait_for(lambda: net.run(net.server, BEFORE / "sluicectl", "-i", sluice.instance, "status", check=False).returncode == 0, 60)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 6)
    assert h.greeted(5)
    ctl("ban", "10.77.0.9", "--for", "1h", "--reason", "stays")
    refused = lambda read: sum(c["packets"] for c in json.loads(read("counters").stdout) if c["service"] == "smtp" and c["reason"] == "source-connections")
    counted = refused(ctl)
    assert counted
    sluice.kill()
    if BEFORE == BUILD:
        age(net, sluice, ABI)
    (sluice.state / f"{sluice.instance}.state").unlink(missing_ok=True)
    before, _, _ = gate_of(net)
    programs = ids(net, sluice, "prog")
    code, _, err = sluice.ctl("status")
    assert code == 3 and "ABI" in err
    knock = net.popen(net.client, "/usr/bin/python3", "-c", KNOCK)
    sluice.start()
    after, state, _ = gate_of(net)
    tries, came = map(int, knock.communicate("\n", timeout=30 * PACE)[0].split())
    assert before and after and before != after and state == "UP", "the gate was exchanged, not removed"
    assert tries > 100 and came == 0, "nobody slipped in"
    assert "replaces it" in sluice.logged()
    assert sluice.connections() == 5 and sluice.json("status")["drift"] == 0
    h("open", 1)
    time.sleep(0.5)
    assert h("count")["greeted"] == 5, "full as before"
    assert [(b["source"], b["reason"]) for b in sluice.json("bans")] == [("10.77.0.9", "stays")]
    assert refused(lambda *w: net.run(net.server, BUILD / "sluicectl", "-i", sluice.instance, "--json", *w)) >= counted
    assert not os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}~old")
    assert wait_for(lambda: not remaining(net, programs)), f"{remaining(net, programs)}: these and their tables are still in memory"
    h("close", 5)
    assert wait_for(lambda: sluice.connections() == net.established())
    print(f"\n{tries} knocks of a banned source while the kernel side was exchanged, {came} came")


@pytest.mark.parametrize("word", (ABI, PROGRAMS))
def test_counts_by_country_go_on_over_an_upgrade(make, tmp_path, word):
    (tmp_path / "countries.csv").write_text("10.77.0.2,10.77.0.2,DE\n")
    net, sluice = make("geoip { database = {countries.csv} }\n" + POLICY)
    net.serve("::", 25)
    held = [net.hold("10.77.0.2"), net.hold("10.77.0.3")]
    held[0]("open", 3), held[1]("open", 1)
    assert held[0].greeted(3) and held[1].greeted(1)
    counted = lambda: {c["country"]: c["admitted"] for c in sluice.json("status")["services"][0]["countries"]}
    since = lambda: [s["countries"]["since"] for s in sluice.json("suggest")["services"]]
    assert counted() == {"DE": 3, "ZZ": 1}
    before = since()
    sluice.kill()
    age(net, sluice, word)
    time.sleep(1.1 * PACE)
    sluice.start()
    assert since() == before
    held[0]("open", 1)
    assert held[0].greeted(4) and counted() == {"DE": 4, "ZZ": 1}


def test_newer_programs_take_over_the_tables_as_they_are(make):
    net, sluice = make(POLICY + "service pop3 { ports = {110} max-rate-per-source = 3/10m }\n")
    net.serve("::", 25), net.serve("::", 110)
    h, rated = net.hold("10.77.0.2"), net.hold("10.77.0.3", port=110)
    h("open", 5), rated("open", 3)
    assert h.greeted(5) and rated.greeted(3)
    sluice.do("ban", "10.77.0.9", "--for", "1h")
    rated("close", 3)
    trial = sluice.file.with_name("trial.conf")
    trial.write_text(sluice.file.read_text().replace("= 5", "= 6"))
    sluice.do("apply", trial, "--confirm", "1h")
    maps, programs = ids(net, sluice, "map"), ids(net, sluice, "prog")
    assert len(maps) > 20 and len(programs) >= 5
    sluice.kill()
    age(net, sluice, PROGRAMS)
    assert sluice.ctl("status")[0] == 3, "sluicectl of either build can read the tables"
    knock = net.popen(net.client, "/usr/bin/python3", "-c", KNOCK)
    sluice.start()
    tries, came = map(int, knock.communicate("\n", timeout=30 * PACE)[0].split())
    assert tries > 100 and came == 0, "nobody slipped in"
    assert "this build replaces them" in sluice.logged()
    assert ids(net, sluice, "map") == maps
    now = ids(net, sluice, "prog")
    assert now.keys() == programs.keys() and not set(now.values()) & set(programs.values())
    assert wait_for(lambda: not remaining(net, programs)), f"{remaining(net, programs)}: these old programs are still in memory"
    assert sluice.connections() == 5 and sluice.json("status")["drift"] == 0 and sluice.json("status")["confirm"]["state"] == "awaited"
    rated("open", 1)
    h("open", 2)
    assert h.greeted(6), "the policy on trial is in force"
    assert rated("count")["greeted"] == 0 and sluice.reason("source-rate", service="pop3"), "the rate's window continues"
    h("close", 6)
    assert wait_for(lambda: sluice.connections() == net.established()), "the trackers see new connections and their ends"
    print(f"\n{tries} knocks of a banned source while the programs were exchanged, {came} came")


@pytest.mark.parametrize("word", (ABI, PROGRAMS), ids=("abi", "programs"))
def test_takeover_that_is_cut_short_is_finished_by_the_next_start(make, word):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    sluice.do("ban", "10.77.0.9")
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5)
    sluice.kill()
    age(net, sluice, word)
    argv = [BUILD / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
    old = f"/sys/fs/bpf/sluice/{sluice.instance}~old"
    for pause in (0, 0.2, 1, 3):
        daemon = net.popen(net.server, *argv, stderr=sluice.log, env={**os.environ, "STATE_DIRECTORY": str(sluice.state)})
        assert wait_for(lambda: os.path.exists(old), 10, 0.001) or pause, "the first one is killed in the middle of it"
        time.sleep(pause)
        daemon.send_signal(signal.SIGKILL), daemon.wait()
        assert gate_of(net)[0], "something always judges"
    sluice.start()
    assert sluice.connections() == 5 and sluice.json("status")["drift"] == 0 and not os.path.exists(old)
    assert [b["source"] for b in sluice.json("bans")] == ["10.77.0.9"]
    assert [i["xdp_mode"] for i in sluice.json("status")["interfaces"]] != ["detached"]


@pytest.mark.parametrize("word", (ABI, PROGRAMS), ids=("abi", "programs"))
@pytest.mark.parametrize("keeper_dies", (False, True), ids=("keeper-goes-on", "keeper-killed"))
def test_exchange_during_which_the_daemon_is_killed_is_finished(make, word, keeper_dies):
    """The new gate is pinned, and about to replace the old one. The next start waits for a keeper that is still at work."""
    net, sluice = make(POLICY)
    sluice.kill()
    age(net, sluice, word)
    daemon, before = sluice.popen(), gate_of(net)[0]
    children = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children")
    assert wait_for(lambda: children.read_text().split(), 10, 0.001)
    keeper = int(children.read_text())
    with tools.tampered(keeper, "sendto", "delay_enter=1500000"):
        assert wait_for(lambda: os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}/gate@s0"), 30, 0.001)
        if keeper_dies:
            os.kill(keeper, signal.SIGKILL)
        daemon.kill(), daemon.wait()
        sluice.start()
    assert gate_of(net)[0] not in (None, before), "the keeper or the next start exchanged the gate"
    assert [(i["name"], i["xdp_mode"]) for i in sluice.json("status")["interfaces"]] == [("s0", "native")]
    assert not os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}~old")


RELEASED = "51cbf74"  # 0.1.0, which has ABI 7
# Opens one connection for each state in which a server can have one, from each source. Its word is for tests/lib/serve.py, or says what the
# client does.
STANDING = """
import socket, sys, time
held = []
for source in ("10.77.0.2", "10.77.0.3", "fd77:0:1::2"):
    for word in ("stays", "half", "H"):
        s = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
        s.bind((source, 0))
        s.connect(("fd77::1" if ":" in source else "10.77.0.1", 25))
        s.recv(99)
        if word == "half":
            s.shutdown(socket.SHUT_WR)
        elif word != "stays":
            s.send(word.encode())
        held.append(s)
    time.sleep(0.2)
print("ready", flush=True)
sys.stdin.readline()
"""


# Opens sessions one after the other from one source, at most four at a time, and prints how many were greeted.
CHURN = """
import select, socket, sys
held, greeted = [], 0
while not select.select([sys.stdin], [], [], 0.005)[0]:
    s = socket.socket()
    s.settimeout(2)
    s.bind(("10.77.0.5", 0))
    try:
        s.connect(("10.77.0.1", 25))
        greeted += bool(s.recv(99))
    except OSError:
        pass
    held.append(s)
    for old in held[:-3]:
        old.close()
    held = held[-3:]
print(greeted)
"""


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The directory with the programs of 0.1.0 as it was released."""
    there = tools.built(RELEASED, tmp_path_factory.mktemp("released"))
    if not there:
        pytest.skip(f"{RELEASED} (0.1.0) is not in this checkout: git fetch --unshallow --tags")
    return there


def counted_by_source(sluice):
    return {(s["source"], s["connections"]) for s in sluice.json("sources")}


def test_connections_that_stand_under_the_released_build_are_counted_rightly_by_this_one(make, released):
    net, sluice = make(POLICY)
    sluice.kill(signal.SIGTERM), sluice.do("unload")
    (sluice.state / f"{sluice.instance}.state").unlink(missing_ok=True)
    sluice.file.write_text("interfaces = {s0}\n" + POLICY)  # as 0.1.0 understands it
    sluice.daemon = net.popen(net.server, released / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance, stderr=sluice.log,
                              env={**os.environ, "STATE_DIRECTORY": str(sluice.state)})
    old = lambda *words: net.run(net.server, released / "sluicectl", "-i", sluice.instance, "--json", *words, check=False)
    assert wait_for(lambda: old("status").returncode == 0, 60), sluice.logged()
    net.serve("::", 25)
    standing = net.ready(net.popen(net.client, "/usr/bin/python3", "-c", STANDING))
    in_progress = net.hold("10.77.0.4")
    in_progress("open", 5)
    assert in_progress.greeted(5)
    before = {s["name"]: s["connections"] for s in json.loads(old("status").stdout)["services"]}
    assert before["smtp"] == net.established() > 10
    sources = {(s["source"], s["connections"]) for s in json.loads(old("sources").stdout)}
    sluice.kill()
    syncookies(net, 2)  # as under pressure, with the host's own value noted
    net.run(net.server, "bpftool", "map", "update", "pinned", f"/sys/fs/bpf/sluice/{sluice.instance}/tuning", "key", *"0000",
            "value", *"1000", str(ord("1")), *"000")
    (sluice.state / f"{sluice.instance}.state").unlink(missing_ok=True)
    churn = net.popen(net.client, "/usr/bin/python3", "-c", CHURN)
    sluice.start()
    assert "pinned with ABI 7" in sluice.logged() and "replaces it" in sluice.logged()
    assert wait_for(lambda: syncookies(net) == 1, 15), "0.1.0 had noted the host's own value"
    came = int(churn.communicate("\n", timeout=60 * PACE)[0])
    assert wait_for(lambda: sluice.connections() == net.established() == before["smtp"], 15), (sluice.service(), net.established(), before)
    assert sluice.json("status")["drift"] == 0 and counted_by_source(sluice) == sources
    in_progress("open", 3)
    time.sleep(0.5)
    assert in_progress("count")["greeted"] == 5, "full as before"
    in_progress("abandon")  # or they get in when there is room, and stay
    standing.communicate("\n", timeout=20), in_progress("close", 5)
    assert wait_for(lambda: sluice.connections() == net.established() == 0, 15)
    assert wait_for(lambda: sluice.service()["reserved"] == 0)
    status = sluice.json("status")
    assert status["drift"] == 0
    print(f"\n{before['smtp']} connections of {len(sources)} sources taken over from ABI 7, {came} came and went meanwhile, {status['healed']} healed")
