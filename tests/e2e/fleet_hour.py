# SPDX-License-Identifier: BSD-2-Clause
"""
Runs as many sessions, restarts and faults in minutes as an hour may bring. At the end nothing may be left of them anywhere. fleet_table.py
(`make fleet`) calls it, and so does test_fleet_faults.py, for a shorter time.
"""
import collections, random, signal, threading, time

import tools
from fleet_faults import policy
from net import PACE, wait_for

SOURCES = "10.77.0.2+8"
SESSIONS = 200  # sessions in one run of mix
CONCURRENT = 12  # sessions at once in each process of mix
FORGOTTEN = 200  # seconds: the store forgets after 180 s what a killed daemon had told it, if no other host asks for it
MOST_STARTS = 60  # seconds for all hosts to be in touch at the end


class Sessions:
    """Runs sessions against one host, with endings of all kinds, until stop(). `of` counts what became of them."""

    def __init__(self, hosts, number):
        self.hosts, self.number, self.of, self.over = hosts, number, collections.Counter(), False
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        net, seed = self.hosts.nets[self.number], self.number * 1000
        while not self.over:
            seed += 1
            mixer = tools.mix(net, net.address, 25, SESSIONS, SOURCES, "-S", seed, "-t", 700, "-p", 1, "-c", CONCURRENT)
            for ending in mixer.finish(120)["endings"].values():
                self.of.update(ending)

    def stop(self):
        self.over = True
        self.thread.join()


class Hour:
    """Provokes one fault after another meanwhile. Each is over before the next begins."""

    def __init__(self, hosts, restarts, seed=19):
        self.hosts, self.dice, self.done = hosts, random.Random(seed), collections.Counter()
        self.kinds = [self.store_killed, self.store_stands_still, self.store_emptied, self.host_cut_off, self.calm]
        self.kinds += [self.host_killed, self.policy_changed] if restarts else []

    def any_host(self):
        return self.dice.randrange(len(self.hosts.sluices))

    def host_killed(self):
        sluice = self.hosts.sluices[self.any_host()]
        sluice.kill(self.dice.choice([signal.SIGKILL, signal.SIGTERM]))
        time.sleep(self.dice.random() * 2)
        sluice.start()

    def store_killed(self):
        self.hosts.signal_store(signal.SIGKILL)
        time.sleep(self.dice.random() * 2)
        self.hosts.start_store()

    def store_stands_still(self):
        self.hosts.signal_store(signal.SIGSTOP)
        time.sleep(self.dice.random() * 3)
        self.hosts.signal_store(signal.SIGCONT)

    def store_emptied(self):
        self.hosts.redis_cli("flushall")

    def host_cut_off(self):
        port = f"q{self.any_host()}"
        self.hosts.link(port, "down")
        time.sleep(self.dice.random() * 4)
        self.hosts.link(port, "up")

    def policy_changed(self):
        number = self.any_host()
        text = policy(self.dice.choice(["local", "share", "closed"]), self.dice.random() < 0.5)
        self.hosts.sluices[number].write(self.hosts.policy_of(number, text))
        self.hosts.sluices[number].do("reload")

    def calm(self):
        time.sleep(1)

    def act(self):
        what = self.dice.choice(self.kinds)
        what()
        self.done[what.__name__] += 1


def leases(hosts):
    """Returns how many keys of limits each host's daemon remembers."""
    return [s["keys"] for s in map(hosts.status, range(len(hosts.sluices)))]


def nothing_left(hosts, seconds):
    """Waits until all that was held is given back: in each kernel, in each sluiced and, for at most so many seconds, in the store."""
    hosts.together(MOST_STARTS, settled=False)
    assert wait_for(lambda: sum(hosts.held()) == 0, 30), hosts.held()
    for sluice in hosts.sluices:
        assert wait_for(lambda: (s := sluice.service())["connections"] == s["reserved"] == 0, 40), sluice.service()
        assert sluice.json("status")["drift"] == 0
        assert wait_for(lambda: not sluice.json("sources") or all(s["connections"] == 0 for s in sluice.json("sources")), 20), sluice.json("sources")
    assert wait_for(lambda: hosts.records() == 0 and not any(leases(hosts)), seconds), (hosts.records(), leases(hosts), hosts.redis_cli("--scan"))


def run(hosts, seconds, restarts=True):
    """Returns (sessions by outcome, how often each fault was provoked)."""
    hosts.serve()
    load, hour = [Sessions(hosts, n) for n in range(len(hosts.nets))], Hour(hosts, restarts)
    try:
        end = time.monotonic() + seconds * PACE
        while time.monotonic() < end:
            hour.act()
    finally:
        for sessions in load:
            sessions.stop()
    nothing_left(hosts, FORGOTTEN if restarts else 40)
    return sum((sessions.of for sessions in load), collections.Counter()), hour.done
