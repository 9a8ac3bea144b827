# SPDX-License-Identifier: BSD-2-Clause
"""Several hosts on one network, each with its own sluiced, a store that all reach, and a client that connects to all, for tests of the fleet."""
import concurrent.futures, os, pathlib, secrets, signal, socket, subprocess, threading, time

import fleet, tools
from net import BUILD, Net, Sluice, sh, wait_for

STORE, PORT = "10.78.0.250", 6379
SOURCE = "10.77.0.2"


class HostNet(Net):
    """One of the hosts, in the form of a Net, so that all helpers for a server work on it."""

    def __init__(self, hosts, number):
        self.tag = f"{hosts.tag}{number}"
        self.server, self.client = self.tag + "s", hosts.client
        self.address = f"10.77.0.{200 + number}"
        self.started, self.names, self.nics, self.queues = [], [], (), []
        hosts.place(self.server, of=hosts.bridge)
        hosts.plug(self.server, "s0", f"p{number}", f"{self.address}/16")
        hosts.plug(self.server, "s1", f"q{number}", f"10.78.0.{200 + number}/16", bridge="br1")


class Hosts:
    """
    `count` hosts, each at a port of two bridges: p0, p1, ... on the clients' side, and q0, q1, ... on the store's. With rtt (in ms) both the
    clients and the store are that far away.
    """

    def __init__(self, directory, count, policy, rtt=0):
        self.directory, self.policy = pathlib.Path(directory), policy
        self.tag = os.environ.get("SLUICE_TAG", "sl") + secrets.token_hex(2)
        self.bridge, self.client, self.store = self.tag + "b", self.tag + "c", self.tag + "r"
        self.names, self.nets, self.sluices, self.redis = [], [], [], None
        self.started = []  # processes that run beside the hosts
        self.late = []  # clients that came while others waited
        self.secret = self.directory / "secret"
        try:
            self.build(count, rtt)
        except BaseException:
            self.close()
            raise

    def build(self, count, rtt):
        self.secret.write_text(secrets.token_hex(32) + "\n")
        self.secret.chmod(0o600)
        for name in (self.bridge, self.client, self.store):
            self.place(name)
        # Hosts get small socket tables of their own, because Sum reads them again and again: reading the machine's takes 10 ms.
        self.run(self.bridge, "sh", "-c", "echo 4096 > /proc/sys/net/ipv4/tcp_child_ehash_entries")
        for bridge in ("br0", "br1"):
            self.run(self.bridge, "ip", "link", "add", bridge, "type", "bridge")
            self.run(self.bridge, "ip", "link", "set", bridge, "up")
        self.plug(self.client, "c0", "pc", f"{SOURCE}/16", *(f"10.77.0.{i}/16" for i in range(3, 10)), rtt=rtt)
        self.plug(self.store, "k0", "pk", f"{STORE}/16", bridge="br1", rtt=rtt)
        for number in range(count):
            self.nets.append(HostNet(self, number))
        self.start_store()
        self.sluices = [None] * count
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(self.begin, range(count)))

    def begin(self, number):
        directory = self.directory / f"h{number}"
        directory.mkdir()
        self.sluices[number] = Sluice(self.nets[number], directory, self.policy_of(number))

    def policy_of(self, number, policy=None):
        return (policy or self.policy).replace("SECRET", str(self.secret)).replace("NAME", f"h{number}").replace("STORE", f"{STORE}:{PORT}")

    def place(self, name, of=None):
        """Makes a namespace, as a child of the namespace `of` if that is given."""
        sh(*(self.enter(of, ["ip", "netns", "add", name]) if of else ("ip", "netns", "add", name)))
        self.names.append(name)
        self.run(name, "ip", "link", "set", "lo", "up")

    def plug(self, name, end, port, *addresses, bridge="br0", rtt=0):
        """Makes an interface in that namespace, at a port of the bridge. Packets take half of `rtt` in each direction."""
        if rtt:
            self.pair(name, end, self.bridge, port + "-near")
            self.pair(self.bridge, port + "-far", self.bridge, port)
            self.delay(port + "-near", port + "-far", rtt / 2)
        else:
            self.pair(name, end, self.bridge, port)
        self.run(self.bridge, "ip", "link", "set", port, "master", bridge)
        # XDP's answers reach a veth end only if that end polls by NAPI.
        self.run(self.bridge, "ip", "link", "set", port, "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
        for address in addresses:
            self.run(name, "ip", "addr", "add", address, "dev", end)

    def pair(self, a, a_end, b, b_end):
        sh("ip", "link", "add", a_end, "netns", a, "type", "veth", "peer", "name", b_end, "netns", b)
        for ns, nic in ((a, a_end), (b, b_end)):
            self.run(ns, "ethtool", "-K", nic, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            self.run(ns, "ip", "link", "set", nic, "up")

    def delay(self, a, b, ms):
        process = self.beside(self.bridge, BUILD / "tests/lib/delay", a, b, ms, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"

    def enter(self, ns, argv):
        return ["nsenter", f"--net=/run/netns/{ns}", *(str(a) for a in argv)]

    def run(self, ns, *argv, check=True):
        return sh(*self.enter(ns, argv), check=check)

    def beside(self, ns, *argv, **more):
        """Starts a process there, which runs until the end."""
        self.started.append(subprocess.Popen(self.enter(ns, argv), **{"stdout": subprocess.DEVNULL, **more}))
        return self.started[-1]

    def link(self, port, state):
        """Sets a port of a bridge up or down."""
        self.run(self.bridge, "ip", "link", "set", port, state)

    # The store.

    def run_redis(self, address, *options):
        argv = [fleet.STORE, "--port", PORT, "--bind", address, "--protected-mode", "no", "--save", "", "--dir", self.directory, *options]
        return subprocess.Popen(self.enter(self.store, argv), stdout=subprocess.DEVNULL)

    def start_store(self):
        self.redis = self.run_redis(STORE)
        assert wait_for(lambda: self.redis_cli("ping").strip() == "PONG")

    def redis_cli(self, *words):
        return self.run(self.store, "redis-cli", "-h", STORE, "-p", PORT, *words, check=False).stdout

    def signal_store(self, number):
        self.redis.send_signal(number)
        if number == signal.SIGKILL:
            self.redis.wait()

    def records(self):
        """Returns how many records of limits the store has."""
        return len(self.redis_cli("--scan", "--pattern", "sluice:*:k:*").split())

    def leased(self):
        """Returns how much all hosts may hold of the one limit that has a record, or 0 if none has."""
        keys = self.redis_cli("--scan", "--pattern", "sluice:*:k:*").split()
        rows = self.redis_cli("hvals", keys[0]).splitlines() if keys else []
        return sum(int(row.split()[1]) for row in rows)

    # The hosts.

    def status(self, number=0):
        return self.sluices[number].json("fleet", "status")

    def states(self):
        return [self.status(n)["state"] for n in range(len(self.sluices))]

    def together(self, seconds=15, settled=True):
        """Waits until every host knows of all, and the store knows what all hold."""
        count = len(self.sluices)
        everyone = lambda: all((s := self.status(n))["state"] == "in touch" and s["hosts"] == count for n in range(count))
        assert wait_for(everyone, seconds), [self.status(n) for n in range(count)]
        if settled:
            # A new store leases nothing of exact limits in its first three seconds.
            assert wait_for(lambda: self.store_age() > 3.1)

    def store_age(self):
        """Returns the seconds since the hosts found the store to be new."""
        epoch = self.redis_cli("--scan", "--pattern", "sluice:*:epoch").split()
        since = self.redis_cli("hget", epoch[0], "since").strip() if epoch else ""
        return time.time() - int(since) / 1000 if since else 0

    def serve(self):
        return [tools.serve(net, 25) for net in self.nets]

    def hold(self, number, count, source=SOURCE, wait_ms=1500):
        return tools.hold(self.nets[number], self.nets[number].address, 25, count, source, wait_ms=wait_ms)

    def held(self):
        return [net.established() for net in self.nets]

    def close(self):
        problem = None
        for thing in (*filter(None, reversed(self.sluices)), *self.nets):
            try:
                thing.close()
            except BaseException as e:  # the others must still be closed
                problem = problem or e
        for process in (*self.started, *([self.redis] if self.redis else [])):
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        for name in self.names:
            sh("ip", "netns", "del", name, check=False)
        if problem:
            raise problem


class Sum:
    """
    Finds the greatest number of connections (of that source) that all hosts had together, by samples until finish(). It ignores a sample that took
    so long that a slot could move from one host to another meanwhile, since it may have seen that slot twice. For the same reason it ignores a number
    that the next sample does not confirm: what is really held lasts longer.
    """

    def __init__(self, servers, port=25, source=None, rest=0.001):
        self.files = [f"/proc/{s.pid}/net/{f}" for s in servers for f in ("tcp", "tcp6")]
        self.source = "" if source is None else socket.inet_aton(source)[::-1].hex().upper()
        self.port, self.rest, self.most, self.samples, self.over = f":{port:04X}", rest, 0, 0, False
        self.changes = [(time.monotonic(), 0)]  # when the number changed, and to what
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def now(self):
        return sum(self.count(pathlib.Path(f).read_text()) for f in self.files)

    def count(self, table):
        rows = (line.split() for line in table.splitlines()[1:])
        return sum(r[1].endswith(self.port) and r[2].split(":")[0].endswith(self.source) and r[3] == "01" for r in rows)

    def sample(self):
        last = 0
        while not self.over:
            began, now = time.monotonic(), self.now()
            if time.monotonic() - began < 0.005:
                last, self.most = now, max(self.most, min(last, now))
                self.samples += 1
                if now != self.changes[-1][1]:
                    self.changes.append((began, now))
            time.sleep(self.rest)

    def finish(self):
        had = self.samples
        wait_for(lambda: self.samples >= had + 3 or not self.thread.is_alive(), 5)
        self.over = True
        self.thread.join()
        return self.most
