# SPDX-License-Identifier: BSD-2-Clause
"""
Provokes what can go wrong between four hosts and their store, under load, for the tables of docs/fleet.md. fleet_table.py (`make fleet`) and
test_fleet_faults.py call it.

One source pushes against its limit at every host all the time; another one stays far from its own. For the first, it measures the greatest sum
over all hosts, and when that sum is right again; for the second, how many of its connections were refused that should not have been.
"""
import contextlib, dataclasses, signal, subprocess, threading, time

from hosts import PORT, SOURCE, STORE, Sum
from net import LIB, wait_for

LIMIT, COUNT = 20, 4
QUIET = "10.77.0.3"
SECOND = "10.78.0.251"  # another server of the store
PATIENCE = 3.6  # seconds: a client's SYN is repeated after 1 s and 3 s
LATE = 0.9
FULL = 15  # connections: clients that come and go keep at least so many of the limit in use when all is well
STAYS = 2.5  # seconds for which all must stay right before that is believed
GIVEN_UP = 45  # seconds after which nobody waits any longer for all to be right
POLICY = (
    "fleet { servers = {%s} name = NAME secret-file = SECRET max-staleness = 1s on-partition = %s }\n"
    "service smtp { ports = {25} max-connections-per-source = 20 fleet = true%s }\n"
)


def policy(partition, exact, servers="STORE"):
    return POLICY % (servers, partition, " exact = true" if exact else "")


class Clients:
    """Runs tests/lib/churn.py against all hosts. `attempts`: (target, when it began, seconds until it was let in; less than 0: never)"""

    def __init__(self, hosts, source, width, hold, rest, patience):
        argv = ["/usr/bin/python3", LIB / "churn.py", 25, source, width, hold, rest, patience, *(net.address for net in hosts.nets)]
        self.process = subprocess.Popen(hosts.enter(hosts.client, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.attempts = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            target, began, took = line.split()
            self.attempts.append((target, float(began), float(took)))

    def finish(self):
        self.process.stdin.close()
        self.thread.join()
        self.process.stdout.close()
        assert self.process.wait(10) == 0
        return self.attempts


class Fault:
    """
    A fault in which nothing goes wrong. prepare() is called before the load, begin() and end() with `seconds` between them, after() when the load is
    over. The time until all is right again counts from the end, or from the beginning if the fault is over `at_once`.
    """

    name, seconds, at_once = "none", 5, False
    servers = "STORE"
    gone = ()  # hosts whose refusals do not count meanwhile

    def __init__(self, hosts):
        self.hosts = hosts

    def prepare(self):
        pass

    begin = end = after = prepare


class Killed(Fault):
    name = "store killed, back after 5 s"

    def begin(self):
        self.hosts.signal_store(signal.SIGKILL)

    def end(self):
        self.hosts.start_store()


class Paused(Fault):
    name = "store stands still for 5 s"

    def begin(self):
        self.hosts.signal_store(signal.SIGSTOP)

    def end(self):
        self.hosts.signal_store(signal.SIGCONT)


class Emptied(Fault):
    name, seconds, at_once = "store emptied (FLUSHALL)", 2, True

    def begin(self):
        assert "OK" in self.hosts.redis_cli("flushall")


class Failover(Fault):
    """A Sentinel, which waits for 1 s, makes a replica the master."""

    name, seconds, at_once = "store killed, its replica promoted by Sentinel", 2, True
    servers = f"STORE, {SECOND}:{PORT}"

    def prepare(self):
        hosts = self.hosts
        hosts.run(hosts.store, "ip", "addr", "add", f"{SECOND}/16", "dev", "k0", check=False)
        self.replica = hosts.run_redis(SECOND, "--replicaof", STORE, PORT, "--replica-announce-ip", SECOND)
        rules = hosts.directory / "sentinel.conf"
        rules.write_text(
            f"bind {STORE}\nport 26379\nprotected-mode no\ndir {hosts.directory}\nsentinel monitor mail {STORE} {PORT} 1\n"
            "sentinel down-after-milliseconds mail 1000\nsentinel failover-timeout mail 5000\n"
        )
        assert wait_for(lambda: "state=online" in hosts.redis_cli("info", "replication"))
        self.sentinel = subprocess.Popen(hosts.enter(hosts.store, ["redis-server", rules, "--sentinel"]), stdout=subprocess.DEVNULL)
        asked = ("redis-cli", "-h", STORE, "-p", 26379, "sentinel", "replicas", "mail")
        assert wait_for(lambda: SECOND in hosts.run(hosts.store, *asked, check=False).stdout, 20)

    def begin(self):
        self.hosts.signal_store(signal.SIGKILL)

    def after(self):
        for process in (self.sentinel, self.replica):
            process.kill()
            process.wait()
        self.hosts.start_store()


class Cut(Fault):
    """The link between some hosts and the store is down. Clients still reach these hosts."""

    name, number = "store cut off from one host for 5 s", 1

    def begin(self):
        for n in range(self.number):
            self.hosts.link(f"q{n}", "down")

    def end(self):
        for n in range(self.number):
            self.hosts.link(f"q{n}", "up")


class CutTwo(Cut):
    name, number = "store cut off from two hosts for 5 s", 2


class CutLong(Cut):
    name, seconds = "store cut off from one host for 15 s", 15


class Noise(Fault):
    """Another server takes the store's place, and sends bytes that do not follow the protocol."""

    name, kind = "store answers noise for 5 s", "noise"

    def begin(self):
        self.hosts.signal_store(signal.SIGKILL)
        argv = ["/usr/bin/python3", LIB / "garbled.py", PORT, self.kind, STORE]
        self.other = subprocess.Popen(self.hosts.enter(self.hosts.store, argv), stdout=subprocess.PIPE, text=True)
        assert self.other.stdout.readline() == "ready\n"

    def end(self):
        self.other.kill()
        self.other.wait()
        self.other.stdout.close()
        self.hosts.start_store()


class Lies(Noise):
    """The other server follows the protocol, but leases every host more than there is."""

    name, kind = "store leases beyond all limits for 5 s", "a lease beyond the limit"


class Daemons(Fault):
    """The kernel continues to count, but nobody tells the store."""

    name, seconds = "sluiced of two hosts killed (-9), back after 3 s", 3

    def begin(self):
        for sluice in self.hosts.sluices[:2]:
            sluice.kill()

    def end(self):
        for sluice in self.hosts.sluices[:2]:
            sluice.start()


class DaemonsLong(Daemons):
    name, seconds = "sluiced of two hosts killed (-9), back after 15 s", 15


class Crash(Fault):
    """A host vanishes, with all that it held, and comes back."""

    name, seconds = "a host crashes, back after 15 s", 15
    gone = (0,)

    def begin(self):
        hosts = self.hosts
        for port in ("p0", "q0"):
            hosts.link(port, "down")
        hosts.sluices[0].kill()
        hosts.sluices[0].do("unload")
        hosts.run(hosts.nets[0].server, "ss", "-K", "sport", "=", ":25")

    def end(self):
        self.hosts.sluices[0].start()
        for port in ("q0", "p0"):
            self.hosts.link(port, "up")


FAULTS = (Fault, Killed, Failover, Cut, CutTwo, CutLong, Paused, Emptied, Noise, Lies, Daemons, DaemonsLong, Crash)


@dataclasses.dataclass
class Outcome:
    peak: int
    refused: int  # connections of the quiet source that were never let in
    late: int  # ... that had to ask twice
    attempts: int
    seconds: float  # until all was right again; less than 0: never


def in_touch(hosts):
    return all(s["state"] == "in touch" and s["hosts"] == COUNT for s in map(hosts.status, range(COUNT)))


def change(hosts, text):
    for number, sluice in enumerate(hosts.sluices):
        sluice.write(hosts.policy_of(number, text))
        sluice.do("reload")


def right_since(total, began, touch):
    """Returns the time since which the sum has been right: no longer over the limit, but near it. None: it is not right yet."""
    over = [end for (_, n), (end, _) in zip(total.changes, total.changes[1:]) if n > LIMIT]
    if total.changes[-1][1] > LIMIT:
        return None
    since = max([began, *over[-1:]])
    full = [max(at, since) for (at, n), (end, _) in zip(total.changes, [*total.changes[1:], (time.monotonic(), 0)]) if n >= FULL and end > since]
    return max(full[0], touch) if full else None


def watch(hosts, total, began):
    """Returns the seconds from `began` until all hosts are in touch and the sum is right, and stays so."""
    touch = None
    while time.monotonic() - began < GIVEN_UP:
        if not touch and in_touch(hosts):
            touch = time.monotonic()
        right = touch and right_since(total, began, touch)
        if right and time.monotonic() - right > STAYS:
            return right - began
        time.sleep(0.1)
    return -1


def refused_wrongly(fault, attempts, until):
    """Returns (never let in, let in late, in all) of the attempts, without those that began too late to be judged."""
    gone = {fault.hosts.nets[n].address for n in fault.gone}
    took = [took for target, began, took in attempts if began < until and target not in gone]
    return sum(t < 0 for t in took), sum(t > LATE for t in took), len(took)


@contextlib.contextmanager
def loaded(hosts, servers):
    """Puts load on the hosts. Yields (the sum of the source that pushes against its limit, the quiet clients)."""
    press = Clients(hosts, SOURCE, 24, 1.0, 0.1, 1.2)
    quiet = Clients(hosts, QUIET, 2, 0.8, 0.4, PATIENCE)
    total = Sum(servers, source=SOURCE, rest=0.004)
    try:
        yield total, quiet
    finally:
        for thing in (press, quiet, total):
            thing.finish()


def provoke(fault, servers):
    """Provokes the fault under load, with the policy in force, and returns the Outcome."""
    hosts = fault.hosts
    with loaded(hosts, servers) as (total, quiet):
        assert wait_for(lambda: total.changes[-1][1] >= FULL, 40), "the limit is not in use before anything is wrong"
        time.sleep(2)
        quiet.attempts.clear()
        total.most = 0
        began = time.monotonic()
        fault.begin()
        time.sleep(fault.seconds)
        fault.end()
        seconds = watch(hosts, total, began if fault.at_once else time.monotonic())
        until = time.monotonic() - PATIENCE
    return Outcome(total.most, *refused_wrongly(fault, quiet.attempts, until), seconds)


def calm(hosts):
    """Waits until nothing is held, and the store and each daemon know that."""
    assert wait_for(lambda: sum(hosts.held()) == 0, 90), hosts.held()
    assert wait_for(lambda: hosts.records() == 0, 40), hosts.redis_cli("--scan")
    for sluice in hosts.sluices:
        assert wait_for(lambda: sluice.connections() == 0), sluice.service()


def run(kind, hosts, servers, partition, exact):
    """Runs one fault, from calm to calm."""
    fault = kind(hosts)
    try:
        fault.prepare()
        change(hosts, policy(partition, exact, fault.servers))
        hosts.together(30)
        outcome = provoke(fault, servers)
    finally:
        fault.after()
    hosts.together(60, settled=False)
    calm(hosts)
    return outcome
