# SPDX-License-Identifier: BSD-2-Clause
"""A build of another ABI takes over in place: nobody slips in meanwhile, and nothing that counts is lost. SLUICE_BEFORE names the
directory of an older build, whose sluiced then makes the kernel side; without it that of this build says that it is of another ABI."""
import json, os, pathlib, signal, struct, time

from net import BUILD, PACE, wait_for

POLICY = "service smtp { ports = {25} max-connections-per-source = 5 }\nservice imap { ports = {143} }\n"
BEFORE = pathlib.Path(os.environ.get("SLUICE_BEFORE", BUILD))


def age(net, sluice):
    """The pins as a build of another ABI leaves them: the first word of `identity` says so."""
    pin = f"/sys/fs/bpf/sluice/{sluice.instance}/identity"
    value = json.loads(net.run(net.server, "bpftool", "-j", "map", "dump", "pinned", pin).stdout)[0]["value"]
    aged = struct.pack("<I", 1) + bytes(int(b, 16) for b in value[4:])
    net.run(net.server, "bpftool", "map", "update", "pinned", pin, "key", *"0000", "value", *[str(b) for b in aged])


def gate_of(net):
    link = json.loads(net.run(net.server, "ip", "-j", "link", "show", "s0").stdout)[0]
    return link.get("xdp", {}).get("prog", {}).get("id"), link["operstate"], link.get("link_index")


# A SYN of a banned source every 2 ms, each from a socket of its own; how many came.
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
        age(net, sluice)
    (sluice.state / f"{sluice.instance}.state").unlink(missing_ok=True)
    before, _, _ = gate_of(net)
    code, _, err = sluice.ctl("status")
    assert code == 3 and "ABI" in err
    knock = net.popen(net.client, "/usr/bin/python3", "-c", KNOCK)
    sluice.start()
    after, state, _ = gate_of(net)
    tries, came = map(int, knock.communicate("\n", timeout=30 * PACE)[0].split())
    assert before and after and before != after and state == "UP", "exchanged, not taken off"
    assert tries > 100 and came == 0, "nobody slipped in"
    assert "it takes its place" in sluice.logged()
    assert sluice.connections() == 5 and sluice.json("status")["drift"] == 0
    h("open", 1)
    time.sleep(0.5)
    assert h("count")["greeted"] == 5, "full as before"
    assert [(b["source"], b["reason"]) for b in sluice.json("bans")] == [("10.77.0.9", "stays")]
    assert refused(lambda *w: net.run(net.server, BUILD / "sluicectl", "-i", sluice.instance, "--json", *w)) >= counted
    assert not os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}~old")
    h("close", 5)
    assert wait_for(lambda: sluice.connections() == net.established())
    print(f"\n{tries} knocks of a banned source while the kernel side was exchanged, {came} came")


def test_takeover_that_is_cut_short_is_finished_by_the_next_start(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    sluice.do("ban", "10.77.0.9")
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5)
    sluice.kill()
    age(net, sluice)
    argv = [BUILD / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
    old = f"/sys/fs/bpf/sluice/{sluice.instance}~old"
    for pause in (0, 0.2, 1, 3):
        daemon = net.popen(net.server, *argv, stderr=sluice.log, env={**os.environ, "STATE_DIRECTORY": str(sluice.state)})
        wait_for(lambda: os.path.exists(old) or daemon.poll() is not None, 10, 0.001)
        time.sleep(pause)
        daemon.send_signal(signal.SIGKILL), daemon.wait()
        assert gate_of(net)[0], "something always judges"
    sluice.start()
    assert sluice.connections() == 5 and sluice.json("status")["drift"] == 0 and not os.path.exists(old)
    assert [b["source"] for b in sluice.json("bans")] == ["10.77.0.9"]
    assert [i["xdp_mode"] for i in sluice.json("status")["interfaces"]] != ["detached"]
