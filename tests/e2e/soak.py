#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a day's worth of load in minutes: sessions that end in every way, and around them bans, reloads, swaps of the country table, floods and
kill -9. It prints a line of figures once a minute and at the end, and fails if memory grows or a counter is wrong. SOAK_MINUTES says how long it
runs; `make soak` calls it."""
import collections, itertools, json, os, pathlib, random, signal, sys, tempfile, time

import tools
from load import Load
from net import SERVER6, Net, Sluice, sh

MINUTES = float(os.environ.get("SOAK_MINUTES", 20))
WARM = min(3, MINUTES / 4)  # minutes after which everything has been used once
GROWTH = 1.1  # how much memory may grow from then on, as a factor
POLICY = """geoip {{ database = {{countries.csv}} }}
syn-flood {{ pressure-syn-rate = 1000/1s calm-after = 2s }}
service smtp {{ ports = {{25}} max-connections-per-source = 10 on-excess = reset deny-countries = {{{}}} }}
service imap {{ ports = {{143}} max-connections-per-source = {} }}
"""


class Day:
    def __init__(self, net, sluice, directory):
        self.net, self.sluice, self.directory = net, sluice, pathlib.Path(directory)
        self.dice, self.done, self.flood = random.Random(24), collections.Counter(), None

    def ban(self):
        self.sluice.do("ban", f"198.51.100.{self.dice.randrange(250)}", "--for", f"{self.dice.randrange(1, 30)}s")

    def unban(self):
        for ban in self.sluice.json("bans")[:3]:
            self.sluice.ctl("unban", ban["source"])  # may fail, since the ban may end by itself meanwhile

    def reload(self):
        self.sluice.write(POLICY.format(self.dice.choice(["FR", "IT", "FR, IT"]), self.dice.randrange(20, 90)))
        self.sluice.do("reload")

    def swap(self):
        countries_write(self.directory, self.dice.randrange(2, 200))
        self.sluice.do("geo", "update", "--force")

    def set(self):
        self.sluice.do("set", "service", "imap", "max-connections", self.dice.randrange(100, 900), "--for", "2s")

    def look(self):
        for words in (["status"], ["counters"], ["sources", "--top", 5], ["suggest"], ["explain", "10.77.0.2", "--service", "smtp"]):
            self.sluice.do(*words)

    def flood_begins(self):
        if not self.flood:
            kind = self.dice.choice(["syn", "syn", "ack", "mix"])
            self.flood = tools.forge(self.net, 25, "10.77.3.1+200", kind, 10**9, "-r", 5000)

    def flood_ends(self):
        if self.flood:
            self.flood.process.kill()
            self.flood.process.wait()
        self.flood = None

    def kill(self):
        self.sluice.kill(self.dice.choice([signal.SIGKILL, signal.SIGTERM]))
        self.sluice.start()

    def act(self):
        what = self.dice.choices(
            [self.ban, self.unban, self.reload, self.swap, self.set, self.look, self.flood_begins, self.flood_ends, self.kill],
            [8, 3, 5, 3, 5, 5, 2, 4, 1],
        )[0]
        what()
        self.done[what.__name__] += 1


def countries_write(directory, count):
    lines = [f"192.0.{i}.0,192.0.{i}.255,{'FR' if i % 2 else 'IT'}" for i in range(count)]
    (pathlib.Path(directory) / "countries.csv").write_text("\n".join(lines + ["10.77.0.0/16,DE"]) + "\n")


def memory(sluice):
    """Returns the bytes of the daemon, and of this instance's maps as the kernel reports them."""
    status = pathlib.Path(f"/proc/{sluice.daemon.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0]) * 1024
    pins = {f"/sys/fs/bpf/sluice/{sluice.instance}/{f}" for f in os.listdir(f"/sys/fs/bpf/sluice/{sluice.instance}")}
    maps = json.loads(sh("bpftool", "-j", "-f", "map", "show").stdout)
    return resident, sum(m["bytes_memlock"] for m in maps if set(m.get("pinned", [])) & pins)


def line(minute, load, sluice):
    resident, maps = memory(sluice)
    status = sluice.json("status")
    print(f"{minute:7.1f} {load.sessions:9} {resident / 1e6:8.1f} {maps / 1e6:8.1f} {len(os.listdir(f'/proc/{sluice.daemon.pid}/fd')):4} "
          f"{status['sources_tracked']:8} {status['drift']:6} {status['healed']:7}", flush=True)
    return resident, maps


def run(net, sluice, directory):
    load, day = Load(net, sluice), Day(net, sluice, directory)
    six, _ = tools.hold(net, SERVER6, 25, 10, tools.source6(5))
    print(f"{'minute':>7} {'sessions':>9} {'RSS MB':>8} {'maps MB':>8} {'fds':>4} {'sources':>8} {'drift':>6} {'healed':>7}")
    began, warm, marks = time.monotonic(), None, itertools.count(1)
    mark = next(marks)
    while (now := (time.monotonic() - began) / 60) < MINUTES:
        day.act()
        time.sleep(0.1)
        if now >= mark:
            figures = line(now, load, sluice)
            warm = warm or (now >= WARM and figures)
            mark = next(marks)
    day.flood_ends()
    assert six.ask("count")["connected"] == 10
    six.finish()
    load.orphans = 50  # forged segments may end a client without its server
    load.judge()
    resident, maps = line(now, load, sluice)
    print(dict(day.done), f"{load.sessions} sessions: 20 of 20 connections held, counters equal sockets, drift 0")
    assert not warm or resident < warm[0] * GROWTH, f"the daemon grew from {warm[0]} to {resident} bytes"
    assert not warm or maps < warm[1] * GROWTH, f"the maps grew from {warm[1]} to {maps} bytes"


def main():
    net = Net()
    sluice = None
    try:
        with tempfile.TemporaryDirectory() as directory:
            countries_write(directory, 100)
            sluice = Sluice(net, directory, POLICY.format("FR", 50))
            run(net, sluice, directory)
    finally:
        if sluice:
            sluice.close()
        net.close()


if __name__ == "__main__":
    sys.exit(main())
