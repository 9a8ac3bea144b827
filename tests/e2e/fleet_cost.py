# SPDX-License-Identifier: BSD-2-Clause
"""
What a fleet costs a real host: the gate with and without it, in one run, and sluiced, sluice-fleet and the store for each row that they exchange
under real TCP. Two tables of docs/fleet.md; called by fleet_table.py (`make fleet`).
"""
import collections, json, os, pathlib, statistics, threading, time

import tools
from fleet_load import wire
from net import BUILD, processor_seconds, sh

REPEAT, RUNS = 200000, 3  # packets of a figure; runs of each kind
SHOWN = ("established", "refused by its limit", "SYN again", "admitted: socket lookup")  # how the names of these stages begin
SECONDS, WARM = 15, 4
SOURCES = "10.77.0.2+8"
SESSIONS = 2000  # of one run of mix
Gate = collections.namedtuple("Gate", "name plain fleet ratio")
Daemon = collections.namedtuple("Daemon", "rows sessions daemon daemon_us helper helper_us store store_us wire")


def stages(*more):
    """{stage: ns}"""
    got = json.loads(sh(BUILD / "tests/datapath/bench_stages", REPEAT, *more).stdout)
    return {s["name"]: statistics.median(s["ns"]) for s in got["stages"]}


def gate():
    """One after the other, by turns: [Gate], medians."""
    runs = [(stages(), stages("fleet")) for _ in range(RUNS)]
    names = [n for shown in SHOWN for n in runs[0][0] if n.startswith(shown)]
    return [Gate(n, *(statistics.median(r[i][n] for r in runs) for i in (0, 1)), statistics.median(r[1][n] / r[0][n] for r in runs)) for n in names]


class Churn:
    """Connections to one host, as fast as they come and go, until stop()."""

    def __init__(self, hosts, number):
        self.net, self.seed, self.done, self.over = hosts.nets[number], number * 100000, 0, False
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        while not self.over:
            self.seed += 1
            mixer = tools.mix(self.net, self.net.address, 25, SESSIONS, SOURCES, "-S", self.seed, "-t", 500, "-p", 1, "-c", 24, "-e", "client-rst")
            self.done += sum(e["done"] for e in mixer.finish(120)["endings"].values())

    def stop(self):
        self.over = True
        self.thread.join()


def helper_of(sluice):
    """The process that speaks to the store for this host: it lives in the same namespace."""
    ours = os.readlink(f"/proc/{sluice.daemon.pid}/ns/net")
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text() == "sluice-fleet\n" and os.readlink(comm.parent / "ns/net") == ours:
                return int(comm.parent.name)
        except OSError:
            continue  # it has ended
    raise AssertionError(f"no sluice-fleet beside {sluice.daemon.pid}")


def daemon(hosts):
    """Under churn at all hosts."""
    hosts.serve()
    daemons, helpers = [s.daemon.pid for s in hosts.sluices], [helper_of(s) for s in hosts.sluices]

    def now():
        rows = sum(hosts.status(n)["exchanges"] for n in range(len(daemons)))
        return [rows, sum(c.done for c in churns), sum(map(processor_seconds, daemons)), sum(map(processor_seconds, helpers)), processor_seconds(hosts.redis.pid), wire(hosts.redis_cli)]

    churns = [Churn(hosts, n) for n in range(len(daemons))]
    try:
        time.sleep(WARM)
        began, before = time.monotonic(), now()
        time.sleep(SECONDS)
        took, after = time.monotonic() - began, now()
    finally:
        for c in churns:
            c.stop()
    rows, sessions, *used, carried = (b - a for a, b in zip(before, after))
    count = (len(daemons), len(daemons), 1)
    parts = [figure for u, n in zip(used, count) for figure in (u / n / took, u / rows * 1e6)]
    return Daemon(rows / took, sessions / took, *parts, carried / rows)
