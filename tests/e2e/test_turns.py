# SPDX-License-Identifier: BSD-2-Clause
"""Several instances attach at once, and starts fail while they attach. The pins are in a BPF file system of the test's own, so that a test which
keeps the turn to attach from everybody keeps it from nobody else on this machine."""
import fcntl, json, os, pathlib, signal, subprocess

import pytest

from net import BUILD, Net, wait_for
from process import keeper_of

MANY = 32
FIVE = "geoip { count-countries = false }\nservice smtp { ports = {25} max-connections-per-source = 5 }\n"
COOKIES = "/proc/sys/net/ipv4/tcp_syncookies"


class Place:
    """A network whose server has many interfaces, and a BPF file system that only its instances see."""

    def __init__(self, directory):
        self.net, self.directory, self.daemons = Net(), directory, []
        try:
            self.crowd = [f"d{i}" for i in range(MANY)]
            self.net.run(self.net.server, "ip", "-batch", "-", input="".join(f"link add {d} type veth peer p{d}\nlink set {d} up\n" for d in self.crowd))
            keeps = self.net.popen(self.net.server, "unshare", "--mount", "sh", "-c", "mount -t bpf bpf /sys/fs/bpf && echo ready && cat")
            self.net.ready(keeps)
            self.within = f"/proc/{keeps.pid}"
            self.pins = pathlib.Path(self.within, "root/sys/fs/bpf/sluice")
        except BaseException:
            self.close()
            raise

    def argv(self, *argv):
        return ["nsenter", f"--mount={self.within}/ns/mnt", f"--net=/run/netns/{self.net.server}", *map(str, argv)]

    def start(self, name, interfaces):
        file, state = self.directory / f"{name}.conf", self.directory / name
        file.write_text(f"interfaces = {{{', '.join(interfaces)}}}\n{FIVE}")
        state.mkdir(exist_ok=True)
        with open(self.log(name), "w") as log:
            argv = self.argv(BUILD / "sluiced", "-f", "-c", file, "-i", self.instance(name))
            daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "STATE_DIRECTORY": str(state)})
        self.daemons.append(daemon)
        return daemon

    def instance(self, name):
        return self.net.tag + name

    def log(self, name):
        return self.directory / f"{name}.log"

    def ctl(self, name, *words):
        return subprocess.run(self.argv(BUILD / "sluicectl", "-i", self.instance(name), *words), capture_output=True, text=True)

    def runs(self, name):
        return self.ctl(name, "status").returncode == 0

    def gates(self, name):
        return list((self.pins / self.instance(name)).glob("gate@*"))

    def left(self, name):
        """Returns what there still is of an instance."""
        links = json.loads(self.net.run(self.net.server, "ip", "-j", "link").stdout)
        there = [link["ifname"] for link in links if "xdp" in link]
        return there + [p.name for p in (*self.pins.glob(f"{self.instance(name)}*"), self.socket(name)) if p.exists()]

    def socket(self, name):
        return pathlib.Path(f"/run/sluice/{self.instance(name)}.sock")

    def syncookies(self):
        return self.net.run(self.net.server, "cat", COOKIES).stdout.strip()

    def take_turn(self, seconds):
        """Returns the folder of all pins, locked, as soon as nobody attaches or detaches."""
        self.pins.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(self.pins, os.O_RDONLY | os.O_DIRECTORY)
        assert wait_for(lambda: locked(fd), seconds, 0.001), "the turn is not given away between two interfaces"
        return fd

    def close(self):
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait()
        for name in ("a", "b"):
            self.socket(name).unlink(missing_ok=True)
        self.net.close()


def locked(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    try:
        yield place
    finally:
        place.close()


def test_a_start_with_many_interfaces_keeps_no_other_instance_waiting(place):
    many = place.start("a", place.crowd)
    assert wait_for(lambda: place.gates("a"), 60)
    other = place.start("b", ["s0"])
    assert wait_for(lambda: place.runs("b") or other.poll() is not None, 60), place.log("b").read_text()
    before = len(place.gates("a"))
    assert other.poll() is None, place.log("b").read_text()
    assert before < MANY and many.poll() is None, "it runs before the first has attached to all"
    assert place.ctl("b", "unload").returncode == 0, "nor does its unload wait for that"
    assert len(place.gates("a")) < MANY
    assert wait_for(lambda: place.runs("a"), 120), place.log("a").read_text()
    assert len(place.gates("a")) == MANY and place.ctl("a", "unload").returncode == 0
    assert not place.left("a") + place.left("b")


def failed(place, name, daemon):
    """Waits until the start has failed, and returns what it said. Nothing of it may be left."""
    daemon.wait(timeout=180)
    said = place.log(name).read_text()
    assert daemon.returncode == 1, said
    assert f"what was loaded for instance {place.instance(name)} is removed again" in said or "attaching or detaching" in said, said
    return said


def test_a_start_that_never_gets_its_turn_to_attach_leaves_nothing_and_says_who_has_it(place):
    before, fd = place.syncookies(), place.take_turn(1)
    try:
        said = failed(place, "a", place.start("a", ["s0"]))
    finally:
        os.close(fd)
    assert f"process {os.getpid()} has been attaching or detaching" in said and f"kill -9 {os.getpid()}" in said, said
    assert not place.left("a") and place.syncookies() == before
    place.start("a", ["s0"])
    assert wait_for(lambda: place.runs("a"), 60), "the start after that finds nothing in its way"


def test_a_start_that_loses_its_turn_halfway_detaches_again_and_leaves_nothing(place):
    before, daemon = place.syncookies(), place.start("a", place.crowd)
    assert wait_for(lambda: place.gates("a"), 60)
    fd = place.take_turn(30)
    try:
        assert 0 < len(place.gates("a")) < MANY
        said = failed(place, "a", daemon)
    finally:
        os.close(fd)
    assert f"kill -9 {os.getpid()}" in said and "is removed again" in said, said
    assert not place.left("a") and place.syncookies() == before


def test_a_start_that_finds_its_last_interface_taken_leaves_nothing_and_says_which(place):
    before, last = place.syncookies(), place.crowd[-1]
    place.net.run(place.net.server, "ip", "link", "set", last, "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
    said = failed(place, "a", place.start("a", place.crowd[:2] + [last]))
    assert f"{last}: another XDP program is attached" in said and "is removed again" in said, said
    assert place.left("a") == [last] and place.syncookies() == before


def test_a_start_whose_keeper_is_killed_while_it_attaches_leaves_nothing(place):
    before, daemon = place.syncookies(), place.start("a", place.crowd)
    assert wait_for(lambda: place.gates("a"), 60)
    os.kill(keeper_of(daemon.pid), signal.SIGKILL)
    said = failed(place, "a", daemon)
    assert "the process that attaches has ended: start sluiced again" in said and "is removed again" in said, said
    assert not place.left("a") and place.syncookies() == before


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_start_that_a_signal_ends_while_it_attaches_leaves_nothing(place, number):
    before, daemon = place.syncookies(), place.start("a", place.crowd[:6])
    assert wait_for(lambda: place.gates("a"), 60)
    daemon.send_signal(number)
    daemon.wait(timeout=180)
    said = place.log("a").read_text()
    assert daemon.returncode == -number and f"what was loaded for instance {place.instance('a')} is removed again" in said, said
    assert not place.left("a") and place.syncookies() == before


def test_a_reload_by_a_signal_that_comes_during_the_start_is_done_behind_it(place):
    daemon = place.start("a", place.crowd[:3])
    assert wait_for(lambda: place.gates("a"), 60)
    daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: "reload by a signal" in place.log("a").read_text() or daemon.poll() is not None, 60) and daemon.poll() is None, place.log("a").read_text()
    assert len(place.gates("a")) == 3


def test_a_takeover_that_a_signal_ends_is_a_stop_behind_it(place):
    daemon = place.start("a", ["s0"])
    assert wait_for(lambda: place.runs("a"), 60), place.log("a").read_text()
    daemon.kill()
    daemon.wait()
    daemon = place.start("a", place.crowd[:4] + ["s0"])
    assert wait_for(lambda: len(place.gates("a")) > 1, 60)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=180) == 0
    said = place.log("a").read_text()
    assert "then lets everything pass" in said, said
    assert len(place.gates("a")) == 5 and json.loads(place.ctl("a", "--json", "status").stdout)["daemon"] != "running"


def test_a_keeper_whose_daemon_is_killed_stops_at_the_next_interface_and_the_next_start_goes_on(place):
    daemon = place.start("a", place.crowd)
    assert wait_for(lambda: place.gates("a"), 60)
    keeper = keeper_of(daemon.pid)
    daemon.kill()
    daemon.wait()
    assert wait_for(lambda: not os.path.exists(f"/proc/{keeper}"), 10)
    assert len(place.gates("a")) < MANY, "it has not attached to all for nobody"
    place.start("a", place.crowd[:3])
    assert wait_for(lambda: place.runs("a"), 60), place.log("a").read_text()
    assert {p.name for p in place.gates("a")} == {f"gate@{d}" for d in place.crowd[:3]}
    assert place.ctl("a", "unload").returncode == 0 and not place.left("a")


def test_an_interface_that_comes_back_while_another_one_is_attached_to_is_guarded_as_well(place):
    daemon = place.start("a", ["s0", "d0", "d1"])
    assert wait_for(lambda: place.runs("a"), 60), place.log("a").read_text()
    modes = lambda: {i["name"]: i["xdp_mode"] for i in json.loads(place.ctl("a", "--json", "status").stdout)["interfaces"]}
    batch = lambda *lines: place.net.run(place.net.server, "ip", "-batch", "-", input="".join(f"{line}\n" for line in lines))
    batch("link del d0", "link del d1")
    assert wait_for(lambda: modes() == {"s0": "native", "d0": "detached", "d1": "detached"})
    fd, keeper = place.take_turn(10), keeper_of(daemon.pid)
    waits = lambda: "/sys/fs/bpf/sluice" in [os.readlink(f) for f in pathlib.Path(f"/proc/{keeper}/fd").iterdir() if f.is_symlink()]
    try:
        batch("link add d0 type veth peer p0", "link set d0 up")
        assert wait_for(waits), "the keeper waits for its turn at d0"
        batch("link add d1 type veth peer p1", "link set d1 up")
    finally:
        os.close(fd)
    assert wait_for(lambda: modes() == {"s0": "native", "d0": "native", "d1": "native"}, 30), (modes(), place.log("a").read_text())


def test_a_restart_and_an_unload_wait_for_their_turn_but_not_for_ever(place):
    daemon = place.start("a", ["s0"])
    assert wait_for(lambda: place.runs("a"), 60), place.log("a").read_text()
    daemon.kill()
    daemon.wait()
    fd = place.take_turn(1)
    try:
        daemon = place.start("a", ["s0"])
        assert wait_for(lambda: place.runs("a") or daemon.poll() is not None, 60) and daemon.poll() is None, place.log("a").read_text()
        done = place.ctl("a", "unload")
    finally:
        os.close(fd)
    assert done.returncode == 0, done.stderr
    assert not place.left("a")
