# SPDX-License-Identifier: BSD-2-Clause
"""The daemon is killed again and again, at any moment of what it does, while connections come and go. SLUICE_KILLS says how often."""
import json, os, random, threading, time

from net import SERVER, wait_for

POLICY = "service smtp {{ ports = {{25}} max-connections-per-source = {0} }}\nservice imap {{ ports = {{143}} max-connections-per-source = {0}0 }}\n"
KILLS = int(os.environ.get("SLUICE_KILLS", 20))


class Operators(threading.Thread):
    """Says whatever an operator can say, one thing after another; remembers which bans were answered with "done"."""

    def __init__(self, sluice, files):
        super().__init__(daemon=True)
        self.sluice, self.files, self.chance = sluice, files, random.Random(7)
        self.banned, self.doubtful, self.said, self.stop = set(), set(), 0, False

    def ban(self):
        source = f"192.0.2.{self.chance.randrange(1, 255)}"
        verb = self.chance.choice(["ban", "unban"]) if source in self.banned else "ban"
        self.banned.discard(source), self.doubtful.add(source)
        if self.sluice.ctl(verb, source)[0] == 0:
            self.doubtful.discard(source)
            if verb == "ban":
                self.banned.add(source)

    def run(self):
        while not self.stop:
            what = self.chance.randrange(6)
            if what < 3:
                self.ban()
            elif what == 3:
                self.sluice.ctl("apply", self.chance.choice(self.files), "--confirm", "1s")
            elif what == 4:
                self.sluice.ctl(self.chance.choice(["confirm", "revert", "reload"]))
            else:
                self.sluice.ctl("apply", self.chance.choice(self.files))
            self.said += 1


class Clients(threading.Thread):
    """Opens and ends connections of a few sources, without a pause."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.holders, self.stop = [net.hold(f"10.77.0.{i}", SERVER, port) for i in (2, 3) for port in (25, 143)], False

    def run(self):
        chance = random.Random(8)
        while not self.stop:
            h = chance.choice(self.holders)
            h("open", chance.randrange(1, 4)), h("count")
            time.sleep(0.02)
            h("close", chance.randrange(1, 5))


def whole(status):
    """Every limit is of the same policy."""
    limits = {s["name"]: s["max_connections_per_source"] for s in status["services"]}
    return limits["imap"] == 10 * limits["smtp"] and limits["smtp"] in (5, 3)


def test_daemon_killed_at_any_moment_loses_nothing(make, tmp_path):
    net, sluice = make(POLICY.format(5))
    for port in (25, 143):
        net.serve("::", port)
    other = tmp_path / "other.conf"
    other.write_text("interfaces = {s0}\n" + POLICY.format(3))
    operators, clients = Operators(sluice, [sluice.file, other]), Clients(net)
    operators.start(), clients.start()
    chance, early = random.Random(9), 0
    for _ in range(KILLS):
        time.sleep(chance.random() * 0.5)
        sluice.kill()
        assert whole(json.loads(sluice.ctl("--json", "status")[1])), "no half policy is in force while nobody is there"
        while chance.random() < 0.3:  # also in the middle of a start
            daemon = sluice.popen()
            time.sleep(chance.random() * 0.4)
            daemon.kill(), daemon.wait()
            early += 1
        sluice.start()
    operators.stop = clients.stop = True
    operators.join(60), clients.join(60)
    assert not operators.is_alive() and not clients.is_alive()
    sluice.ctl("revert"), sluice.do("reload")
    bans = {b["source"] for b in sluice.json("bans")}
    assert operators.banned <= bans <= operators.banned | operators.doubtful
    assert whole(sluice.json("status")) and sluice.service()["max_connections_per_source"] == 5
    for h in clients.holders:
        h("close", 1000)
    assert wait_for(lambda: sluice.json("status")["drift"] == 0 and sluice.connections() == net.established() and sluice.connections("imap") == net.established(143), 30)
    sluice.kill()
    sluice.do("unload")
    sluice.start()
    assert operators.banned <= {b["source"] for b in sluice.json("bans")}, "and the file has them, too"
    assert not [name for name in os.listdir(sluice.state) if name.endswith(".torn")]
    print(f"\n{KILLS} kills, {early} more while it started, {operators.said} things said meanwhile, {len(operators.banned)} bans kept")
