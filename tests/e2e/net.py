# SPDX-License-Identifier: BSD-2-Clause
"""Private networks of namespaces, sluice on them, and clients that hold connections. Everything that is made here is removed here."""
import contextlib, ctypes, json, os, pathlib, secrets, signal, subprocess, time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("SLUICE_BUILD", "build")
SANITIZED = BUILD.name == "san"  # built with DEBUG=1
LIB = ROOT / "tests" / "lib"
VM = "VM_KERNEL" in os.environ  # a virtual machine that tests/vm made for these tests
PACE = 10 if VM else 3 if SANITIZED else 1  # so many times slower is an emulated machine, or a sanitized build: tests stretch their times by it
SERVER, SERVER6 = "10.77.0.1", "fd77::1"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def sh(*argv, check=True, **more):
    return subprocess.run([str(a) for a in argv], check=check, capture_output=True, text=True, **more)


def wait_for(what, seconds=10.0, step=0.05):
    """Waits until what() is true, for at most so many seconds. Returns its last value."""
    end = time.monotonic() + seconds * PACE
    while not (got := what()) and time.monotonic() < end:
        time.sleep(step)
    return got


@contextlib.contextmanager
def inside(ns):
    """Puts this thread into the network namespace. The sockets that it makes meanwhile stay there."""
    with open("/proc/thread-self/ns/net", "rb") as here, open(f"/run/netns/{ns}", "rb") as there:
        if LIBC.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"entering the namespace {ns}")
        try:
            yield
        finally:
            assert LIBC.setns(here.fileno(), CLONE_NEWNET) == 0


def processor_seconds(pid):
    """Returns for how long the process has had a processor so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def needs(condition, what):
    """Skips the test if something is missing that a host need not have. A virtual machine made for the tests must have it."""
    if not condition:
        (pytest.fail if VM else pytest.skip)(what)


class Net:
    """
    A server and a client namespace; with rtt (in ms) a third one between them, which delays every frame. `nics` names two joined interfaces,
    which they use instead of a veth pair until close(). veth ends have so many `queues`, or the kernel's default if that is 0.
    """

    def __init__(self, rtt=0, nics=(), queues=0):
        self.tag = os.environ.get("SLUICE_TAG", "sl") + secrets.token_hex(3)  # a caller who sets SLUICE_TAG can recognize what was made for it
        self.server, self.client, self.middle = self.tag + "s", self.tag + "c", self.tag + "m"
        self.started, self.names, self.nics = [], [], nics
        self.queues = ["numtxqueues", queues, "numrxqueues", queues] if queues else []
        try:
            self.build(rtt)
        except BaseException:
            self.close()
            raise

    def build(self, rtt):
        for name in (self.server, self.client) + ((self.middle,) if rtt else ()):
            sh("ip", "netns", "add", name)
            self.names.append(name)
            self.run(name, "ip", "link", "set", "lo", "up")
            # Otherwise no neighbour is found before duplicate address detection ends, a second from now.
            self.run(name, "sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad")
        self.plug(rtt)

    def unplug(self):
        """Removes the interfaces between server and client."""
        self.run(self.server, "ip", "link", "del", "s0")

    def plug(self, rtt=0):
        """Makes the interfaces between server and client, with all their addresses."""
        if rtt:
            self.link(self.server, "s0", self.middle, "m0")
            self.link(self.client, "c0", self.middle, "m1")
            self.started.append(self.ready(self.popen(self.middle, BUILD / "tests/lib/delay", "m0", "m1", rtt / 2)))
        else:
            self.link(self.server, "s0", self.client, "c0")
        self.addresses(self.server, "s0", f"{SERVER}/16", f"{SERVER6}/32")
        self.addresses(
            self.client,
            "c0",
            *(f"10.77.0.{i}/16" for i in range(2, 10)),
            *(f"10.77.1.{i + 1}/16" for i in range(50)),
            *(f"fd77:0:{i + 1}::{host}/32" for i in range(4) for host in (2, 3)),
        )
        if self.nics:
            return
        # XDP_TX on a veth end reaches the other end only if that one polls by NAPI.
        peer, end = (self.middle, "m0") if rtt else (self.client, "c0")
        self.run(peer, "ip", "link", "set", end, "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")

    def link(self, a, a_end, b, b_end):
        ends = ((a, a_end), (b, b_end))
        for nic, (ns, end) in zip(self.nics, ends):
            sh("ip", "link", "set", nic, "netns", ns, "name", end)
        if not self.nics:
            sh("ip", "link", "add", a_end, "netns", a, *self.queues, "type", "veth", "peer", "name", b_end, "netns", b, *self.queues)
        for ns, end in ends:
            self.run(ns, "ethtool", "-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            self.run(ns, "ip", "link", "set", end, "up")

    def addresses(self, ns, end, *addresses):
        lines = (f"addr add {a} dev {end}{' nodad' if ':' in a else ''}\n" for a in addresses)
        self.run(ns, "ip", "-batch", "-", input="".join(lines))

    def enter(self, ns, argv):
        return ["nsenter", f"--net=/run/netns/{ns}"] + [str(a) for a in argv]

    def run(self, ns, *argv, check=True, **more):
        return sh(*self.enter(ns, argv), check=check, **more)

    def popen(self, ns, *argv, **more):
        more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, **more}
        process = subprocess.Popen(self.enter(ns, argv), **more)
        self.started.append(process)
        return process

    def deafen(self, segments="tcp sport 25"):
        """Keeps such segments from the client's kernel, which would answer those of handshakes made by hand with a RST."""
        self.run(self.client, "nft", f"add table inet deaf; add chain inet deaf in {{ type filter hook input priority 0; }}; add rule inet deaf in {segments} drop")

    def undeafen(self):
        self.run(self.client, "nft", "delete table inet deaf")

    def ready(self, process):
        assert process.stdout.readline() == "ready\n"
        return process

    def serve(self, *args):
        return self.ready(self.popen(self.server, LIB / "serve.py", *args))

    def hold(self, sources, target=SERVER, port=25):
        return Holder(self.popen(self.client, LIB / "hold.py", target, port, sources))

    def peers(self, port=25, ns=None):
        """Returns the addresses of the clients of the port, one for each connection that the kernel has, in the server's namespace unless told otherwise."""
        out = self.run(ns or self.server, "ss", "-Htno", "state", "connected", f"( sport = :{port} )").stdout
        skip = ("SYN-RECV", "TIME-WAIT", "SYN-SENT")
        # A socket with a time-wait timer is only the memory of a connection, even if its state is FIN-WAIT-2.
        rows = [line.split() for line in out.splitlines() if "timer:(timewait" not in line]
        return [row[4].rsplit(":", 1)[0] for row in rows if row[0] not in skip]

    def tcp_counter(self, name):
        """Returns what the server's host has counted so far under this name of /proc/net/snmp or /proc/net/netstat."""
        rows = [line.split() for line in self.run(self.server, "cat", "/proc/net/snmp", "/proc/net/netstat").stdout.splitlines()]
        found = {key: n for what in ("Tcp:", "TcpExt:") for key, n in zip(*(row for row in rows if row[0] == what))}
        return int(found[name])

    def established(self, port=25, ns=None):
        """Returns how many connections to the port the kernel has."""
        return len(self.peers(port, ns))

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        for nic, (ns, end) in zip(self.nics, ((self.server, "s0"), (self.client, "c0"))):
            self.run(ns, "ip", "link", "set", end, "down", check=False)
            self.run(ns, "ip", "link", "set", end, "netns", "1", "name", nic, check=False)
        for name in self.names:
            sh("ip", "netns", "del", name, check=False)


class Holder:
    def __init__(self, process):
        self.process = process

    def __call__(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def settle(self, seconds=1.0):
        """Waits until nothing has changed for a while."""
        last, since, end = None, time.monotonic(), time.monotonic() + 10
        while time.monotonic() < end and time.monotonic() - since < seconds:
            now = self("count")
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)
        return last

    def greeted(self, n, seconds=5):
        return wait_for(lambda: self("count")["greeted"] == n, seconds)


class Sluice:
    """sluiced in the server's namespace, with a policy file of its own."""

    build, patience = BUILD, 60  # seconds until it has started

    def __init__(self, net, directory, policy):
        self.net, self.instance = net, net.tag
        self.file = pathlib.Path(directory) / "sluice.conf"
        self.state = pathlib.Path(directory) / "state"
        self.log = open(pathlib.Path(directory) / "log", "w+")
        self.write(policy)
        self.daemon = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def write(self, policy):
        # Installed databases take time to read at each start, so tests do without them (except test_installed.py) unless they name some.
        count = "" if "geoip" in policy else " geoip { count-countries = false }"
        self.file.write_text("interfaces = {s0}" + count + "\n" + policy)

    def popen(self, before=(), **more):
        """Starts a daemon through the command `before`, with a state directory of its own."""
        argv = [*before, self.build / "sluiced", "-f", "-c", self.file, "-i", self.instance]
        more = {"stderr": self.log, "stdout": subprocess.DEVNULL, **more, "env": {**os.environ, "STATE_DIRECTORY": str(self.state), **more.get("env", {})}}
        return self.net.popen(self.net.server, *argv, **more)

    def start(self, before=()):
        self.daemon = self.popen(before)
        assert wait_for(lambda: self.ctl("status")[0] == 0 or self.daemon.poll() is not None, self.patience), self.logged()
        assert self.daemon.poll() is None, self.logged()

    def logged(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def ctl(self, *words):
        done = self.net.run(self.net.server, self.build / "sluicectl", "-i", self.instance, *words, check=False)
        return done.returncode, done.stdout, done.stderr

    def do(self, *words):
        code, out, err = self.ctl(*words)
        assert code == 0, f"sluicectl {words}: {code}: {err}"
        return out

    def json(self, *words):
        return json.loads(self.ctl("--json", *words)[1])

    def service(self, name="smtp"):
        return next(s for s in self.json("status")["services"] if s["name"] == name)

    def connections(self, name="smtp"):
        return self.service(name)["connections"]

    def reason(self, reason, field="packets", service="smtp"):
        return sum(c[field] for c in self.json("counters") if c["reason"] == reason and c["service"] == service)

    def kill(self, number=signal.SIGKILL):
        self.daemon.send_signal(number)
        self.daemon.wait()

    def close(self):
        if self.daemon.poll() is None:
            self.kill(signal.SIGTERM)
        self.ctl("unload")
        self.log.close()
        assert not os.path.exists(f"/sys/fs/bpf/sluice/{self.instance}")
