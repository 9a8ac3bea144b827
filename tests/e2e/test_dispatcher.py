# SPDX-License-Identifier: BSD-2-Clause
"""libxdp's dispatcher runs other XDP programs before and after sluice on the same interface."""
import json, os, re, signal

import pytest

from net import BUILD, SERVER, Net, Sluice, needs, sh, wait_for
from test_upgrade import ABI, KNOCK, PROGRAMS, age, gate_of, ids, remaining

TWO = "service smtp { ports = {25} max-connections-per-source = 2 on-excess = reset }\n"
PLAIN = TWO.replace("on-excess = reset ", "")


class Neighbours:
    """The programs of tests/lib/seen.bpf.c on the server's interface."""

    def __init__(self, net, mode):
        self.net, self.mode = net, mode

    def load(self, name, interface="s0"):
        self.net.run(self.net.server, "xdp-loader", "load", "-m", self.mode, "-n", name, interface, BUILD / "tests/lib/seen.bpf.o")

    def status(self):
        return self.net.run(self.net.server, "xdp-loader", "status", "s0").stdout

    def shares(self):
        return "xdp_dispatcher" in self.status()

    def programs(self):
        """Returns [(name, id)] of the programs that the dispatcher runs, in their order."""
        return re.findall(r"^ => +\d+ +(\w+) +(\d+)", self.status(), re.M)

    def names(self):
        return [name for name, _ in self.programs()]

    def seen(self, name):
        program = json.loads(sh("bpftool", "-j", "prog", "show", "id", dict(self.programs())[name]).stdout)
        dump = json.loads(sh("bpftool", "-j", "map", "dump", "id", program["map_ids"][0]).stdout)
        return dump[0]["formatted"]["value"]

    def received(self):
        """Returns how many packets came in on the interface, whichever programs saw them."""
        link = json.loads(self.net.run(self.net.server, "ip", "-j", "-s", "link", "show", "s0").stdout)[0]
        return link["stats64"]["rx"]["packets"]

    def missed(self, name):
        """Returns how many more packets have come in than `name` has seen, at a moment when none comes in."""
        while True:
            received, seen = self.received(), self.seen(name)
            if received == self.received():
                return received - seen

    def unload_all(self):
        self.net.run(self.net.server, "xdp-loader", "unload", "s0", "--all")


@pytest.fixture(params=["native", "skb"])
def shared(request, tmp_path):
    """Yields (net, neighbours, start): an interface on which `before` runs already. start(policy) -> sluice."""
    net, made = Net(), []
    try:
        neighbours = Neighbours(net, request.param)
        neighbours.load("before")
        needs(neighbours.shares(), "this kernel cannot share an interface: no BPF trampolines")

        def start(policy):
            made.append(Sluice(net, tmp_path, policy))
            return made[0]

        yield net, neighbours, start
        for sluice in made:
            sluice.close()
    finally:
        net.close()


def ping(net):
    return net.run(net.client, "ping", "-c", "1", "-W", "5", SERVER, check=False).returncode == 0


def only_two_get_in(net):
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(2) and h.settle()["greeted"] == 2
    assert net.established() == 2
    h.process.stdin.close()
    h.process.wait()
    assert wait_for(lambda: net.established() == 0)


def test_programs_before_and_after_sluice_see_packets_and_stay_when_it_goes(shared):
    net, neighbours, start = shared
    sluice = start(TWO)
    net.serve("::", 25)
    assert neighbours.names() == ["before", "sluice_gate"]
    neighbours.load("after")
    assert neighbours.names() == ["before", "sluice_gate", "after"]
    mode = {"native": "native", "skb": "generic"}[neighbours.mode]
    assert sluice.json("status")["interfaces"][0]["xdp_mode"] == mode

    only_two_get_in(net)
    assert sluice.reason("source-connections") >= 3
    before, after = neighbours.seen("before"), neighbours.seen("after")
    assert before >= after + 3 and after > 0, "a program after sluice sees what sluice passes"
    assert ping(net)
    assert neighbours.seen("before") > before and neighbours.seen("after") > after
    sluice.do("ban", "10.77.0.3")
    assert sluice.json("explain", "10.77.0.3", "--service", "smtp")["reason"] == "banned", "though its own gate cannot be test-run"

    sluice.do("unload")
    assert neighbours.names() == ["before", "after"]
    seen = neighbours.seen("after")
    assert ping(net) and neighbours.seen("after") > seen
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5), "no limit holds any more"


def test_a_daemon_that_was_killed_finds_its_gate_among_the_others(shared):
    net, neighbours, start = shared
    sluice = start(TWO)
    net.serve("::", 25)
    neighbours.load("after")
    gate = dict(neighbours.programs())["sluice_gate"]
    sluice.kill()
    only_two_get_in(net)
    sluice.start()
    sluice.kill()
    os.unlink(f"/sys/fs/bpf/sluice/{sluice.instance}/gate@s0")  # as if it had been killed after it attached the gate and before it pinned it
    sluice.start()
    assert dict(neighbours.programs())["sluice_gate"] == gate and neighbours.names() == ["before", "sluice_gate", "after"]
    sluice.write(TWO.replace("= 2", "= 1"))
    sluice.do("reload")
    h = net.hold("10.77.0.2")
    h("open", 3)
    assert h.greeted(1) and h.settle()["greeted"] == 1


def test_another_abi_is_taken_over_among_the_others_and_they_miss_no_packet(shared):
    net, neighbours, start = shared
    sluice = start(PLAIN)
    net.serve("::", 25)
    neighbours.load("after")
    h = net.hold("10.77.0.2")
    h("open", 3)
    assert h.greeted(2)
    sluice.do("ban", "10.77.0.9", "--for", "1h", "--reason", "stays")
    refused = sluice.reason("source-connections")
    sluice.kill()
    age(net, sluice, ABI)
    (sluice.state / f"{sluice.instance}.state").unlink(missing_ok=True)
    old, missed, passed = dict(neighbours.programs()), neighbours.missed("before"), neighbours.seen("after")
    programs = ids(net, sluice, "prog")
    knock = net.popen(net.client, "/usr/bin/python3", "-c", KNOCK)
    pings = net.popen(net.client, "ping", "-q", "-i", "0.02", SERVER)
    assert wait_for(lambda: neighbours.seen("after") > passed)
    sluice.start()
    pings.send_signal(signal.SIGINT)
    sent, answered = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", pings.communicate()[0]).groups())
    tries, came = map(int, knock.communicate("\n")[0].split())

    new = dict(neighbours.programs())
    assert neighbours.names() == ["before", "sluice_gate", "after"], "the new gate is where the old one was"
    assert new["sluice_gate"] != old["sluice_gate"] and [new[n] == old[n] for n in ("before", "after")] == [True, True]
    assert tries > 100 and came == 0, "nobody slipped in"
    assert sent > 10 and answered >= sent - 1, "the last answer may still be on its way"
    assert neighbours.missed("before") == missed, "it saw every packet that came in"
    assert neighbours.seen("after") - passed >= answered
    assert "replaces it" in sluice.logged()
    assert wait_for(lambda: not remaining(net, programs)), f"{remaining(net, programs)}: these and their tables are still in memory"
    assert sluice.connections() == 2 and sluice.json("status")["drift"] == 0
    h("open", 1)
    assert h.settle()["greeted"] == 2, "full as before"
    assert [(b["source"], b["reason"]) for b in sluice.json("bans")] == [("10.77.0.9", "stays")]
    assert sluice.reason("source-connections") > refused
    h("close", 2)
    assert wait_for(lambda: sluice.connections() == net.established())
    print(f"\n{tries} knocks of a banned source, {came} came; {sent} pings, {answered} answered")


@pytest.mark.parametrize("word", (ABI, PROGRAMS), ids=("abi", "programs"))
def test_takeover_among_the_others_that_is_cut_short_leaves_one_gate(shared, word):
    net, neighbours, start = shared
    sluice = start(PLAIN)
    net.serve("::", 25)
    neighbours.load("after")
    sluice.kill()
    age(net, sluice, word)
    gates, before = lambda: neighbours.names().count("sluice_gate"), gate_of(net)[0]
    daemon = sluice.popen()
    assert wait_for(lambda: gate_of(net)[0] != before, 60, 0.001), "another dispatcher is attached"
    daemon.kill()
    daemon.wait()
    assert gates() in (1, 2), "the old one, the new one or both judge"
    sluice.start()
    assert neighbours.names() == ["before", "sluice_gate", "after"]
    only_two_get_in(net)


def test_when_somebody_unloads_all_status_says_so_and_a_reload_guards_again(shared):
    net, neighbours, start = shared
    sluice = start(TWO)
    net.serve("::", 25)
    neighbours.unload_all()
    assert sluice.json("status")["interfaces"][0]["xdp_mode"] == "detached"
    sluice.do("reload")
    assert sluice.json("status")["interfaces"][0]["xdp_mode"] != "detached"
    only_two_get_in(net)


@pytest.mark.parametrize("shared", ["native"], indirect=True)
def test_a_gate_that_is_nowhere_is_searched_for_among_many_dispatchers_without_a_leak(shared):
    """libxdp 1.3.1 leaks a descriptor each time that it looks at an interface. A gate whose interface is away is searched for at all others."""
    net, neighbours, start = shared
    for i in range(18):
        net.run(net.server, "ip", "link", "add", f"x{i}", "type", "veth", "peer", f"y{i}")
        neighbours.load("before", f"x{i}")
    net.run(net.server, "ip", "link", "add", "s1", "type", "veth", "peer", "p1")
    sluice = start(TWO)
    sluice.file.write_text(sluice.file.read_text().replace("{s0}", "{s0, s1}"))
    sluice.do("reload")
    net.run(net.server, "ip", "link", "del", "s1")
    modes = lambda: {i["name"]: i["xdp_mode"] for i in sluice.json("status")["interfaces"]}
    assert wait_for(lambda: modes() == {"s0": "native", "s1": "detached"}), modes()
    opened = len(os.listdir(f"/proc/{sluice.daemon.pid}/fd"))
    for _ in range(3):
        assert modes()["s1"] == "detached"
    assert len(os.listdir(f"/proc/{sluice.daemon.pid}/fd")) <= opened


def test_a_program_that_cannot_share_is_named_and_left_in_place(tmp_path):
    net = Net()
    try:
        net.run(net.server, "ip", "link", "set", "s0", "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
        file = tmp_path / "sluice.conf"
        file.write_text("interfaces = {s0}\n" + TWO)
        done = net.run(net.server, BUILD / "sluiced", "-c", file, "-i", net.tag, check=False)
        assert done.returncode == 1
        assert "s0: another XDP program is attached" in done.stderr and "ip link set dev s0 xdp off" in done.stderr, done.stderr
        assert "generic" not in done.stderr, "generic mode is not offered, since it would not help"
        assert "xdp" in net.run(net.server, "ip", "link", "show", "s0").stdout
        net.run(net.server, BUILD / "sluicectl", "-i", net.tag, "unload", check=False)
    finally:
        net.close()
