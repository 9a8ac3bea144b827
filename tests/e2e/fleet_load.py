#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
fleet_load.py [HOSTSxROWS_A_SECONDxKEYS[xMAX_STALENESS_MS]]... simulates a fleet, and prints a table of what that costs its store. Run `make` first,
and be root. fleet_table.py (`make fleet`) calls it, too, with more and more hosts and keys.

Each host is a sluice-fleet, and this process gives all of them rows as sluiced would: first all keys, as for a store that lost its data, then some
every 5 ms, for SECONDS. What this process takes of the machine is in the table, under "both processors".
"""
import collections, os, pathlib, random, select, sys, tempfile, time

import fleet
from net import processor_seconds

SECONDS, TICK = 5, 0.005
HOLDERS = 2  # how many hosts hold something of a key
LOST = 5  # seconds to wait for answers: what was on its way when a session broke is never answered
AGAIN = 120  # seconds in which all keys must be told again
UNANSWERED = 20  # exchanges of a host that may wait for an answer before its rows wait, too
BEATS = 4  # in each max-staleness, as sluiced has it
STALENESS = 200  # ms: what max-staleness is unless the policy says otherwise
TOGETHER = 60  # seconds until all hosts know of all
FIGURES = "hosts staleness keys rows answers_p50 answers_p99 stale_p50 stale_p99 beats row_us host busy wire resync resync_us bytes"
Figures = collections.namedtuple("Figures", FIGURES)


def busy():
    """Seconds that the machine's processors have worked, all together."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK") / os.cpu_count()


def part(values, percent):
    return sorted(values)[len(values) * percent // 100]


class Load:
    """Sends rows of random keys from all hosts. Measures how long each exchange took, and how old the news of a host was."""

    def __init__(self, hosts, a_second, keys):
        self.hosts, self.keys, self.rng = hosts, keys, random.Random(1)
        self.share, self.owed = a_second * TICK / len(hosts), dict.fromkeys(hosts, 0.0)
        self.waits, self.took, self.stale = {h: collections.deque() for h in hosts}, [], []
        self.beaten, self.rows = {h: (len(h.seen), time.monotonic()) for h in hosts}, 0

    def key(self, number):
        """Picks a key that HOLDERS neighbours share, of whom this host is one."""
        return self.rng.randrange(self.keys // len(self.hosts)) * len(self.hosts) + (number + self.rng.randrange(HOLDERS)) % len(self.hosts)

    def ask(self, number, h):
        self.owed[h] += self.share
        count = int(self.owed[h])
        self.owed[h] -= count
        if len(self.waits[h]) >= UNANSWERED:
            self.owed[h] += count
        elif count := min(count, fleet.LIMIT_ROWS):
            try:
                h.ask([(self.key(number), 20, self.rng.randrange(1, 4), 0, 0) for _ in range(count)])
            except BlockingIOError:  # it does not read as fast as it is told
                self.owed[h] += count
                return
            self.waits[h].append([time.monotonic(), count])

    def hear(self, h):
        h.drain()
        now = time.monotonic()
        if len(h.seen) != self.beaten[h][0]:
            self.stale.append(now - self.beaten[h][1])
            self.beaten[h] = len(h.seen), now
        self.rows += len(h.leases)
        for _ in range(len(h.leases)):
            self.waits[h][0][1] -= 1
            if not self.waits[h][0][1]:
                self.took.append(now - self.waits[h].popleft()[0])
        h.leases.clear()

    def run(self, seconds):
        poll, of = select.poll(), {h.end.fileno(): h for h in self.hosts}
        for fd in of:
            poll.register(fd, select.POLLIN)
        tick = time.monotonic()
        end = tick + seconds
        while time.monotonic() < end or (any(self.waits.values()) and time.monotonic() < end + LOST):
            for fd, _ in poll.poll(max(0, tick - time.monotonic()) * 1000):
                self.hear(of[fd])
            if tick <= time.monotonic() < end:
                tick += TICK
                for number, h in enumerate(self.hosts):
                    self.ask(number, h)


def all_again(hosts, keys):
    """Each host tells HOLDERS / hosts of all keys again, all at once. Returns the seconds until all have their answers."""
    begin, rows, left = time.monotonic(), {}, {}
    for number, h in enumerate(hosts):
        h.drain()
        h.leases.clear()
        rows[h] = [k for n in range(HOLDERS) for k in range((number + n) % len(hosts), keys, len(hosts))]
        left[h] = len(rows[h])
    of = {h.end: h for h in hosts}
    while any(left.values()):
        assert time.monotonic() - begin < AGAIN, f"{sum(left.values())} rows were not answered in {AGAIN} s"
        readable, writable, _ = select.select(list(of), [h.end for h in hosts if rows[h]], [], 1)
        for end in writable:
            h = of[end]
            try:
                h.ask([(k, 20, 2, 0, 0) for k in rows[h][: fleet.LIMIT_ROWS]])
            except BlockingIOError:
                continue
            del rows[h][: fleet.LIMIT_ROWS]
        for end in readable:
            of[end].drain()
            left[of[end]] -= len(of[end].leases)
            of[end].leases.clear()
    return time.monotonic() - begin


def memory(ask):
    return int(ask("info", "memory").split("used_memory:")[1].split()[0])


def wire(ask):
    stats = dict(line.split(":", 1) for line in ask("info", "stats").split() if ":" in line)
    return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])


def idle(server, hosts, seconds=3):
    """What beats alone take of a processor of the store."""
    before, began = server.cpu_seconds(), time.monotonic()
    while time.monotonic() - began < seconds:
        for h in hosts:
            h.drain()
        time.sleep(0.02)
    return (server.cpu_seconds() - before) / (time.monotonic() - began)


def told(server, hosts, keys, beats):
    """The store is new: seconds until it knows all keys, us of its processor for a row, bytes for a key."""
    before, empty = server.cpu_seconds(), memory(server.cli)
    seconds = all_again(hosts, keys)
    return seconds, (server.cpu_seconds() - before - beats * seconds) / (keys * HOLDERS) * 1e6, (memory(server.cli) - empty) / keys


def measure(server, hosts, staleness, a_second, keys):
    beats = idle(server, hosts)
    resync, resync_us, size = told(server, hosts, keys, beats)

    def now():
        return [wire(server.cli), server.cpu_seconds(), busy(), *(processor_seconds(h.process.pid) for h in hosts)]

    load, before, began = Load(hosts, a_second, keys), now(), time.monotonic()
    load.run(SECONDS)
    took = time.monotonic() - began
    used = [b - a for a, b in zip(before, now())]
    return Figures(len(hosts), staleness, keys, load.rows / took, part(load.took, 50), part(load.took, 99), part(load.stale, 50), part(load.stale, 99), beats,
                   (used[1] - beats * took) / load.rows * 1e6, sum(used[3:]) / len(hosts) / took, used[2] / took, used[0] / load.rows, resync, resync_us,
                   size)  # fmt: skip


def simulate(count, a_second, keys, staleness=STALENESS):
    """Returns the figures of so many hosts at a server of their own."""
    place = fleet.Place(tempfile.mkdtemp(prefix="sluice-test-"))
    try:
        server = place.server()
        hosts = [place.host(f"mx{i}", wait=False, beat_ms=staleness // BEATS) for i in range(count)]
        for h in hosts:
            assert h.until(lambda: h.state and h.state.connected and h.state.hosts == count, TOGETHER), h.state
        return measure(server, hosts, staleness, a_second, keys)
    finally:
        place.close()
        os.rmdir(place.directory)


def cluster(place):
    """Starts three masters, each with a third of the slots."""
    servers = []
    for port in (6379, 6380, 6381):
        directory = place.directory / str(port)
        directory.mkdir()
        servers.append(place.server(port, "--cluster-enabled", "yes", "--dir", directory))
    fleet.sh(*place.enter("redis-cli", "--cluster", "create", *(f"127.0.0.1:{s.port}" for s in servers), "--cluster-yes"))
    return servers


def spaces(server):
    """Returns three spaces, each kept by another master."""
    found, number = {}, 0
    while len(found) < 3:
        number += 1
        slot = int(server.cli("cluster", "keyslot", f"{{{number:016x}}}"))
        found.setdefault(slot * 3 // 16384, f"{number:016x}")
    return list(found.values())


def shard(count, a_second, keys):
    """Runs three fleets of so many hosts at a Cluster. Returns (rows a second, how much of a processor each master uses)."""
    place = fleet.Place(tempfile.mkdtemp(prefix="sluice-test-"))
    try:
        servers = cluster(place)
        fleets = spaces(servers[0])
        addresses = [f"127.0.0.1:{s.port}" for s in servers]
        hosts = [place.host(f"mx{i}", addresses, wait=False, space=fleets[i % 3]) for i in range(3 * count)]
        for h in hosts:
            assert h.until(lambda: h.state and h.state.connected, 20), h.state
        load, before, began = Load(hosts, a_second, keys), [s.cpu_seconds() for s in servers], time.monotonic()
        load.run(SECONDS)
        took = time.monotonic() - began
        return load.rows / took, [(s.cpu_seconds() - b) / took for s, b in zip(servers, before)]
    finally:
        place.close()
        fleet.sh("rm", "-rf", place.directory)


HEAD = (
    "hosts", "keys", "rows/s", "answer p50, p99", "beat heard p50, p99", "store: beats", "store: a row", "each sluice-fleet", "both processors", "wire, a row", "all again",
    "store: a row of that", "memory, a key",
)  # fmt: skip


def row(f):
    return (
        f.hosts if f.staleness == STALENESS else f"{f.hosts}, `{f.staleness / 1000:g}s`", f"{f.keys:,}", f"{f.rows:,.0f}",
        f"{f.answers_p50 * 1e3:.1f}, {f.answers_p99 * 1e3:.1f} ms", f"{f.stale_p50 * 1e3:.0f}, {f.stale_p99 * 1e3:.0f} ms",
        f"{f.beats:.1%}", f"{f.row_us:.0f} us", f"{f.host:.1%}", f"{f.busy:.0%}", f"{f.wire:.0f} bytes", f"{f.resync:.1f} s", f"{f.resync_us:.0f} us", f"{f.bytes:.0f} bytes",
    )  # fmt: skip


def line(cells):
    return f"| {' | '.join(map(str, cells))} |"


def head(cells):
    return line(cells) + "\n" + line(["---"] * len(cells))


def asked(words):
    """Each as arguments of simulate()."""
    return [tuple(map(int, word.split("x"))) for word in words]


def main():
    print(head(HEAD))
    for one in asked(sys.argv[1:] or ["4x10000x100000"]):
        print(line(row(simulate(*one))), flush=True)


if __name__ == "__main__":
    main()
