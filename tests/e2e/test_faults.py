# SPDX-License-Identifier: BSD-2-Clause
"""Provokes under load what goes wrong at 3 a.m., and shows that nothing is lost. `make faults` prints the table."""
import collections, contextlib, itertools, json, os, random, re, resource, signal, socket, subprocess, threading, time

import pytest

import load as loads
import tools
from load import Load, Operators, policy
from net import BUILD, PACE, SANITIZED, processor_seconds, wait_for
from test_upgrade import ABI, PROGRAMS, age, gate_of

KILLS = int(os.environ.get("SLUICE_KILLS", 25))
FAKETIME = f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketime.so.1"


@pytest.fixture(scope="module")
def table():
    """Collects {fault: (moments, what was lost)}, and prints it at the end."""
    rows = {}
    yield rows
    survived = sum(lost == "nothing" for _, lost in rows.values())
    wide = [max(len(row[i]) for row in [("fault", "moments"), *((f, m) for f, (m, _) in rows.items())]) for i in (0, 1)]
    print(f"\n\n{'fault':{wide[0]}}  {'moments':{wide[1]}}  lost")
    for fault, (moments, lost) in rows.items():
        print(f"{fault:{wide[0]}}  {moments:{wide[1]}}  {lost}")
    print(f"faults survived: {survived} of {len(rows)}")


@pytest.fixture
def load(make, request, table):
    """Yields a Load, with load.net and load.sluice. At the end it is judged, and fills a row of the table: load.moments, and the sessions meanwhile."""
    net, sluice = make("service smtp { ports = {25} }")
    sluice.write = lambda text: sluice.file.write_text(text)
    sluice.write(policy())
    sluice.do("reload")
    load, name = Load(net, sluice), request.node.name.removeprefix("test_").replace("_", " ")
    load.moments = "one"
    table[name] = load.moments, "see above"
    try:
        yield load
        load.judge()
    finally:
        load.stop()
    if not request.node.failed:
        table[name] = f"{load.moments}; {load.sessions} sessions", "nothing"


def imap_limit(sluice):
    return loads.imap_limit(sluice.json("status"))


def start_briefly(sluice, seconds):
    """Starts a daemon, and returns it after so many seconds, perhaps before it is ready."""
    daemon = sluice.popen()
    time.sleep(seconds)
    return daemon


class Kills:
    """Kills the daemon (-9) in the middle of one thing after another. Afterwards each order answered with "done" is kept, and the policy is whole."""

    def __init__(self, load, other):
        self.load, self.net, self.sluice, self.dice = load, load.net, load.sluice, random.Random(9)
        self.other, self.limit, self.done = other, 50, collections.Counter()
        self.banned, self.doubtful = set(), set()

    def say(self, *words):
        return self.net.popen(self.net.server, BUILD / "sluicectl", "-i", self.sluice.instance, *words, stderr=subprocess.DEVNULL)

    def reload_or_apply(self, number):
        self.limit = 51 + number
        self.sluice.write(policy(self.limit))
        return self.say(*self.dice.choice([["reload"], ["apply", self.sluice.file]]))

    def trial(self, _):
        return self.say("apply", self.other, "--confirm", "1s")

    def setting(self, _):
        return self.say("set", "service", "smtp", "max-connections-per-source", 10)

    def ban(self, number):
        return self.say("ban", f"198.51.100.{number % 250}")

    def state_write(self, number):
        """Kills the daemon after it has made the new file, and before that replaces the old one, which takes long here."""
        calls, when = self.dice.choice([("fsync", 1), ("rename", 1), ("fsync", 2)])
        beside = self.sluice.state / f"{self.sluice.instance}.state.new"
        with tools.tampered(self.sluice.daemon.pid, calls, f"delay_enter=400000:when={when}"):
            client = self.ban(number)
            assert wait_for(lambda: beside.exists() or client.poll() is not None, 10, 0.0005)
            time.sleep(self.dice.uniform(0, 0.3))
            self.sluice.kill()
        return client

    def start(self, _):
        self.sluice.kill()
        self.sluice.daemon = self.sluice.popen()
        return self.say("status")

    def upgrade(self, _):
        """Starts a daemon on what another build left."""
        self.sluice.kill()
        age(self.net, self.sluice, self.dice.choice((ABI, PROGRAMS)))
        self.sluice.daemon = start_briefly(self.sluice, self.dice.uniform(0, 3))
        return self.say("status")

    def judge(self):
        """Checks what the kernel has, while no daemon runs."""
        assert self.load.held.ask("count")["connected"] == 10
        assert gate_of(self.net)[0], "something always judges"
        status = self.sluice.json("status")
        if "services" in status:  # absent in the middle of an upgrade, when this build could read none
            loads.imap_limit(status)

    def one(self, number):
        what = [self.reload_or_apply, self.trial, self.setting, self.ban, self.state_write, self.start, self.upgrade][number % 7]
        client = what(number)
        time.sleep(self.dice.uniform(0, 0.5 if what == self.start else 0.2))
        self.sluice.kill()
        if what in (self.ban, self.state_write):
            (self.doubtful if client.wait(20) else self.banned).add(f"198.51.100.{number % 250}")
        client.wait(20)
        self.judge()
        self.sluice.start()
        if what == self.trial:
            self.sluice.ctl("revert"), self.sluice.do("reload")
        assert imap_limit(self.sluice) == self.limit, "the policy in the file is in force, as a whole"
        self.done[what.__name__.replace("_", " ")] += 1

    def while_operators_speak(self, count):
        operators = Operators(self.sluice, [self.sluice.file, self.other], self.banned)
        operators.start()
        for _ in range(count):
            time.sleep(self.dice.random() * 0.5)
            self.sluice.kill()
            self.judge()
            while self.dice.random() < 0.3:  # daemons are also killed in the middle of a start
                daemon = start_briefly(self.sluice, self.dice.random() * 0.4)
                daemon.kill(), daemon.wait()
                self.done["starts besides"] += 1
            self.sluice.start()
            self.done["whatever operators say"] += 1
        operators.stop()
        self.sluice.ctl("revert"), self.sluice.do("reload")
        assert imap_limit(self.sluice) == self.limit
        self.banned, self.doubtful = operators.banned, self.doubtful | operators.doubtful


def test_kill_9_at_random_moments(load, tmp_path):
    sluice, other = load.sluice, tmp_path / "other.conf"
    other.write_text(policy(7000))
    kills = Kills(load, other)
    with tools.memory_disk(sluice.state):  # since a slow write may delay the next one
        for number in range(KILLS - KILLS // 3):
            kills.one(number)
        kills.while_operators_speak(KILLS // 3)
        banned = {b["source"] for b in sluice.json("bans")}
        assert kills.banned <= banned <= kills.banned | kills.doubtful
        load.judge()
        load.moments = ", ".join(f"{n} {what}" for what, n in kills.done.items())
        sluice.kill()
        sluice.do("unload")
        sluice.start()
        assert kills.banned <= {b["source"] for b in sluice.json("bans")}, "the file has them, too"
        assert {name.rpartition(".")[2] for name in os.listdir(sluice.state)} <= {"state", "history", "refusals"}, "nothing torn, nothing left over"


def test_sigterm_in_every_phase(load):
    sluice, dice = load.sluice, random.Random(15)
    for number in range(12):
        sluice.kill(signal.SIGTERM)
        starting = start_briefly(sluice, dice.uniform(0, 0.6))
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(10) in (0, -signal.SIGTERM)
        sluice.start()
        sluice.write(policy(60 + number))
        client = load.net.popen(load.net.server, BUILD / "sluicectl", "-i", sluice.instance, "reload", stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, 0.1))
        sluice.kill(signal.SIGTERM)
        client.wait(10)
        sluice.start()
        assert imap_limit(sluice) == 60 + number
    load.moments = "12 of a start, 12 of a reload"


def test_five_daemons_started_at_once(load):
    sluice = load.sluice
    sluice.kill()
    five = [sluice.popen() for _ in range(5)]
    assert wait_for(lambda: sum(d.poll() is None for d in five) == 1, 20)
    assert wait_for(lambda: sluice.ctl("status")[0] == 0)
    assert sorted(d.poll() for d in five if d.poll() is not None) == [1] * 4
    sluice.daemon = next(d for d in five if d.poll() is None)


def test_policy_file_that_changes_while_it_is_read(load):
    """Whatever a reload finds, one of the two policies is in force, as a whole."""
    sluice, over, dice = load.sluice, threading.Event(), random.Random(2)

    def rewrite():
        while not over.is_set():
            for limit in (70, 71):
                with open(sluice.file, "w") as out:  # in place, in pieces: as a bad editor does
                    for piece in policy(limit).split("\n"):
                        out.write(piece + "\n")
                        out.flush()
                time.sleep(dice.uniform(0, 0.02))

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        codes = [sluice.ctl("reload")[0] for _ in range(60)]
    finally:
        over.set()
        writer.join()
    assert set(codes) <= {0, 2}
    assert imap_limit(sluice) in (50, 70, 71)
    sluice.do("reload")
    assert imap_limit(sluice) == 71
    load.moments = f"60 reloads: {codes.count(0)} took it, {codes.count(2)} refused it"


@contextlib.contextmanager
def limited(pid, kind, room):
    """Limits the running daemon to `room` meanwhile."""
    was = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (room, was[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, was)


def test_out_of_file_descriptors(load):
    sluice = load.sluice
    pid = sluice.daemon.pid
    used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
    sluice.write(policy(80))
    for room in (0, 1, 2, 3):  # no client, a client and no map, some maps
        with limited(pid, resource.RLIMIT_NOFILE, used + room):
            client = load.net.popen(load.net.server, BUILD / "sluicectl", "-i", sluice.instance, "reload", stderr=subprocess.DEVNULL)
            before = processor_seconds(pid)
            time.sleep(1)
            assert processor_seconds(pid) - before < 0.5, "it does not spin"
        assert client.wait(20) in (0, 1, 2, 3)
        assert imap_limit(sluice) in (50, 80)
    sluice.do("reload")
    assert imap_limit(sluice) == 80


def test_memory_that_runs_out(load):
    """A list of 300,000 does not fit: the reload says so, the old policy stays, and later it fits."""
    sluice = load.sluice
    pid = sluice.daemon.pid
    foes = sluice.file.parent / "foes"
    foes.write_text("".join(f"192.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n" for i in range(0, 600000, 2)))
    sluice.write('source-set foes { file = foes action = deny }\n' + policy(90))
    size = int(open(f"/proc/{pid}/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    for room in (1 << 20, 8 << 20, 24 << 20, 48 << 20):
        with limited(pid, resource.RLIMIT_AS, size + room):
            code, _, said = sluice.ctl("reload")
            assert code in (0, 1, 2) and (code == 0 or said), (room, code, said)
        assert imap_limit(sluice) == (50 if code else 90)
        if not code:
            break
    sluice.do("reload")
    assert imap_limit(sluice) == 90
    assert sluice.json("lookup", "192.0.0.2")["services"][0]["reason"] == "denied"


def test_kernel_refuses_one_call_after_another(load, tmp_path):
    """Each bpf() call of a reload in turn fails with ENOMEM, even those that create maps. The reload succeeds, or says why not, and changes nothing."""
    sluice, log, refused, number = load.sluice, tmp_path / "calls", collections.Counter(), 0
    for when in itertools.cycle(range(1, 120)):
        number, before = number + 1, imap_limit(sluice)
        sluice.write(policy(200 + number))
        with tools.tampered(sluice.daemon.pid, "bpf", f"error=ENOMEM:when={when}", log):
            code, _, said = sluice.ctl("reload")
        assert code == 0 or (code == 1 and said), (when, code, said)
        assert imap_limit(sluice) == (before if code else 200 + number), (when, code, said, log.read_text())
        refused.update(re.findall(r"bpf\(BPF_(\w+),.*INJECTED", log.read_text()))
        if number >= 60 and refused["MAP_CREATE"] >= 2:
            break
    sluice.do("reload")
    assert imap_limit(sluice) == 200 + number
    load.moments = f"{number} reloads: " + ", ".join(f"{n} {call}" for call, n in refused.items())


def test_full_disk_for_the_state(load):
    sluice = load.sluice
    file = sluice.state / f"{sluice.instance}.state"
    with tools.full_disk(sluice.state) as filler:
        for number in range(10):
            code, _, said = sluice.ctl("ban", f"192.0.2.{number}")
            assert code == 0 and "make room" in said
        sluice.kill()
        sluice.start()
        assert len(sluice.json("bans")) == 10 and not file.exists()
        sluice.do("ban", "192.0.2.10")
        filler.unlink()
        assert wait_for(lambda: file.exists() and file.read_text().count("\nban ") == 11, 30), "by itself, when there is room again"
        load.judge()  # while the file system is there to which its daemon writes
    load.moments = "11 bans and a kill -9"


def test_full_disk_for_the_log(load):
    sluice = load.sluice
    sluice.kill(signal.SIGTERM)
    with open("/dev/full", "w") as full:
        sluice.daemon = sluice.popen(stderr=full, stdout=full)
    assert wait_for(lambda: sluice.ctl("status")[0] == 0)
    for number in range(10):
        sluice.write("interfaces = {\n" if number % 2 else policy(100 + number))
        assert sluice.ctl("reload")[0] == (2 if number % 2 else 0)
    assert imap_limit(sluice) == 108
    sluice.write(policy())
    load.moments = "10 reloads"


def test_interface_goes_down_and_up_and_away_and_back(load):
    load.orphans = 200
    for change in ("down", "up"):
        load.net.run(load.net.server, "ip", "link", "set", "s0", change)
    mode = lambda: load.sluice.json("status")["interfaces"][0]["xdp_mode"]
    assert mode() == "native"
    load.net.unplug()
    assert wait_for(lambda: mode() == "detached")
    load.net.plug()
    tools.any_source(load.net)
    assert wait_for(lambda: mode() == "native")


@pytest.mark.skipif(SANITIZED, reason="libfaketime and ASan wait for each other before main()")
def test_clock_steps(load, tmp_path):
    """The clock jumps a day ahead and two days back. What ends by itself still ends when it should."""
    sluice, clock = load.sluice, tmp_path / "clock"
    clock.write_text("+0\n")
    sluice.kill(signal.SIGTERM)
    env = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    sluice.daemon = sluice.popen(env=env)
    assert wait_for(lambda: sluice.ctl("status")[0] == 0), sluice.logged()
    sluice.do("ban", "192.0.2.1", "--for", "1h")
    sluice.do("set", "service", "imap", "max-connections-per-source", 7, "--for", "1h")
    sluice.do("ban", "192.0.2.2", "--for", f"{4 * PACE}s")
    sluice.do("set", "service", "smtp", "max-connections", 500, "--for", f"{4 * PACE}s")
    for step in ("+1d", "-2d"):
        clock.write_text(step + "\n")
        time.sleep(1.2)
        assert {b["source"] for b in sluice.json("bans")} == {"192.0.2.1", "192.0.2.2"}
        assert sluice.service("imap")["max_connections_per_source"] == 7 and sluice.service()["max_connections"] == 500
    assert wait_for(lambda: {b["source"] for b in sluice.json("bans")} == {"192.0.2.1"}, 6)
    assert wait_for(lambda: sluice.service()["max_connections"] == 0, 6)
    assert sluice.service("imap")["max_connections_per_source"] == 7
    load.moments = "a day ahead, two days back"


def test_control_clients_that_stall_flood_vanish_or_send_garbage(load):
    sluice, dice = load.sluice, random.Random(3)
    path = f"/run/sluice/{sluice.instance}.sock"

    def client(send=b""):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        with contextlib.suppress(OSError):
            s.connect(path)
            s.sendall(send)
        return s

    stalled = [client(b'{"verb":') for _ in range(20)]
    for _ in range(300):
        client(dice.randbytes(dice.randrange(2000))).close()
        client(b'{"verb":"sources"}\n').close()
    assert wait_for(lambda: sluice.ctl("status")[0] == 0, 5), "a client that behaves is served"
    many = [client() for _ in range(300)]
    for s in stalled + many:
        s.close()
    assert wait_for(lambda: sluice.ctl("status")[0] == 0)
    assert json.loads(sluice.do("--json", "status"))["daemon"] == "running"
