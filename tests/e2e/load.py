# SPDX-License-Identifier: BSD-2-Clause
"""Traffic, and operators' orders, that go on while something goes wrong, and what must be true afterwards. test_faults.py and soak.py use it."""
import random, threading

import tools
from net import SERVER, wait_for

PORTS = {"smtp": 25, "imap": 143}


def policy(imap=50):
    """Returns a policy with `interfaces` last, so that it is no policy if it is cut off anywhere. pop's limit shows whether it is whole."""
    return ("service smtp { ports = {25} max-connections-per-source = 10 on-excess = reset }\n"
            f"service imap {{ ports = {{143}} max-connections-per-source = {imap} }}\n"
            f"service pop {{ ports = {{110}} max-connections-per-source = {imap + 1} }}\ngeoip {{ count-countries = false }} interfaces = {{s0}}\n")


def imap_limit(status):
    """Returns imap's limit, from a status whose policy must be whole."""
    limits = {s["name"]: s["max_connections_per_source"] for s in status["services"]}
    assert limits == {"smtp": 10, "imap": limits["imap"], "pop": limits["imap"] + 1}, limits
    return limits["imap"]


class Load:
    """Ten connections that stay and fill their limit, and around them sessions that end in every way, until judge()."""

    def __init__(self, net, sluice):
        self.net, self.sluice, self.sessions, self.over = net, sluice, 0, False
        self.orphans = 0  # connections that may be left, and counted, because their clients ended without a word to the server
        tools.any_source(net)
        for port in PORTS.values():
            tools.serve(net, port)
        self.held, first = tools.hold(net, SERVER, 25, 10, "10.77.0.2")
        assert first["greeted"] == 10
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        while not self.over:
            for port in PORTS.values():
                mixer = tools.mix(self.net, SERVER, port, 150, f"{tools.source(self.sessions % 9000)}+60", "-S", self.sessions, "-t", 500)
                self.sessions += sum(of["attempted"] for of in mixer.finish(60)["endings"].values())

    def stop(self):
        self.over = True
        self.thread.join()

    def counted(self):
        """Whether only the ten are left, and the counters agree with the sockets."""
        left = {name: self.net.established(port) for name, port in PORTS.items()}
        return all(left[n] == self.sluice.connections(n) for n in PORTS) and 10 <= left["smtp"] and sum(left.values()) <= 10 + self.orphans

    def judge(self):
        self.stop()
        assert self.held.ask("count")["connected"] == 10, "the ten connections still stand"
        assert self.held.ask("open 5")["connected"] == 10, "the limit holds"
        assert wait_for(self.counted), (self.net.established(25), self.sluice.json("status"))
        assert wait_for(lambda: self.sluice.service()["reserved"] == 0)
        assert self.sluice.json("status")["drift"] == 0
        assert self.sessions > 0


class Operators(threading.Thread):
    """Gives one order after another that an operator can give, and remembers which bans were answered with "done"."""

    def __init__(self, sluice, files, banned=()):
        super().__init__(daemon=True)
        self.sluice, self.files, self.chance = sluice, files, random.Random(7)
        self.banned, self.doubtful, self.said, self.over = set(banned), set(), 0, False

    def ban(self):
        source = f"192.0.2.{self.chance.randrange(1, 255)}"
        verb = self.chance.choice(["ban", "unban"]) if source in self.banned else "ban"
        self.banned.discard(source), self.doubtful.add(source)
        if self.sluice.ctl(verb, source)[0] == 0:
            self.doubtful.discard(source)
            if verb == "ban":
                self.banned.add(source)

    def run(self):
        while not self.over:
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

    def stop(self):
        self.over = True
        self.join(60)
        assert not self.is_alive()
