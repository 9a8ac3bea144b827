# SPDX-License-Identifier: BSD-2-Clause
"""Each order leaves one line in the log: who gave it, what it was, what came of it, and no more of an address than the policy shows."""
import os, re, signal, socket, subprocess

import pytest

from net import BUILD, sh, wait_for

POLICY = "include(conf.d/*.conf)\nprivacy {{ addresses = {how} }}\nservice smtp {{ ports = {{25}} max-connections-per-source = 5 }}\nsource-set foes {{ prefixes = {{203.0.113.7}} action = deny }}\ngeoip {{ database = {{countries.csv}} }}\n"
LINE = re.compile(r"order: (.*) by (.*): (done|refused|failed)( \(and \d+ before, unsaid\))?(?:: (.*))?$")


def orders(sluice):
    """Returns (what, by whom, result, text) of each order's line in the log."""
    found = [LINE.search(line) for line in sluice.logged().splitlines() if "order: " in line]
    assert all(found), sluice.logged()
    return [(m[1], m[2], m[3], m[5] or "") for m in found]


@pytest.fixture
def trailed(make, tmp_path):
    def start(how="truncated"):
        (tmp_path / "countries.csv").write_text("10.0.0.0,10.255.255.255,DE\n")
        net, sluice = make(POLICY.format(how=how))
        other = tmp_path / "other.conf"
        other.write_text("interfaces = {s0}\n" + POLICY.format(how=how) + "service imap { ports = {143} }\n")
        return net, sluice, other

    return start


def give(sluice, other):
    """Gives one order of each kind. Yields what the line of each must begin with."""
    given = (
        (("set", "service", "smtp", "max-connections-per-source", "4", "--for", "1h"), "set "),
        (("set", "source-set", "foes", "prefixes", "{203.0.113.9,", "2001:db8:1:2::9}"), "set "),
        (("unset", "service", "smtp", "max-connections-per-source"), "unset "),
        (("mode", "observe"), "mode mode=observe"),
        (("limit", "198.51.100.7", "max-connections-per-source", "9"), "limit "),
        (("unlimit", "198.51.100.7"), "unlimit "),
        (("ban", "198.51.100.9", "--reason", "spam from 198.51.100.9", "--by", "me"), "ban "),
        (("unban", "198.51.100.9", "--by", "me"), "unban "),
        (("kill", "198.51.100.9"), "kill "),
        (("allow", "198.51.100.8"), "allow "),
        (("disallow", "198.51.100.8"), "disallow "),
        (("apply", str(other), "--confirm", "1h"), "apply "),
        (("confirm",), "confirm"),
        (("apply", str(other), "--confirm", "1h"), "apply "),
        (("revert",), "revert"),
        (("reload",), "reload"),
        (("geo", "update"), "geo-update"),
        (("erase", "198.51.100.9"), "erase "),
        (("export", "198.51.100.9"), "export "),
    )
    for words, _ in given:
        assert sluice.ctl(*words)[0] == 0, words
    return [begin for _, begin in given]


@pytest.mark.parametrize("how", ("truncated", "full"))
def test_each_order_leaves_one_line_with_who_and_what_came_of_it(trailed, how):
    net, sluice, other = trailed(how)
    expected = give(sluice, other)
    said = orders(sluice)
    assert len(said) == len(expected), said
    for (what, by, result, text), begin in zip(said, expected):
        assert what.startswith(begin) and result == "done" and re.fullmatch(r"root \(uid 0, pid \d+, sluicectl\)", by), (what, by, result)
    whole = {a for a in ("203.0.113.9", "2001:db8:1:2::9", "198.51.100.7", "198.51.100.8", "198.51.100.9") if a in sluice.logged()}
    assert len(whole) == (5 if how == "full" else 0), sluice.logged()
    assert ("198.51.100.0/24" in sluice.logged()) == (how == "truncated")
    assert said[0][0] == "set service=smtp key=max-connections-per-source value=4 for=1h" and said[0][3].startswith("in force until ")


def test_a_ban_of_an_address_does_not_look_like_one_of_its_network(trailed):
    _, sluice, _ = trailed()
    for prefix in ("198.51.100.9", "198.51.100.0/24", "2001:db8:1:2::/64"):
        sluice.do("ban", prefix)
    assert [what for what, *_ in orders(sluice)] == ["ban prefix=198.51.100.0/24 (a /32)", "ban prefix=198.51.100.0/24", "ban prefix=2001:db8:1::/48 (a /64)"]


def test_questions_and_dry_runs_leave_no_line(trailed):
    _, sluice, other = trailed()
    for words in (("status",), ("sources",), ("bans",), ("lookup", "192.0.2.1"), ("dump",), ("diff",), ("apply", other, "--dry-run"),
                  ("set", "service", "smtp", "max-connections", "5", "--dry-run"), ("ban", "192.0.2.1", "--kill", "--dry-run")):
        assert sluice.ctl(*words)[0] == 0, words
    assert orders(sluice) == []


def test_refused_and_failed_orders_leave_a_line_with_the_reason(trailed):
    _, sluice, _ = trailed()
    assert sluice.ctl("set", "service", "pop", "max-connections", "5")[0] == 2
    assert sluice.ctl("ban", "10.0.0.0/4")[0] == 2
    assert sluice.ctl("unban", "198.51.100.9")[0] == 1
    assert sluice.ctl("confirm")[0] == 1
    said = orders(sluice)
    assert [(what.split()[0], result) for what, _, result, _ in said] == [("set", "refused"), ("ban", "refused"), ("unban", "failed"), ("confirm", "failed")]
    assert "no service 'pop'" in said[0][3] and "no policy awaits" in said[3][3] and all(text for *_, text in said)
    assert "198.51.100.9" not in sluice.logged()


def test_users_who_may_give_no_orders_are_named_and_cannot_fill_the_log(trailed):
    net, sluice, _ = trailed()
    path = f"/run/sluice/{sluice.instance}.sock"
    os.chmod(path, 0o666)  # as if the group let it in
    code = ("import socket,os,sys; os.setgid(65534); os.setuid(65534)\n"
            "for i in range(50):\n s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b'{\"verb\":\"unload\"}\\n'); s.recv(999)")
    sh("/usr/bin/python3", "-c", code, path)
    said = orders(sluice)
    assert 1 <= len(said) < 25 and {(what, result) for what, _, result, _ in said} == {("unload", "refused")}
    assert "nobody (uid 65534, pid " in said[0][1] and "needs root" in said[0][3]


def test_what_comes_by_a_signal_or_by_the_clock_leaves_a_line_too(trailed):
    _, sluice, other = trailed()
    sluice.daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: ("reload", "a signal", "done", f"reloaded {sluice.file}: 0 added, 0 changed, 0 removed") in orders(sluice)), sluice.logged()
    sluice.do("apply", other, "--confirm", "1s")
    assert wait_for(lambda: any(o[:3] == ("revert", "the kernel's clock", "done") for o in orders(sluice)), 20)
    sluice.write("service smtp { }\n")
    sluice.daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: any(o[:3] == ("reload", "a signal", "failed") for o in orders(sluice)))
    sluice.do("unload")
    assert orders(sluice)[-1][0::2] == ("unload", "done")


def fields_of(datagram):
    """Reads a message of the journal's native protocol whose values have no line ends."""
    return dict(line.split("=", 1) for line in datagram.decode().splitlines())


def test_journal_gets_fields_and_priorities(trailed, tmp_path):
    """A socket replaces the journal's, in a mount namespace of the daemon's own, and JOURNAL_STREAM calls its standard error the journal."""
    net, sluice, _ = trailed()
    sluice.kill()
    place = tmp_path / "systemd"
    (place / "journal").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(place / "journal" / "socket"))
        journal.settimeout(20)
        log = os.fstat(sluice.log.fileno())
        env = {**os.environ, "STATE_DIRECTORY": str(sluice.state), "JOURNAL_STREAM": f"{log.st_dev}:{log.st_ino}"}
        start = f'mount --bind {place} /run/systemd && exec "$@"'
        argv = ["unshare", "--mount", "sh", "-c", start, "sh", BUILD / "sluiced", "-f", "-c", sluice.file, "-i", sluice.instance]
        sluice.daemon = net.popen(net.server, *argv, env=env, stderr=sluice.log, stdout=subprocess.DEVNULL)
        assert wait_for(lambda: sluice.ctl("status")[0] == 0), sluice.logged()
        sluice.do("ban", "198.51.100.9", "--for", "1h", "--by", "me")
        ban = fields_of(journal.recv(65536))
        sluice.ctl("set", "service", "pop", "max-connections", "5")
        refused = fields_of(journal.recv(65536))
        sluice.daemon.send_signal(signal.SIGHUP)
        reload = fields_of(journal.recv(65536))
    assert ban["MESSAGE"].startswith("order: ban prefix=198.51.100.0/24 (a /32) for=1h by=me by root (uid 0, pid ")
    assert (ban["PRIORITY"], ban["SYSLOG_IDENTIFIER"], ban["SLUICE_INSTANCE"]) == ("5", "sluiced", sluice.instance)
    assert (ban["SLUICE_VERB"], ban["SLUICE_ORDER"], ban["SLUICE_RESULT"]) == ("ban", "ban prefix=198.51.100.0/24 (a /32) for=1h by=me", "done")
    assert (ban["SLUICE_UID"], ban["SLUICE_USER"], ban["SLUICE_PROGRAM"]) == ("0", "root", "sluicectl") and int(ban["SLUICE_PID"]) > 1
    assert (refused["PRIORITY"], refused["SLUICE_RESULT"]) == ("4", "refused") and "no service 'pop'" in refused["SLUICE_TEXT"]
    assert (reload["SLUICE_VERB"], reload["SLUICE_BY"], reload["PRIORITY"]) == ("reload", "a signal", "5")
    told = sluice.logged()
    assert "\n<5>took over" in told and "order: " not in told, "each line is written once"
