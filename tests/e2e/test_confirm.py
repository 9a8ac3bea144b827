# SPDX-License-Identifier: BSD-2-Clause
"""Confirm or revert: a policy that locks everybody out ends by itself, even if the daemon is dead by then. And a gate that was stopped opens."""
import json, os, re, signal, struct, time

import pytest

from net import BUILD, PACE, SERVER, SERVER6, wait_for
from test_metrics import metrics

OPEN = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
EVERYBODY = "source-set everybody { prefixes = {0.0.0.0/0, ::/0} action = deny }\n"
CLOSED = "interfaces = {s0}\nservice smtp { ports = {25} }\nservice admin { ports = {2222} }\n" + EVERYBODY

# Tries a connection every 3 ms, gives each 40 ms, and prints when each began and whether it got in.
PROBE = """
import select, socket, sys, time
end, tries = time.monotonic() + float(sys.argv[1]), []
while time.monotonic() < end:
    s = socket.socket()
    s.setblocking(False)
    s.bind(("10.77.0.2", 0))
    s.connect_ex(("10.77.0.1", 25))
    tries.append([s, time.monotonic(), False])
    time.sleep(0.003)
    for t in tries[-14:]:
        t[2] = t[2] or (t[0].fileno() >= 0 and bool(select.select([], [t[0]], [], 0)[1]) and not t[0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        if t[2] or time.monotonic() - t[1] > 0.04:
            t[0].close()
for s, began, came in tries:
    print(began, int(came))
"""


def deadline_of(sluice):
    """Returns when the gate goes back, on CLOCK_MONOTONIC, from the map where the gate reads it."""
    out = sluice.net.run(sluice.net.server, "bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/sluice/{sluice.instance}/control")
    value = json.loads(out.stdout)[0]["value"]
    return (struct.unpack("<Q", bytes(int(b, 16) for b in value[:8]))[0] & ~1) / 1e9


@pytest.fixture
def closed(tmp_path):
    path = tmp_path / "closed.conf"
    path.write_text(CLOSED)
    return path


def opens(net, source="10.77.0.2", target=SERVER, port=25):
    """Whether one more connection gets in."""
    h = net.hold(source, target, port)
    h("open", 1)
    got = h.greeted(1, 0.6)
    h("close", 1)
    return bool(got)


def test_old_policy_is_back_at_the_deadline_with_daemon_and_socket_gone(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 25)
    assert opens(net)
    code, said, warned = sluice.ctl("apply", closed, "--confirm", f"{3 * PACE}s")
    assert code == 0 and re.search(r"goes back in [0-9]+[sm] unless you run: sluicectl confirm", said) and "awaits" not in warned, "sluicectl does not warn of what it was asked for"
    deadline = deadline_of(sluice)
    probe = net.popen(net.client, "/usr/bin/python3", "-c", PROBE, str(4 * PACE))
    sluice.kill()
    os.unlink(f"/run/sluice/{sluice.instance}.sock")
    tries = [line.split() for line in probe.communicate(timeout=30 * PACE)[0].splitlines()]
    before = [t for t in tries if float(t[0]) < deadline]
    came = [float(t[0]) for t in tries if t[1] == "1"]
    assert len(before) > 200 and not any(t[1] == "1" for t in before), "nobody gets in before the deadline"
    assert came, "somebody gets in after it"
    print(f"\n{len(before)} tries refused; the first that got in began {(came[0] - deadline) * 1e3:.1f} ms after the deadline")
    code, out, _ = sluice.ctl("--json", "status")
    status = json.loads(out)
    assert code == 3 and status["generation"] == 1 and status["confirm"] == {"state": "reverted", "policy": str(closed)}
    h = net.hold("10.77.0.3")
    h("open", 8)
    assert h.settle()["greeted"] == 5, "the earlier limits hold"
    assert json.loads(sluice.ctl("--json", "status")[1])["services"][0]["connections"] >= 5, "connections count under them"


def test_confirmed_policy_stays(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 25)
    sluice.do("apply", closed, "--confirm", f"{2 * PACE}s")
    awaited = sluice.json("status")["confirm"]
    assert awaited["state"] == "awaited" and PACE / 2 < awaited["seconds"] <= 2 * PACE and awaited["policy"] == str(closed)
    assert metrics(net)["sluice_policy_unconfirmed"] == 1
    assert "sluicectl confirm" in sluice.do("status")
    sluice.do("confirm")
    time.sleep(2.1 * PACE)
    assert not opens(net)
    assert sluice.json("status")["confirm"] is None and metrics(net)["sluice_policy_reverts_total"] == 0
    code, _, err = sluice.ctl("confirm")
    assert code == 1 and "no policy awaits a confirmation" in err


def test_running_daemon_follows_the_kernel_and_live_settings_are_back(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 25)
    sluice.do("set", "service", "smtp", "max-connections-per-source", "2")
    sluice.do("apply", closed, "--confirm", f"{PACE}s")
    for words in (("set", "service", "smtp", "max-connections", "9"), ("mode", "observe"), ("reload",), ("apply", closed, "--confirm", "9s")):
        code, _, err = sluice.ctl(*words)
        assert code == 1 and "awaits its confirmation" in err, words
    assert wait_for(lambda: (sluice.json("status")["confirm"] or {}).get("state") == "reverted")
    assert wait_for(lambda: sluice.service()["max_connections_per_source"] == 2)
    assert opens(net) and metrics(net)["sluice_policy_reverts_total"] == 1
    assert "closed.conf was not confirmed" in sluice.logged()
    assert "everybody" not in sluice.do("dump")
    sluice.do("mode", "observe")
    assert sluice.json("status")["confirm"] is None, "the next change ended the notice"


def test_revert_restores_the_old_policy_at_once(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 25)
    sluice.do("apply", closed, "--confirm", "1h")
    assert not opens(net)
    assert "is in force again" in sluice.do("revert")
    assert opens(net)
    code, _, err = sluice.ctl("revert")
    assert code == 1 and "nothing to revert" in err


def test_ssh_peer_of_the_session_is_shielded_while_the_confirmation_is_awaited(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 2222)
    ctl = [BUILD / "sluicectl", "-i", sluice.instance]
    env = {**os.environ, "SSH_CONNECTION": "10.77.0.4 50000 10.77.0.1 22"}
    net.run(net.server, *ctl, "apply", closed, "--confirm", "1h", env=env)
    assert [a["source"] for a in sluice.json("allows")] == ["10.77.0.4"]
    assert opens(net, "10.77.0.4", port=2222) and not opens(net, "10.77.0.5", port=2222)
    sluice.do("revert")
    assert sluice.json("allows") == []
    # As with sudo, the variable is gone, but an ancestor still has it.
    net.run(net.server, "sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh", *ctl, "apply", closed, "--confirm", "1h", env=env)
    assert [a["source"] for a in sluice.json("allows")] == ["10.77.0.4"]
    sluice.do("confirm")
    assert sluice.json("allows") == [] and not opens(net, "10.77.0.4", port=2222)


def test_network_itself_and_other_ports_work_under_a_policy_that_refuses_everybody(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 25), net.serve("::", 2525)
    sluice.do("apply", closed, "--confirm", "1h")
    net.run(net.server, "ip", "neigh", "flush", "all"), net.run(net.client, "ip", "neigh", "flush", "all")
    for target in (SERVER, SERVER6):
        net.run(net.client, "ping", "-c", "1", "-W", "5", target)
        source = "fd77:0:1::2" if ":" in target else "10.77.0.2"
        assert opens(net, source, target, 2525) and not opens(net, source, target, 25)
    assert "REACHABLE" in net.run(net.server, "ip", "neigh").stdout, "the neighbour was learned again"


def test_daemon_started_after_the_deadline_leaves_the_refused_file_alone(make):
    net, sluice = make(OPEN)
    net.serve("::", 25)
    sluice.file.write_text(CLOSED)
    sluice.do("apply", sluice.file, "--confirm", "1s")
    sluice.kill()
    assert wait_for(lambda: opens(net)), "the old policy is back by itself"
    for _ in range(2):  # the start after that one does the same
        sluice.start()
        assert opens(net) and sluice.json("status")["confirm"] == {"state": "reverted", "policy": str(sluice.file)}
        assert "until `sluicectl" in sluice.logged()
        code, _, err = sluice.ctl("mode", "observe")
        assert code == 1 and "sluicectl reload" in err
        sluice.kill()
    sluice.start()
    sluice.do("reload")
    assert not opens(net) and sluice.json("status")["confirm"] is None


def test_daemon_started_while_a_policy_awaits_confirmation_waits_too(make, closed):
    net, sluice = make(OPEN)
    net.serve("::", 25)
    sluice.do("apply", closed, "--confirm", f"{6 * PACE}s")
    sluice.kill()
    sluice.start()
    assert not opens(net) and sluice.json("status")["confirm"]["state"] == "awaited"
    assert wait_for(lambda: (sluice.json("status")["confirm"] or {}).get("state") != "awaited")
    assert wait_for(lambda: sluice.json("status")["generation"] == 3), "its own file is not the refused one, so it is in force as after each start"
    assert opens(net)
    sluice.do("apply", closed, "--confirm", "1h")
    sluice.kill()
    sluice.start()
    sluice.do("confirm")
    assert not opens(net) and sluice.json("status")["policy"] == str(closed) and sluice.json("status")["confirm"] is None


def test_daemon_started_during_a_trial_does_not_show_settings_as_in_force_that_are_not(make, closed):
    net, sluice = make(OPEN)
    sluice.do("set", "service", "smtp", "max-connections-per-source", "2")
    sluice.do("limit", "10.77.0.9", "max-connections-per-source", "1")
    sluice.do("apply", closed, "--confirm", "1h")
    sluice.kill()
    sluice.start()
    assert sluice.json("status")["live"] == [] and sluice.json("limits") == [] and "Set live" not in sluice.do("status")
    sluice.do("revert")
    assert len(sluice.json("status")["live"]) == 2 and len(sluice.json("limits")) == 1 and sluice.service()["max_connections_per_source"] == 2


def test_apply_that_fails_leaves_neither_deadline_nor_shield(make, tmp_path):
    net, sluice = make(OPEN)
    bad = tmp_path / "bad.conf"
    bad.write_text("interfaces = {nowhere0}\n" + OPEN)
    env = {**os.environ, "SSH_CONNECTION": "10.77.0.4 50000 10.77.0.1 22"}
    done = net.run(net.server, BUILD / "sluicectl", "-i", sluice.instance, "apply", bad, "--confirm", "1h", env=env, check=False)
    assert done.returncode == 1 and "nowhere0" in done.stderr
    assert sluice.json("allows") == [] and sluice.json("status")["confirm"] is None
    assert sluice.ctl("apply", bad, "--confirm", "soon")[0] == 2 and sluice.ctl("apply", bad, "--confirm", "2d")[0] == 2


def test_stopped_gate_enforces_for_the_grace_then_passes_everything(make):
    net, sluice = make(f"stop-grace = {3 * PACE}s\n" + OPEN)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5)
    sluice.kill(signal.SIGTERM)
    assert "keeps enforcing what is shown here for " in sluice.ctl("bans")[2]
    assert not opens(net), "within the grace the limit holds"
    assert wait_for(lambda: opens(net)), "then everything passes"
    for verb in ("bans", "sources", "allows", "counters"):
        assert "the kernel lets everything pass" in sluice.ctl(verb)[2], verb
    assert ("bad", "sluiced was stopped, and everything passes") in [(f["level"], f["finding"]) for f in sluice.json("doctor", sluice.file)]
    good = sluice.file.read_text()
    sluice.file.write_text(good + "service { }\n")
    argv = [BUILD / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
    assert "not started: everything passes until sluiced is" in net.run(net.server, *argv, check=False).stderr
    sluice.file.write_text(good)
    status = lambda: json.loads(sluice.ctl("--json", "status")[1])
    assert status()["stands_open"] and "gate        open" in sluice.ctl("status")[1]
    assert wait_for(lambda: status()["services"][0]["connections"] == net.established() >= 5), "and connections are counted"
    sluice.start()
    assert not opens(net) and not sluice.json("status")["stands_open"]


def test_restart_within_the_grace_is_seamless(make):
    net, sluice = make(f"stop-grace = {PACE}s\n" + OPEN)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5)
    sluice.kill(signal.SIGTERM)
    sluice.start()
    time.sleep(1.2 * PACE)
    assert not opens(net) and sluice.reason("stopped") == 0 and sluice.connections() == 5


def test_crashed_daemon_leaves_a_gate_that_goes_on_enforcing(make):
    net, sluice = make(f"stop-grace = {PACE}s\n" + OPEN)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5)
    sluice.kill(signal.SIGKILL)
    time.sleep(1.2 * PACE)
    assert not opens(net)
