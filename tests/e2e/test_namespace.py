# SPDX-License-Identifier: BSD-2-Clause
"""Pins belong to one network namespace: a start in another one does not take them over, and an unload there does not call them gone."""
import os, subprocess

from net import BUILD, sh, wait_for

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"


def started_elsewhere(sluice, ns):
    sluice.log.flush()
    argv = [BUILD / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{ns}", *map(str, argv)], stderr=sluice.log, env={**os.environ, "STATE_DIRECTORY": str(sluice.state)})


def counts(net, sluice):
    h = net.hold("10.77.0.2")
    h("open", 8)
    return h.settle()["greeted"] == 5 and sluice.connections() == 5


def test_a_start_in_another_namespace_takes_over_nothing_and_says_where_the_instance_is(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    sluice.kill()
    other = started_elsewhere(sluice, net.client)
    assert other.wait(30) == 1
    assert "another network namespace" in sluice.logged() and f"/run/netns/{net.server}" in sluice.logged()
    sluice.start()
    assert counts(net, sluice)


def test_an_unload_from_another_namespace_leaves_no_gate_behind_that_it_calls_gone(make):
    net, sluice = make(FIVE)
    net.serve("::", 25)
    sluice.kill()
    done = net.run(net.client, BUILD / "sluicectl", "-i", sluice.instance, "unload", check=False)
    assert done.returncode == 1 and "another network namespace" in done.stderr and f"/run/netns/{net.server}" in done.stderr
    assert os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}/control")
    done = net.run(net.client, BUILD / "sluicectl", "-i", sluice.instance, "status", check=False)
    assert done.returncode == 3 and "another network namespace" in done.stderr, "status fails, since what it says of interfaces means another namespace"
    sluice.start()
    assert counts(net, sluice), "the gate still works"
    sluice.kill()
    sluice.do("unload")
    assert "xdp" not in net.run(net.server, "ip", "link", "show", "s0").stdout


def test_the_next_start_removes_what_a_vanished_namespace_left(make):
    net, sluice = make(FIVE)
    sluice.do("ban", "192.0.2.1")
    sluice.kill()
    sh("ip", "netns", "del", net.server)
    sh("ip", "netns", "add", net.server)
    net.run(net.server, "ip", "link", "set", "lo", "up")
    assert wait_for(lambda: "c0" not in net.run(net.client, "ip", "link", "show").stdout), "the old namespace is gone"
    net.plug()
    net.serve("::", 25)
    sluice.start()
    assert counts(net, sluice)
    assert [b["source"] for b in sluice.json("bans")] == ["192.0.2.1"], "from the state file, as after a reboot"


def test_an_unload_works_on_what_a_vanished_namespace_left(make):
    net, sluice = make(FIVE)
    sluice.kill()
    sh("ip", "netns", "del", net.server)
    sh("ip", "netns", "add", net.server)
    assert wait_for(lambda: "c0" not in net.run(net.client, "ip", "link", "show").stdout)
    sluice.do("unload")
    assert not os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}")
