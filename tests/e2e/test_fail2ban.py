# SPDX-License-Identifier: BSD-2-Clause
"""A real fail2ban (Debian's) runs with dist/fail2ban/action.d/sluice.conf: two jails ban one address, and it restarts with many bans."""
import shutil, signal, sqlite3, subprocess, time

import pytest

from net import BUILD, PACE, ROOT, needs, wait_for

POLICY = "service smtp { ports = {25} }\n"
FOE, OTHER = "10.77.0.3", "10.77.0.4"
MARGIN = 3600  # sluice ends a ban so many seconds later than fail2ban should


class Fail2ban:
    """A fail2ban server for one test, with its own files, in the network of the test."""

    def __init__(self, net, sluice, directory, jails):
        self.net, self.sluice, self.dir = net, sluice, directory
        for folder in ("action.d", "filter.d"):
            (directory / folder).mkdir(parents=True)
        shutil.copy(ROOT / "dist/fail2ban/action.d/sluice.conf", directory / "action.d")
        (directory / "filter.d/knock.conf").write_text("[Definition]\nfailregex = ^\\s*refused <HOST>$\n")
        self.database, self.socket = directory / "fail2ban.sqlite3", directory / "socket"
        (directory / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = {directory}/fail2ban.log\nsyslogsocket = auto\nsocket = {self.socket}\n"
            f"pidfile = {directory}/pid\ndbfile = {self.database}\ndbpurgeage = 10d\ndbmaxmatches = 10\n"
        )
        text = ""
        for jail, bantime in jails.items():
            (directory / jail).touch()
            text += (
                f"[{jail}]\nenabled = true\nbackend = polling\nfilter = knock\nlogpath = {directory}/{jail}\nmaxretry = 1\nfindtime = 600\n"
                f"bantime = {bantime}\nignoreself = false\n"
                f'action = sluice[sluicectl="{BUILD}/sluicectl -i {sluice.instance}", dbfile="{self.database}", patience=25]\n\n'
            )
        (directory / "jail.conf").write_text(text)
        self.server = None

    def start(self):
        self.server = self.net.popen(self.net.server, "fail2ban-server", "-c", self.dir, "-s", self.socket, "-p", self.dir / "pid", "-f", "start",
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_for(lambda: self.client("ping", check=False).returncode == 0, 30), self.logged()

    def client(self, *words, check=True):
        return self.net.run(self.net.server, "fail2ban-client", "-c", self.dir, "-s", self.socket, *words, check=check)

    def stop(self):
        self.client("stop")
        self.server.wait(60 * PACE)

    def knock(self, jail, address):
        with open(self.dir / jail, "a", encoding="utf-8") as log:
            log.write(time.strftime("%Y-%m-%d %H:%M:%S") + f" refused {address}\n")

    def logged(self):
        path = self.dir / "fail2ban.log"
        return path.read_text() if path.exists() else "no log"


@pytest.fixture
def fail2ban(make, tmp_path):
    needs(shutil.which("fail2ban-server"), "fail2ban is not installed: scripts/setup.sh")
    made = []

    def build(**jails):
        net, sluice = make(POLICY)
        made.append(Fail2ban(net, sluice, tmp_path / "fail2ban", jails))
        made[0].start()
        return net, sluice, made[0]

    yield build
    for f in made:
        if f.server and f.server.poll() is None:
            f.server.terminate()
            f.server.wait(60 * PACE)


def owners(sluice, address):
    return {b["owner"]: b["expires_in"] for b in sluice.json("bans", address)}


def test_two_jails_that_ban_one_address_do_not_undo_each_other(fail2ban):
    net, sluice, f = fail2ban(short=600, ever=-1)
    net.serve("::", 25)
    client = net.hold(FOE)
    client("open", 1)
    assert client.greeted(1)
    for jail in ("short", "ever"):
        f.knock(jail, FOE)
    assert wait_for(lambda: len(owners(sluice, FOE)) == 2, 30), f.logged()
    assert owners(sluice, FOE)["f2b-ever"] is None and MARGIN + 500 < owners(sluice, FOE)["f2b-short"] <= MARGIN + 600
    assert sluice.json("bans", FOE)[0]["reason"] == "fail2ban, jail ever"
    client("open", 1)
    assert wait_for(lambda: sluice.reason("banned") > 0)
    f.client("set", "ever", "unbanip", FOE)
    assert wait_for(lambda: list(owners(sluice, FOE)) == ["f2b-short"], 20), f.logged()
    assert sluice.json("explain", FOE, "--service", "smtp")["reason"] == "banned", "the other jail's ban stands"
    f.client("set", "short", "unbanip", FOE)
    assert wait_for(lambda: owners(sluice, FOE) == {}, 20), f.logged()
    assert client.greeted(2, 15)
    sluice.do("ban", OTHER)
    f.knock("short", OTHER)
    assert wait_for(lambda: len(owners(sluice, OTHER)) == 2, 30)
    sluice.do("unban", OTHER, "--by", "f2b-short")  # as if this ban had ended in sluice before it ended in fail2ban
    f.client("set", "short", "unbanip", OTHER)
    f.stop()
    assert list(owners(sluice, OTHER)) == ["uid:0"], "an operator's ban is left alone"
    assert " ERROR " not in f.logged(), f.logged()


def test_a_restart_brings_twenty_thousand_bans_back_in_one_order(fail2ban):
    _, sluice, f = fail2ban(many=86400, few=86400)
    f.stop()
    now = int(time.time())
    rows = [(f"{100 + i // 65536}.{i // 256 % 256}.{i % 256}.7", "many", now - 60, 86400) for i in range(20000)]
    rows += [("198.51.100.1", "few", now - 60, 86400), ("198.51.100.2", "few", now - 86401, 86400), ("10.77.0.1", "few", now - 60, 86400)]
    with sqlite3.connect(f.database) as database:
        database.executemany("INSERT INTO bips (ip, jail, timeofban, bantime, data) VALUES (?, ?, ?, ?, '{}')", rows)
    began = time.monotonic()
    f.start()
    assert wait_for(lambda: len(sluice.json("bans")) == 20001, 60), f.logged()[-3000:]
    print(f"20,000 bans are back after {time.monotonic() - began:.1f} s, with fail2ban's own start")
    assert MARGIN + 86300 < owners(sluice, "100.3.3.7")["f2b-many"] <= MARGIN + 86340, "the ban keeps the time that it had left"
    assert list(owners(sluice, "198.51.100.1")) == ["f2b-few"] and owners(sluice, "198.51.100.2") == {}
    assert owners(sluice, "10.77.0.1") == {}, "the host's own address is left out, and the other bans are not harmed"
    assert wait_for(lambda: "198.51.100.1" in f.client("status", "few").stdout, 30)
    f.client("set", "few", "unbanip", "198.51.100.1")
    assert wait_for(lambda: owners(sluice, "198.51.100.1") == {}, 20), "the end of a restored ban is passed on"
    sluice.do("ban", "192.0.2.1")
    f.stop()
    assert [b["source"] for b in sluice.json("bans")] == ["192.0.2.1"], "a fail2ban that stops takes its own with it"
    assert " ERROR " not in f.logged(), f.logged()[-3000:]


def test_a_ban_that_fail2ban_lengthens_is_lengthened_here_too(fail2ban):
    _, sluice, f = fail2ban(known="600\nbantime.increment = true\nbantime.factor = 3")
    f.stop()
    known = [f"198.51.100.{i}" for i in range(20)]
    with sqlite3.connect(f.database) as database:  # each was banned before, and that ban is over
        database.executemany("INSERT INTO bips (ip, jail, timeofban, bantime, data) VALUES (?, 'known', ?, 600, '{}')", [(ip, int(time.time()) - 7200) for ip in known])
    f.start()
    for address in (*known, OTHER):
        f.knock("known", address)
    # fail2ban bans at once. How often somebody was banned before, it finds out meanwhile, and tells up to 10 s later.
    assert wait_for(lambda: all(owners(sluice, address).get("f2b-known", 0) > MARGIN + 600 for address in known), 40), f.logged()
    assert MARGIN < owners(sluice, OTHER)["f2b-known"] <= MARGIN + 600, "a first ban lasts as long as the jail says"
    f.client("set", "known", "unbanip", known[0])
    assert wait_for(lambda: owners(sluice, known[0]) == {}, 20) and " ERROR " not in f.logged(), f.logged()


def test_a_reboot_in_the_order_of_the_units_loses_no_ban_of_fail2ban(fail2ban):
    """At a shutdown systemd stops units in the reverse order of their start."""
    unit = (ROOT / "dist/sluiced.service").read_text()
    before = [name for line in unit.splitlines() if line.startswith("Before=") for name in line[7:].split()]
    assert "fail2ban.service" in before, "fail2ban would start first, and find nobody to restore its bans"
    _, sluice, f = fail2ban(short=86400, ever=-1)
    for jail in ("short", "ever"):
        f.knock(jail, FOE)
    assert wait_for(lambda: len(owners(sluice, FOE)) == 2, 30), f.logged()
    f.stop()
    assert owners(sluice, FOE) == {}
    sluice.kill(signal.SIGTERM)
    sluice.do("unload")
    sluice.start()
    f.start()
    assert wait_for(lambda: len(owners(sluice, FOE)) == 2, 30), f.logged()
    assert owners(sluice, FOE)["f2b-ever"] is None and MARGIN + 86000 < owners(sluice, FOE)["f2b-short"] <= MARGIN + 86400
    assert " ERROR " not in f.logged(), f.logged()


def test_what_fail2ban_orders_while_sluiced_restarts_is_done_when_it_is_back(fail2ban):
    _, sluice, f = fail2ban(ever=-1)
    f.knock("ever", FOE)
    assert wait_for(lambda: len(owners(sluice, FOE)) == 1, 30), f.logged()
    sluice.kill(signal.SIGTERM)
    f.knock("ever", OTHER)
    assert wait_for(lambda: f"Ban {OTHER}" in f.logged(), 30), f.logged()
    sluice.start()
    assert wait_for(lambda: len(owners(sluice, OTHER)) == 1, 30), f.logged()
    sluice.kill(signal.SIGTERM)
    unban = f.net.popen(f.net.server, "fail2ban-client", "-c", f.dir, "-s", f.socket, "set", "ever", "unbanip", FOE)
    assert wait_for(lambda: f"Unban {FOE}" in f.logged(), 30), f.logged()
    sluice.start()
    assert wait_for(lambda: owners(sluice, FOE) == {}, 30) and unban.wait(60 * PACE) == 0, f.logged()
    assert list(owners(sluice, OTHER)) == ["f2b-ever"] and "Failed to execute" not in f.logged(), f.logged()


def test_whom_fail2ban_takes_for_banned_is_banned_here_also_if_it_lengthened_the_ban_by_itself(fail2ban):
    _, sluice, f = fail2ban(brief=8)
    f.knock("brief", FOE)
    assert wait_for(lambda: len(owners(sluice, FOE)) == 1, 30), f.logged()
    end = lambda: f.client("get", "brief", "banip", "--with-time").stdout.rpartition("= ")[2].strip()
    first = end()
    time.sleep(4)  # later failures lengthen the ban by the time between
    f.knock("brief", FOE)
    assert wait_for(lambda: f"{FOE} already banned" in f.logged() and end() > first, 20), f.logged()
    free = lambda: (not owners(sluice, FOE), f"Unban {FOE}" not in f.logged())
    assert wait_for(lambda: free() == (True, True) or not free()[1], 60) and free() != (True, True), "let in, while fail2ban takes it for banned"
    assert wait_for(lambda: owners(sluice, FOE) == {}, 20), f.logged()
