# SPDX-License-Identifier: BSD-2-Clause
"""sluice-fleet talks to a real redis-server, and the test plays sluiced: what is leased, what goes back, and what faults do to it."""
import os, pathlib, random, select, signal, subprocess, sys, tempfile, time

import pytest

import fleet
from fleet import EXACT, GIVE, GONE, OVER, RELEASE, SPACE
from net import LIB, SANITIZED, sh, wait_for

sys.path.insert(0, str(LIB))
import garbled

SETTLED = 3.1  # seconds after which exact services get leases in a new epoch
PAIR = ("127.0.0.1:6379", "127.0.0.1:6380")


class Gate:
    """Does what a kernel and a daemon do with the leases of one key."""

    def __init__(self, host, key, limit, flags):
        self.host, self.key, self.limit, self.flags = host, key, limit, flags
        self.held = self.lease = self.refused = self.wants = 0
        self.waits = self.gives = False  # whether an exchange is under way, and whether the next one gives back

    def come(self):
        """Lets a connection come: it is taken, or it is refused and a lease for it asked for."""
        if self.held < self.lease:
            self.held += 1
        else:
            self.refused += 1
            self.wants = 1
            self.say()

    def say(self):
        """Begins an exchange if one is needed and none is under way."""
        if self.waits or not (self.wants or self.gives):
            return
        if self.gives:
            self.lease = self.held
        self.host.ask([(self.key, self.limit, self.held, self.wants, self.flags | (GIVE if self.gives else 0))])
        self.waits, self.gives, self.wants = True, False, 0

    def hear(self):
        while self.host.receive(0):
            pass
        while self.host.leases:
            self.lease, self.waits = self.host.leases.popleft().lease, False
        self.gives = self.gives or bool(self.host.needs)
        self.host.needs.clear()
        self.say()


def test_four_hosts_never_hold_more_than_the_limit_and_reach_it(place):
    server, key, limit = place.server(), 77, 20
    gates = [Gate(place.host(f"mx{i}"), key, limit, EXACT) for i in range(4)]
    time.sleep(SETTLED)
    most, turn = 0, random.Random(19)

    def hear(seconds):
        select.select([g.host.end for g in gates], [], [], seconds)
        for g in gates:
            g.hear()
        return max(most, sum(g.held for g in gates))

    for attempt in range(500):
        turn.choice(gates).come()
        most = hear(0.002 * turn.random())
        assert most <= limit and all(g.lease <= limit for g in gates)
        if attempt % 25 == 0:
            assert sum(max(pair) for pair in server.records().get(key, {}).values()) <= limit
    end = time.monotonic() + 10
    while sum(g.held for g in gates) < limit and time.monotonic() < end:  # refused connections come again
        turn.choice(gates).come()
        most = hear(0.01)
    assert most == limit == sum(g.held for g in gates)
    end = time.monotonic() + 1
    while any(g.waits for g in gates) and time.monotonic() < end:
        hear(0.01)
    for g in gates:
        g.host.one(key, limit, g.held, 0, EXACT | GIVE)
    assert server.records()[key] == {g.host.name: (g.held, g.held) for g in gates if g.held or g.host.name in server.records()[key]}


def test_500_wants_at_once_from_four_hosts_are_leased_the_limit_and_no_more(place):
    server = place.server()
    hosts = [place.host(f"mx{i}") for i in range(4)]
    keys = list(range(1, 26))
    for _ in range(5):
        for h in hosts:
            h.leases.clear()
            h.ask([(k, 20, 0, 1, 0) for k in keys])
    told = {}
    for h in hosts:
        assert h.until(lambda: len(h.leases) == 5 * len(keys))
        for lease in h.leases:
            told[h.name, lease.key] = lease.lease
    records = server.records()
    for k in keys:
        assert {h: pair[1] for h, pair in records[k].items()} == {h.name: told[h.name, k] for h in hosts}
        assert sum(told[h.name, k] for h in hosts) <= 20


def test_what_a_host_does_not_use_goes_to_another_that_asks(place):
    place.server()
    a, b = place.host("mx1"), place.host("mx2")
    assert a.one(5, 20, 1, 0).lease > 8
    got = b.one(5, 20, 9, 10)
    assert got.lease < 19 and (got.others_held, got.others_hosts) == (1, 1)
    assert a.until(lambda: 5 in a.needs) and not b.needs
    assert a.one(5, 20, 1, 0, GIVE).lease == 1
    assert b.one(5, 20, 9, 10).lease == 19
    a.needs.clear()
    assert b.one(5, 20, 19, 1).lease == 19
    a.drain(0.3)
    assert a.needs == []  # no host has any to give


def test_a_lease_never_shrinks_but_by_give_and_held_by_force_is_told(place):
    place.server()
    a, b = place.host("mx1"), place.host("mx2")
    first = a.one(5, 20, 10, 4).lease
    assert first >= 14 and a.one(5, 20, 3).lease >= first
    assert b.one(5, 20, 25, 1) == fleet.Lease(5, 25, 3, 1, OVER)
    assert a.one(5, 20, 3, 1, GIVE) == fleet.Lease(5, 3, 25, 1, OVER)
    assert a.one(5, 20, 3, 1).lease == 3


def test_release_empties_the_store(place):
    server = place.server()
    hosts = [place.host(f"mx{i}") for i in range(3)]
    rows = [(k, 20, 2, 1) for k in range(1000)]
    for h in hosts:
        h.exchange(*((*r, 0) for r in rows))
    assert len(server.records()) == 1000
    for h in hosts:
        assert all(lease.flags == GONE and lease.lease == 0 for lease in h.exchange(*((k, 20, 0, 0, RELEASE) for k in range(1000))))
    names = {key.removeprefix(f"sluice:{{{SPACE}}}:") for key in server.cli("keys", "*").split()}
    assert names == {"epoch", "hosts", "of:mx0", "of:mx1", "of:mx2"}


def test_a_killed_host_vanishes_after_its_lease_and_no_sooner(place):
    server = place.server()
    a, b = place.host("mx1", lease_ms=1500), place.host("mx2", lease_ms=1500)
    a.one(5, 20, 12)
    assert b.one(5, 20, 1).others_held == 12
    a.kill()
    died = time.monotonic()
    b.drain(0.7)
    assert b.one(5, 20, 1).others_held == 12 and b.state.hosts == 2
    assert b.until(lambda: b.state.hosts == 1)
    assert time.monotonic() - died > 1.3
    assert b.one(5, 20, 1, 19) == fleet.Lease(5, 20, 0, 0, 0)
    assert list(server.records()[5]) == ["mx2"]
    assert b.until(lambda: [h["name"] for h in b.hosts] == ["mx2"])


def test_a_store_that_lost_its_data_is_told_all_again(place):
    server = place.server()
    hosts = [place.host("mx1"), place.host("mx2")]
    before = [h.state.resync for h in hosts]
    server.cli("flushall")
    for h, was in zip(hosts, before):
        assert h.until(lambda: h.state.resync == was + 1 and h.state.connected) and "this host" not in h.state.error
    server.kill()
    for h in hosts:
        assert h.until(lambda: not h.state.connected)
    server.start()
    for h, was in zip(hosts, before):
        assert h.until(lambda: h.state.resync == was + 2 and h.state.connected, 8)
        assert h.state.error and h.one(5, 20, 3).lease >= 3
    assert hosts[0].until(lambda: hosts[0].state.hosts == 2)


def test_an_exchange_of_an_epoch_that_is_over_does_nothing(place):
    server = place.server()
    h = place.host("mx1", beat_ms=500)
    was = h.state.resync
    server.cli("flushall")
    h.ask([(5, 20, 3, 1, 0)])
    assert h.until(lambda: h.state.resync == was + 1) and not h.leases
    assert server.records() == {}


def test_in_a_new_epoch_exact_services_wait_until_all_hosts_have_spoken(place):
    place.server()
    h = place.host("mx1")
    assert h.one(5, 20, 3, 1, EXACT).lease == 3 and h.one(6, 20, 3, 1, 0).lease > 3
    time.sleep(SETTLED)
    assert h.one(5, 20, 3, 1, EXACT).lease > 3


def test_two_hosts_with_one_name_are_told_so(place):
    place.server()
    hosts = [place.host("mx1", wait=False) for _ in range(2)]
    for h in hosts:
        assert h.until(lambda: h.state and h.state.error == "127.0.0.1:6379: another host has the same name"), h.state
    hosts[0].kill()
    hosts[1].drain(2.5)
    assert hosts[1].until(lambda: hosts[1].state.connected)
    hosts[1].seen.clear()
    hosts[1].drain(1)
    assert all(s.connected for s in hosts[1].seen)


def test_a_host_that_restarts_has_its_name_and_its_records(place):
    server = place.server()
    place.host("mx1").one(5, 20, 3)
    place.things[-1].kill()
    again = place.host("mx1")
    assert server.records()[5]["mx1"][0] == 3
    again.drain(0.3)
    assert again.state.connected and again.state.error == ""


def test_in_a_store_that_is_new_the_number_of_hosts_stays_until_all_can_have_come_back(place):
    server = place.server()
    a, b = place.host("mx1", lease_ms=1500), place.host("mx2", lease_ms=1500)
    assert a.until(lambda: a.state.hosts == 2)
    b.kill()
    a.seen.clear()
    server.cli("flushall")
    flushed = time.monotonic()
    assert a.until(lambda: a.state.hosts == 1)
    assert time.monotonic() - flushed > 1 and a.state.resync == 2


def test_a_replica_is_left_for_the_master_and_a_failover_is_followed(place):
    first, second = place.server(6379), place.server(6380, "--replicaof", "127.0.0.1 6379")
    h = place.host("mx1", tuple(reversed(PAIR)))
    assert h.state.server == PAIR[0] and "replica" in h.seen[1].error + h.state.error
    h.one(5, 20, 3)
    was = h.state.resync
    second.cli("replicaof", "no", "one")
    first.cli("replicaof", "127.0.0.1", "6380")  # the next beat is a write, which a replica refuses
    assert h.until(lambda: h.state.connected and h.state.server == PAIR[1], 8), h.state
    assert h.state.resync == was + 1 and "READONLY" in h.state.error + "".join(s.error for s in h.seen)
    assert h.one(5, 20, 3).lease >= 3
    second.kill()
    first.cli("replicaof", "no", "one")
    assert h.until(lambda: h.state.connected and h.state.server == PAIR[0], 8), h.state


def test_a_paused_server_is_noticed_within_a_few_beats_and_comes_back_with_all_hosts(place):
    server = place.server()
    a, b = place.host("mx1", lease_ms=1000), place.host("mx2", lease_ms=1000)
    b.one(5, 20, 7)
    server.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert a.until(lambda: not a.state.connected)
    assert time.monotonic() - stopped < 1 and a.state.error == "127.0.0.1:6379: it does not answer for four beats"
    a.drain(2)
    b.drain()
    server.signal(signal.SIGCONT)
    assert a.until(lambda: a.state.connected)
    assert a.one(5, 20, 1).others_held == 7  # the server was silent, not mx2, which is not taken for dead
    assert b.until(lambda: b.state.connected and b.state.hosts == 2)


def test_a_short_pause_needs_no_new_connection(place):
    server = place.server()
    h = place.host("mx1")
    server.signal(signal.SIGSTOP)
    assert h.until(lambda: not h.state.connected)
    server.signal(signal.SIGCONT)
    assert h.until(lambda: h.state.connected)
    assert h.state.resync == 1


def garble(place, port, kind):
    assert place.run("/usr/bin/python3", LIB / "garbled.py", port, kind).stdout.readline() == "ready\n"


def memory_mb(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


@pytest.mark.parametrize("kind", [*garbled.SAYS, *garbled.BEATS])
def test_a_server_that_speaks_nonsense_is_left_for_a_good_one(place, kind):
    garble(place, 6379, kind)
    place.server(6380)
    h = place.host("mx1", PAIR)
    assert h.state.server == PAIR[1] and h.state.error.startswith(PAIR[0]) and h.state.error.isprintable()
    assert h.one(5, 20, 3).lease >= 3
    assert SANITIZED or memory_mb(h.process.pid) < 20


@pytest.mark.parametrize("kind", garbled.LIES)
def test_an_answer_that_cannot_be_true_changes_nothing_but_the_error(place, kind):
    garble(place, 6379, kind)
    h = place.host("mx1")
    h.ask([(5, 20, 1, 1, 0)])
    assert h.until(lambda: h.state.error), h.state
    assert not h.leases and h.until(lambda: h.state.connected)


def test_invalid_needs_are_ignored(place):
    garble(place, 6379, "needs that are none")
    h = place.host("mx1")
    h.drain(0.3)
    assert h.state.connected and h.needs == []


LEAST = (
    "~sluice:{%s}:* &sluice:{%s}:* -@all +auth +info +ping +script|load +evalsha +subscribe +publish +time +get +set +hmget +hgetall +hset +hdel "
    "+expire +zadd +zcard +zcount +zscore +zrangebyscore +zremrangebyscore" % (SPACE, SPACE)
).split()


def test_least_rights_and_a_password_suffice(place):
    server = place.server()
    server.cli("acl", "setuser", "sluice", "reset", "on", ">secret", *LEAST)
    server.cli("acl", "setuser", "default", "off")
    a, b = (place.host(f"mx{i}", user="sluice", password="secret", beat_ms=20) for i in range(2))
    a.one(5, 20, 1)
    b.one(5, 20, 9, 20)
    assert a.until(lambda: a.needs == [5])
    assert a.one(5, 20, 0, 0, RELEASE).flags == GONE
    assert a.until(lambda: len(a.hosts) == 2)
    a.drain(2.5)  # pings
    assert a.state.connected and a.state.error == ""


@pytest.mark.parametrize("needed", [w for w in LEAST if w[0] == "+" and w != "+auth"])
def test_no_right_of_these_can_be_spared(place, needed):
    server = place.server()
    server.cli("acl", "setuser", "sluice", "reset", "on", ">secret", *(w for w in LEAST if w != needed))
    h = place.host("mx1", user="sluice", password="secret", wait=False)
    other = place.host("mx2")
    other.one(5, 20, 9)
    server.cli("hset", f"sluice:{{{SPACE}}}:k:0000000000000005", "old", "x")

    def is_told():
        if h.state and h.state.connected:
            h.ask([(5, 20, 1, 20, 0)])
        return h.state and any(said in h.state.error for said in ("NOPERM", "can't run this command", "has no permissions"))

    assert h.until(is_told), h.state


def test_a_password_alone_suffices_and_a_wrong_one_is_refused(place):
    place.server(6379, "--requirepass", "secret")
    assert place.host("mx1", password="secret").one(5, 20, 1).lease
    for config, said in (({}, "NOAUTH"), ({"password": "guess"}, "WRONGPASS"), ({"password": "secret", "user": "me"}, "WRONGPASS")):
        h = place.host("mx2", wait=False, **config)
        assert h.until(lambda: h.state and said in h.state.error), h.state
        assert not h.state.connected


def test_a_failover_by_sentinel_is_followed(place):
    first = place.server(6379)
    place.server(6380, "--replicaof", "127.0.0.1 6379")
    rules = place.directory / "sentinel.conf"
    rules.write_text(
        f"port 26379\ndir {place.directory}\nsentinel monitor mail 127.0.0.1 6379 1\nsentinel down-after-milliseconds mail 500\n"
        "sentinel failover-timeout mail 5000\n"
    )
    place.run(fleet.STORE, rules, "--sentinel")
    hosts = [place.host(f"mx{i}", PAIR) for i in range(2)]
    hosts[0].one(5, 20, 3)
    assert wait_for(lambda: "6380" in sh(*place.enter("redis-cli", "-p", 26379, "sentinel", "replicas", "mail"), check=False).stdout, 20)
    first.kill()
    for h in hosts:
        assert h.until(lambda: h.state.connected and h.state.server == PAIR[1], 20), h.state
        assert h.state.resync == 2
    assert hosts[1].one(5, 20, 4).others_held in (0, 3)  # depends on how far the replica was behind
    hosts[0].one(5, 20, 3)
    assert hosts[1].one(5, 20, 4).others_held == 3


def test_the_master_of_a_cluster_that_keeps_the_space_is_found(place):
    ports = (6379, 6380, 6381)
    for port in ports:
        directory = place.directory / str(port)
        directory.mkdir()
        place.server(port, "--cluster-enabled", "yes", "--dir", directory)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    sh(*place.enter("redis-cli", "--cluster", "create", *addresses, "--cluster-yes"))
    hosts = [place.host(f"mx{i}", addresses[i:] + addresses[:i], wait=False) for i in range(3)]
    for h in hosts:
        assert h.until(lambda: h.state and h.state.connected, 15), h.state
    assert len({h.state.server for h in hosts}) == 1 and any("MOVED" in s.error for h in hosts for s in h.seen)
    hosts[0].one(5, 20, 1)
    hosts[1].one(5, 20, 9, 20)
    assert hosts[0].until(lambda: hosts[0].needs == [5])


def test_tls_by_stunnel_works_with_a_verified_certificate(place):
    d = place.directory
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=store.example",
       "-addext", "subjectAltName=DNS:store.example", "-keyout", d / "key", "-out", d / "certificate")  # fmt: skip
    place.server(6379, "--tls-port", "6390", "--tls-cert-file", d / "certificate", "--tls-key-file", d / "key", "--tls-ca-cert-file", d / "certificate", "--tls-auth-clients", "no")
    for port, name in ((6400, "store.example"), (6401, "other.example")):
        rules = d / f"stunnel-{port}.conf"
        rules.write_text(
            f"foreground = yes\npid =\n[store]\nclient = yes\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:6390\n"
            f"CAfile = {d}/certificate\nverifyChain = yes\ncheckHost = {name}\n"
        )
        place.run("stunnel4", rules)
    h = place.host("mx1", ("127.0.0.1:6401", "127.0.0.1:6400"))
    assert h.until(lambda: h.state.connected and h.state.server == "127.0.0.1:6400")
    assert "127.0.0.1:6401: " in "".join(s.error for s in h.seen)
    assert h.one(5, 20, 3).lease >= 3


def test_servers_are_found_by_name_address_and_path(place):
    directory = tempfile.mkdtemp(prefix="sluice-test-")
    os.chmod(directory, 0o755)
    try:
        path = f"{directory}/redis.sock"
        place.server(6379, "--unixsocket", path, "--unixsocketperm", "777", "--bind", "127.0.0.1", "::1")
        for i, where in enumerate((path, "[::1]:6379", "localhost:6379")):
            assert place.host(f"mx{i}", (where,)).state.server == where
    finally:
        sh("rm", "-rf", directory)


def test_a_server_that_cannot_be_reached_says_why_and_the_next_is_tried(place):
    place.server()
    for where, why in (("127.0.0.1:1", "refused"), ("/nowhere/redis.sock", "No such file"), ("192.0.2.1:6379", "unreachable"), ("no.such.host.invalid:6379", "")):
        h = place.host("mx1", (where, PAIR[0]))
        assert h.state.server == PAIR[0] and h.state.error.startswith(where + ": ") and why in h.state.error


@pytest.mark.parametrize(
    "config",
    [
        {"servers": []},
        {"servers": ["nowhere"]},
        {"servers": ["h:0"]},
        {"servers": ["h:70000"]},
        {"servers": ["/" + "x" * 200]},
        {"servers": [5]},
        {"servers": PAIR, "space": "../x"},
        {"servers": PAIR, "name": "a b"},
        {"servers": PAIR, "beat_ms": 0},
        {"servers": PAIR, "lease_ms": 10},
        {"servers": PAIR, "password": 5},
    ],
    ids=str,
)
def test_a_configuration_that_is_not_good_is_told_and_a_good_one_then_works(place, config):
    place.server()
    h = place.host("mx1", ("127.0.0.1:6379",), wait=False)
    h.configure(**{"servers": PAIR, **config}) if "name" not in config else h.send(fleet.CONFIG, b'{"servers": ["a:1"], "name": "a b", "space": "%s"}' % SPACE.encode())
    assert h.until(lambda: h.state and h.state.error.startswith("configuration: ")), h.state
    h.configure(PAIR)
    assert h.until(lambda: h.state.connected)


def test_messages_of_a_wrong_size_are_ignored(place):
    place.server()
    h = place.host("mx1")
    for kind, body, count in ((0, b"", 0), (99, b"x", 1), (fleet.EXCHANGE, b"x" * 24, 2), (fleet.EXCHANGE, b"x" * 23, 1), (fleet.EXCHANGE, b"x" * 24 * 1001, 1001), (fleet.LEASES, b"x" * 24, 1)):
        h.send(kind, body, count)
    h.end.send(b"xyz")
    assert h.one(5, 20, 3).lease >= 3


def test_a_daemon_that_does_not_read_is_waited_for_and_nothing_is_lost(place):
    place.server()
    h = place.host("mx1")
    h.end.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while sent < 2_000_000:
            h.ask([(k, 20, 1, 0, 0) for k in range(sent, sent + 1000)])
            sent += 1000
    assert h.until(lambda: len(h.leases) == sent, 30)
    assert [lease.key for lease in h.leases] == list(range(sent))


def test_it_has_no_rights_opens_no_files_and_ends_with_sluiced(place):
    place.server()
    h = place.host("mx1")
    pid = h.process.pid
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["65534"] * 4 and status["Groups"].strip() == "" and status["NoNewPrivs"] == "1"
    assert all(int(status[f"Cap{name}"], 16) == 0 for name in ("Prm", "Eff", "Bnd", "Inh", "Amb")) and status["Seccomp"] == ("0" if SANITIZED else "2")
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2]
    assert all(link.startswith(("socket:", "pipe:", "anon_inode:")) for link in links), links
    h.end.close()
    assert h.process.wait(5) == 0


def test_alone_it_says_who_starts_it():
    got = subprocess.run([fleet.BUILD / "sluice-fleet"], capture_output=True, text=True)
    assert got.returncode == 2 and got.stderr == "sluice-fleet is started by sluiced, and speaks to nobody else\n"
