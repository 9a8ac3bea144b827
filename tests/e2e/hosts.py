# SPDX-License-Identifier: BSD-2-Clause
"""Several hosts on one network, each with its own sluiced, a store that all reach, and a client that speaks to all: for tests of the fleet."""
import concurrent.futures, os, pathlib, secrets, signal, subprocess, threading, time

import fleet, tools
from net import BUILD, Net, Sluice, sh, wait_for

STORE, PORT = "10.77.0.250", 6379
SOURCE = "10.77.0.2"


class HostNet(Net):
    """One host of them, as everything else that tests do to a server sees it."""

    def __init__(self, hosts, number):
        self.tag = f"{hosts.tag}{number}"
        self.server, self.client = self.tag + "s", hosts.client
        self.address = f"10.77.0.{200 + number}"
        self.started, self.names, self.nics, self.queues = [], [], (), []
        hosts.plug(self.server, "s0", f"p{number}", f"{self.address}/16")


class Hosts:
    """`count` hosts, the store's place and the client's, each at a port of one bridge."""

    def __init__(self, directory, count, policy):
        self.directory, self.policy = pathlib.Path(directory), policy
        self.tag = os.environ.get("SLUICE_TAG", "sl") + secrets.token_hex(2)
        self.bridge, self.client, self.store = self.tag + "b", self.tag + "c", self.tag + "r"
        self.names, self.nets, self.sluices, self.redis = [], [], [], None
        self.late = []  # clients that came while others waited
        self.secret = self.directory / "secret"
        try:
            self.build(count)
        except BaseException:
            self.close()
            raise

    def build(self, count):
        self.secret.write_text(secrets.token_hex(32) + "\n")
        self.secret.chmod(0o600)
        self.place(self.bridge)
        self.run(self.bridge, "ip", "link", "add", "br0", "type", "bridge")
        self.run(self.bridge, "ip", "link", "set", "br0", "up")
        self.plug(self.client, "c0", "pc", f"{SOURCE}/16", *(f"10.77.0.{i}/16" for i in range(3, 10)))
        self.plug(self.store, "k0", "pk", f"{STORE}/16")
        for number in range(count):
            self.nets.append(HostNet(self, number))
        self.start_store()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            self.sluices = list(pool.map(self.begin, range(count)))

    def begin(self, number):
        directory = self.directory / f"h{number}"
        directory.mkdir()
        return Sluice(self.nets[number], directory, self.policy_of(number))

    def policy_of(self, number, policy=None):
        return (policy or self.policy).replace("SECRET", str(self.secret)).replace("NAME", f"h{number}").replace("STORE", f"{STORE}:{PORT}")

    def place(self, name):
        sh("ip", "netns", "add", name)
        self.names.append(name)
        self.run(name, "ip", "link", "set", "lo", "up")

    def plug(self, name, end, port, *addresses):
        self.place(name)
        sh("ip", "link", "add", end, "netns", name, "type", "veth", "peer", "name", port, "netns", self.bridge)
        for ns, nic in ((name, end), (self.bridge, port)):
            self.run(ns, "ethtool", "-K", nic, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            self.run(ns, "ip", "link", "set", nic, "up")
        self.run(self.bridge, "ip", "link", "set", port, "master", "br0")
        # what XDP answers reaches a veth end only where that polls by NAPI
        self.run(self.bridge, "ip", "link", "set", port, "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
        for address in addresses:
            self.run(name, "ip", "addr", "add", address, "dev", end)

    def enter(self, ns, argv):
        return ["nsenter", f"--net=/run/netns/{ns}", *(str(a) for a in argv)]

    def run(self, ns, *argv, check=True):
        return sh(*self.enter(ns, argv), check=check)

    # The store.

    def start_store(self):
        argv = [fleet.STORE, "--port", PORT, "--bind", STORE, "--protected-mode", "no", "--save", "", "--dir", self.directory]
        self.redis = subprocess.Popen(self.enter(self.store, argv), stdout=subprocess.DEVNULL)
        assert wait_for(lambda: self.redis_cli("ping").strip() == "PONG")

    def redis_cli(self, *words):
        return self.run(self.store, "redis-cli", "-h", STORE, "-p", PORT, *words, check=False).stdout

    def signal_store(self, number):
        self.redis.send_signal(number)
        if number == signal.SIGKILL:
            self.redis.wait()

    def records(self):
        """The records of limits: how many."""
        return len(self.redis_cli("--scan", "--pattern", "sluice:*:k:*").split())

    def leased(self):
        """All that the hosts may hold of the one limit that has a record; 0: none has."""
        keys = self.redis_cli("--scan", "--pattern", "sluice:*:k:*").split()
        rows = self.redis_cli("hvals", keys[0]).splitlines() if keys else []
        return sum(int(row.split()[1]) for row in rows)

    # The hosts.

    def status(self, number=0):
        return self.sluices[number].json("fleet", "status")

    def states(self):
        return [self.status(n)["state"] for n in range(len(self.sluices))]

    def together(self, seconds=15, settled=True):
        """Waits until every host knows of all, and the store has heard of what all hold."""
        count = len(self.sluices)
        everyone = lambda: all((s := self.status(n))["state"] == "in touch" and s["hosts"] == count for n in range(count))
        assert wait_for(everyone, seconds), [self.status(n) for n in range(count)]
        if settled:
            # of a new store nothing is leased of exact limits in its first three seconds
            assert wait_for(lambda: self.store_age() > 3.1)

    def store_age(self):
        """Seconds since the hosts found it new."""
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
        for thing in (*reversed(self.sluices), *self.nets):
            try:
                thing.close()
            except BaseException as e:  # the rest must go, too
                problem = problem or e
        if self.redis:
            self.redis.kill()
            self.redis.wait()
        for name in self.names:
            sh("ip", "netns", "del", name, check=False)
        if problem:
            raise problem


class Sum:
    """The greatest number of connections that all hosts had together, sampled until finish()."""

    def __init__(self, servers, port=25):
        self.files = [f"/proc/{s.pid}/net/{f}" for s in servers for f in ("tcp", "tcp6")]
        self.port, self.most, self.samples, self.over = f":{port:04X}", 0, 0, False
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def now(self):
        return sum(self.count(pathlib.Path(f).read_text()) for f in self.files)

    def count(self, table):
        rows = (line.split() for line in table.splitlines()[1:])
        return sum(r[1].endswith(self.port) and r[3] == "01" for r in rows)

    def sample(self):
        while not self.over:
            self.most = max(self.most, self.now())
            self.samples += 1
            time.sleep(0.001)

    def finish(self):
        self.over = True
        self.thread.join()
        return self.most
