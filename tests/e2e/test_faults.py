# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong at 3 a.m., provoked under load, and what was lost: nothing. `make faults` prints the table."""
import contextlib, json, os, random, resource, signal, socket, subprocess, threading, time

import pytest

import tools
from net import BUILD, SERVER, wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", 25))
FAKETIME = f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketime.so.1"


def policy(imap=50):
    """`interfaces` last: what was cut off is no policy, wherever it was cut."""
    return ("service smtp { ports = {25} max-connections-per-source = 10 on-excess = reset }\n"
            f"service imap {{ ports = {{143}} max-connections-per-source = {imap} }}\ninterfaces = {{s0}}\n")


class Load:
    """Ten connections that stay, at their limit, and sessions of every ending around them, until judge()."""

    def __init__(self, net, sluice):
        self.net, self.sluice, self.sessions, self.over = net, sluice, 0, False
        self.orphans = 0  # connections that may be left whose client ended without the server being told, and are counted
        tools.any_source(net)
        tools.serve(net, 25), tools.serve(net, 143)
        self.held, first = tools.hold(net, SERVER, 25, 10, "10.77.0.2")
        assert first["greeted"] == 10
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        while not self.over:
            mixer = tools.mix(self.net, SERVER, 25, 300, f"{tools.source(self.sessions % 9000)}+60", "-S", self.sessions, "-t", 500)
            self.sessions += sum(of["attempted"] for of in mixer.finish(60)["endings"].values())

    def stop(self):
        self.over = True
        self.thread.join()

    def judge(self):
        self.stop()
        net, sluice = self.net, self.sluice
        assert self.held.ask("count")["connected"] == 10, "connections that stood still stand"
        assert self.held.ask("open 5")["connected"] == 10, "the limit holds"
        assert wait_for(lambda: 10 <= net.established(25) == sluice.connections() <= 10 + self.orphans), (net.established(25), sluice.json("status"))
        assert wait_for(lambda: sluice.service()["reserved"] == 0)
        assert sluice.json("status")["drift"] == 0
        assert self.sessions > 0


@pytest.fixture
def load(make, request):
    """load.net, load.sluice; judged at the end, and a line of the table printed."""
    net, sluice = make(policy())
    sluice.write = lambda text: sluice.file.write_text(text)
    sluice.write(policy())
    sluice.do("reload")
    load = Load(net, sluice)
    began = time.monotonic()
    try:
        yield load
        load.judge()
    finally:
        load.stop()
    name = request.node.name.removeprefix("test_").replace("_", " ")
    print(f"\n{name}: {load.sessions} sessions in {time.monotonic() - began:.0f} s, 10 of 10 held, drift 0, lost: nothing")


def imap_limit(sluice):
    return next(s for s in sluice.json("status")["services"] if s["name"] == "imap")["max_connections_per_source"]


def restart_while(sluice, seconds):
    """Kills a daemon that is starting."""
    daemon = sluice.popen()
    time.sleep(seconds)
    return daemon


def test_kill_9_at_random_moments(load):
    """During each command that changes something, and during the start. What was acknowledged is there afterwards."""
    sluice, dice = load.sluice, random.Random(9)
    banned, limit = set(), 50
    for number in range(KILLS):
        what = dice.choice(["reload", "apply", "ban", "set", "start"])
        wanted = limit
        if what == "start":
            sluice.kill()
            sluice.daemon = restart_while(sluice, dice.uniform(0, 0.5))
        elif what in ("reload", "apply"):
            wanted = 51 + number
            sluice.write(policy(wanted))
        words = {"reload": ["reload"], "apply": ["apply", sluice.file], "ban": ["ban", f"192.0.2.{number % 250}"], "start": ["status"],
                 "set": ["set", "service", "smtp", "max-connections-per-source", 10]}[what]
        client = load.net.popen(load.net.server, BUILD / "sluicectl", "-i", sluice.instance, *words, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, 0.2))
        sluice.kill()
        done = client.wait(20) == 0
        if what == "ban" and done:
            banned.add(words[1])
        assert load.held.ask("count")["connected"] == 10
        sluice.start()
        assert imap_limit(sluice) == wanted, "the file's policy, whole"
        limit = wanted
    assert banned <= {b["source"] for b in sluice.json("bans")}
    print(f"{KILLS} kill -9")


def test_sigterm_in_every_phase(load):
    sluice, dice = load.sluice, random.Random(15)
    for number in range(12):
        sluice.kill(signal.SIGTERM)
        starting = restart_while(sluice, dice.uniform(0, 0.6))
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


def test_five_daemons_started_at_once(load):
    sluice = load.sluice
    sluice.kill()
    five = [sluice.popen() for _ in range(5)]
    assert wait_for(lambda: sum(d.poll() is None for d in five) == 1, 20)
    assert wait_for(lambda: sluice.ctl("status")[0] == 0)
    assert sorted(d.poll() for d in five if d.poll() is not None) == [1] * 4
    sluice.daemon = next(d for d in five if d.poll() is None)


def test_policy_file_that_changes_while_it_is_read(load):
    """Whatever a reload finds, what is in force is one of the two policies, and whole."""
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
    assert imap_limit(sluice) in (50, 70, 71) and len(sluice.json("status")["services"]) == 2
    sluice.do("reload")
    assert imap_limit(sluice) == 71
    print(f"{codes.count(0)} reloads took it, {codes.count(2)} refused it")


@contextlib.contextmanager
def limited(pid, kind, room):
    """The running daemon may have no more than it has now, and `room` more."""
    was = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (room, was[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, was)


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_out_of_file_descriptors(load):
    sluice = load.sluice
    pid = sluice.daemon.pid
    used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
    sluice.write(policy(80))
    for room in (0, 1, 2, 3):  # no client, a client and no map, some maps
        with limited(pid, resource.RLIMIT_NOFILE, used + room):
            client = load.net.popen(load.net.server, BUILD / "sluicectl", "-i", sluice.instance, "reload", stderr=subprocess.DEVNULL)
            before = cpu(pid)
            time.sleep(1)
            assert cpu(pid) - before < 0.5, "it does not spin"
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


def test_clock_steps(load, tmp_path):
    """A day ahead, two days back: what ends by itself ends when it should."""
    sluice, clock = load.sluice, tmp_path / "clock"
    clock.write_text("+0\n")
    sluice.kill(signal.SIGTERM)
    env = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    sluice.daemon = sluice.popen(env=env)
    assert wait_for(lambda: sluice.ctl("status")[0] == 0), sluice.logged()
    sluice.do("ban", "192.0.2.1", "--for", "1h")
    sluice.do("set", "service", "imap", "max-connections-per-source", 7, "--for", "1h")
    sluice.do("ban", "192.0.2.2", "--for", "4s")
    sluice.do("set", "service", "smtp", "max-connections", 500, "--for", "4s")
    for step in ("+1d", "-2d"):
        clock.write_text(step + "\n")
        time.sleep(1.2)
        assert {b["source"] for b in sluice.json("bans")} == {"192.0.2.1", "192.0.2.2"}
        assert imap_limit(sluice) == 7 and sluice.service()["max_connections"] == 500
    assert wait_for(lambda: {b["source"] for b in sluice.json("bans")} == {"192.0.2.1"}, 6)
    assert wait_for(lambda: sluice.service()["max_connections"] == 0, 6)
    assert imap_limit(sluice) == 7


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
    assert wait_for(lambda: sluice.ctl("status")[0] == 0, 5), "there is room for one who behaves"
    many = [client() for _ in range(300)]
    for s in stalled + many:
        s.close()
    assert wait_for(lambda: sluice.ctl("status")[0] == 0)
    assert json.loads(sluice.do("--json", "status"))["daemon"] == "running"
