# SPDX-License-Identifier: BSD-2-Clause
"""Makes a network of namespaces with one defence and a flood that is ready to be sent at it. It also says what the machine is, and whether it is quiet."""
import atexit, contextlib, functools, gzip, json, os, pathlib, platform, re, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import mail, net as network, tools, web  # noqa: E402, F401
from net import BUILD, SERVER, SERVER6  # noqa: E402, F401

SOURCES = "198.18.0.0"  # for benchmarks (RFC 2544)
PORTS = (25, 26, 27, 28)
SEED = 20261125
# In Linux 6.12 softirqs also run while their thread waits; in 6.1 the thread must run first (tests/lib/flood.c).
NICE = 5 if tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2]) >= (6, 12) else 19
PATIENCE = 120
PINS = pathlib.Path("/sys/fs/bpf/sluice")


class Missing(Exception):
    """This machine cannot do that; the text says why."""


class Earlier(network.Sluice):
    """sluice of another revision, which may not know the settings that Sluice.write() adds."""

    def write(self, policy):
        self.file.write_text("interfaces = {s0}\n" + policy)


@functools.cache
def earlier(revision):
    there = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, there)
    build = tools.built(revision, there)
    if not build:
        raise Missing(f"{revision} is not in this checkout")
    return type("Earlier", (Earlier,), {"build": build})


class Bed:
    """A network with a defence. `defend(bed)` puts the defence up, and may note in bed.facts how long that took. Call close() at the end."""

    def __init__(self, name, defend, flood=(), to=SERVER, queues=1):
        self.name, self.facts, self.turns, self.missing = name, {}, [], None
        self.flood_options, self.to, self.queues = flood, to, queues
        self.sluice, self.floods, self.stack = None, [], contextlib.ExitStack()
        try:
            self.net = network.Net(queues=queues)
            self.stack.callback(self.net.close)
            self.where = self.stack.enter_context(tempfile.TemporaryDirectory())
            defend(self)
        except (Missing, subprocess.CalledProcessError) as e:
            self.missing = " ".join((str(e) if isinstance(e, Missing) else e.stderr or str(e)).split())[:200]
        except BaseException:
            self.close()
            raise

    def close(self):
        self.stack.close()

    # for the functions that put defences up

    def run(self, *argv, **more):
        return self.net.run(self.net.server, *argv, **more)

    def timed(self, *argv, **more):
        began = time.monotonic()
        done = self.run(*argv, **more)
        self.facts["load_s"] = self.facts.get("load_s", 0) + time.monotonic() - began
        return done

    def xdp(self, name):
        """Attaches drop, read, read_small, tx or pass. The host's own stack needs pass, too: redirected frames reach only a veth end that polls by NAPI."""
        self.run("ip", "link", "set", "s0", "xdp", "obj", BUILD / f"tests/lib/{name}.bpf.o", "sec", "xdp")

    def start_sluice(self, policy, revision=None):
        kind = earlier(revision) if revision else network.Sluice
        began = time.monotonic()
        self.sluice = kind(self.net, self.where, policy)
        self.stack.callback(self.sluice.close)
        self.facts["load_s"] = time.monotonic() - began

    def sink(self):
        self.stack.enter_context(mail.smtp_sink(self.net))

    def route_back(self):
        self.run("ip", "route", "add", "198.18.0.0/15", "via", "10.77.0.2")

    def hold_each(self, count):
        """Holds a real connection from each of `count` sources, spread over PORTS, because a process may not open more files."""
        self.net.run(self.net.client, "ip", "route", "add", "local", "198.18.0.0/15", "dev", "lo")
        self.net.run(self.net.client, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind")
        self.route_back()
        for port in PORTS:
            tools.serve(self.net, port)
        at_once = min(4096, count)  # a listener has room for no more
        for first in range(0, count, at_once):
            sources = f"198.{18 + first // 65536}.{first // 256 % 256}.0+{at_once}"
            _, held = tools.hold(self.net, SERVER, PORTS[first * len(PORTS) // count], at_once, sources, 1, 20000)
            if held["connected"] < at_once:
                raise Missing(f"of {at_once} connections to be held {held['connected']} were made: {held}")

    # measuring

    def start_floods(self, processors=(0,)):
        if not self.missing:
            self.processors = processors
            self.floods = [tools.flood(self.net, 25, "-c", c, "-n", NICE, "-S", SEED + c, *self.flood_options, to=self.to) for c in processors]

    def restart_floods(self, options, processors=(0,)):
        while self.floods:
            self.floods.pop().finish()
        self.flood_options = options
        self.start_floods(processors)

    def received(self):
        return json.loads(self.run("ip", "-j", "-s", "link", "show", "s0").stdout)[0]["stats64"]["rx"]["packets"]

    def warm(self, sources, seconds):
        """Floods, `seconds` at a time, until each of these sources was heard of some eight times, so that all that can be noted of it is noted."""
        until = self.received() + 8 * sources
        while self.received() < until:
            self.flood(seconds)

    def processor_ns(self, everywhere):
        """Returns how long the floods, and the kernel's threads that receive them, had a processor. Interrupts count for what they interrupt."""
        threads = [f.process.pid for f in self.floods] + [pid for cpu, pid in ksoftirqd().items() if everywhere or cpu in self.processors]
        return sum(int(_read(f"/proc/{pid}/schedstat").split()[0]) for pid in threads)

    def flood(self, seconds, meanwhile=None):
        """
        Floods for so long. Returns how many packets and SYN-ACKs a second arrived, and what meanwhile() returns. A second is one of the processors
        that send and receive if the kernel measures it, or else of the clock while frames were sent ("wall_pps" always is).
        """
        before, cpu = self.received(), self.processor_ns(meanwhile)
        for f in self.floods:
            f.ask("start")
        began = time.monotonic()
        more = meanwhile() if meanwhile else {}
        time.sleep(max(0, seconds - (time.monotonic() - began)))
        counts = [f.ask("stop", PATIENCE) for f in self.floods]
        time.sleep(0.02)
        cpu = (self.processor_ns(meanwhile) - cpu) / 1e9 / len(self.floods)
        sent, arrived = sum(c["sent"] for c in counts), self.received() - before
        wall = max(c["sending"] for c in counts)
        took = wall if IRQ_TIME else cpu
        answered = sum(c["answered"] for c in counts)
        return {"pps": min(arrived, sent) / took, "wall_pps": min(arrived, sent) / wall, "answered": answered / took, "lost": max(0, 1 - arrived / sent), **more}

    def megabytes(self):
        """Returns how many megabytes the instance's maps take."""
        total = 0
        for pin in (PINS / self.sluice.instance).iterdir():
            shown = subprocess.run(["bpftool", "-j", "map", "show", "pinned", pin], capture_output=True, text=True, check=False)
            if shown.returncode == 0:
                total += json.loads(shown.stdout)["bytes_memlock"]
        for slot in json.loads(subprocess.run(["bpftool", "-j", "map", "dump", "pinned", PINS / self.sluice.instance / "tries"], capture_output=True, text=True, check=True).stdout):
            inner = int.from_bytes(bytes(int(b, 16) for b in slot["value"]), "little")
            total += json.loads(subprocess.run(["bpftool", "-j", "map", "show", "id", str(inner)], capture_output=True, text=True, check=True).stdout)["bytes_memlock"]
        return total / 1e6

    def apply(self, policy):
        """Puts the policy in force, and returns how many seconds that took."""
        self.sluice.write(policy)
        began = time.monotonic()
        self.sluice.do("apply", self.sluice.file)
        return time.monotonic() - began


# the machine


@functools.cache
def ksoftirqd():
    """{processor: pid}"""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/comm"):
        name = _read(stat, "")
        if name.startswith("ksoftirqd/"):
            found[int(name.split("/")[1])] = int(stat.parent.name)
    return found


def _kernel_config(option):
    path = pathlib.Path(f"/boot/config-{platform.release()}")
    text = path.read_text() if path.exists() else gzip.open("/proc/config.gz", "rt").read() if os.path.exists("/proc/config.gz") else ""
    return f"\n{option}=y" in text


def _read(path, otherwise="none"):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return otherwise


def machine():
    cpu = re.search(r"model name\s*: (.*)", _read("/proc/cpuinfo"))
    mhz = re.findall(r"cpu MHz\s*: (\d+)", _read("/proc/cpuinfo"))
    virtual = subprocess.run(["systemd-detect-virt"], capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "processors": os.cpu_count(),
        "mhz": sorted(set(map(int, mhz))),
        "virtual": virtual,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "clock": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "jit": _read("/proc/sys/net/core/bpf_jit_enable"),
        "commit": commit or "unknown",
    }


IRQ_TIME = _kernel_config("CONFIG_IRQ_TIME_ACCOUNTING")  # then softirqs are charged to nobody


class Watch:
    """Notices what else the machine does, by glances while nothing of ours runs."""

    def __init__(self):
        self.busy, self.loops, self.steal = [], [], []
        self.load = float(_read("/proc/loadavg", "0").split()[0])

    @staticmethod
    def _jiffies():
        n = [int(x) for x in _read("/proc/stat").split("\n", 1)[0].split()[1:]]
        return sum(n[:8]), n[3] + n[4], n[7]  # all, idle, stolen

    def glance(self):
        began = time.perf_counter()
        sum(range(400_000))
        self.loops.append(time.perf_counter() - began)
        first = self._jiffies()
        time.sleep(0.25)
        total, idle, steal = (b - a for a, b in zip(first, self._jiffies()))
        self.busy.append(1 - idle / total if total else 0)
        self.steal.append(steal / total if total else 0)

    def odd(self):
        """Returns what looked odd, as sentences."""
        said = []
        if self.load > 0.5:
            said.append(f"the load average was {self.load} when the run began")
        for what, shares in (("other processes kept the processors busy", self.busy), ("the hypervisor took time away", self.steal)):
            if max(shares) > 0.05:
                said.append(f"{what}: {max(shares):.0%} at worst, {sum(shares) / len(shares):.0%} on average, of {len(shares)} glances while nothing was measured")
        low, high = min(self.loops), max(self.loops)
        if high > low * 1.15:
            said.append(f"the same loop took {low * 1e3:.1f} to {high * 1e3:.1f} ms: the clock frequency changed, or neighbours did")
        return said


def prepare():
    """The flood has the first processor to itself."""
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
