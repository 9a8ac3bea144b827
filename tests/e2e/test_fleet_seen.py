# SPDX-License-Identifier: BSD-2-Clause
"""What people see of a fleet: who holds how much of a source's limit, whose policy differs, and what doctor and the page say of store and hosts."""
import contextlib
import sys

import pytest

import fleet
import web
from fleet import APPENDS, EVICTS, SNAPSHOTS
from hosts import PORT, SOURCE, STORE, Hosts
from net import LIB, Net, Sluice, wait_for
from terminal import on_terminal
from test_api import fields, wrong
from test_fleet import policy

sys.path.insert(0, str(LIB))
KEYS = ["%016x=%016x" % (n, n) for n in range(3)]
OTHERS = ["%016x=%016x" % (n, 9 * (n == 1) + n) for n in range(1, 4)]  # key 1 has another value, and key 3 is not in KEYS


def said(host, name):
    return next((h["differs"] for h in host.hosts if h["name"] == name), None)


def test_hosts_are_told_which_values_differ_on_another_host(place):
    server = place.server()
    a, b = place.host("mx1", lease_ms=1500), place.host("mx2", lease_ms=1500)
    a.send(fleet.POLICY, " ".join(KEYS).encode())
    b.send(fleet.POLICY, " ".join(OTHERS).encode())
    assert a.until(lambda: said(a, "mx2") == [KEYS[1][:16]]), a.hosts
    assert b.until(lambda: said(b, "mx1") == [KEYS[1][:16]]) and said(b, "mx2") == []
    for nonsense in (b"", b"x" * 3000, b"=", "é".encode(), KEYS[1].encode()[:-1], b"0" * 16 + b"=" + b"G" * 16):
        b.send(fleet.POLICY, nonsense)
        a.hosts.clear()
        assert a.until(lambda: said(a, "mx2") == []) and b.until(lambda: b.state.connected), a.hosts
    b.kill()
    assert a.until(lambda: len(a.hosts) == 1, 15)
    a.drain(1.2)
    assert server.cli("hkeys", f"sluice:{{{fleet.SPACE}}}:epoch").split().count("@mx2") == 0, "nothing is left of what a vanished host had said"


def test_the_store_is_asked_who_holds_a_limit(place):
    server = place.server()
    a, b = place.host("mx1"), place.host("mx2")
    a.one(5, 20, 3)
    b.one(5, 20, 8)
    server.cli("hset", f"sluice:{{{fleet.SPACE}}}:k:0000000000000005", "odd", "no row", "x" * 300, "1 2 3")
    a.look(5, 6)
    assert a.until(lambda: len(a.looked) == 2), a.looked
    assert {name: held for name, (held, _) in a.looked[5].items()} == {"mx1": 3, "mx2": 8} and a.looked[6] == {}
    for _ in range(20):  # more at once than it asks; it ignores the rest
        a.look(*range(100, 164))
    assert a.until(lambda: len(a.looked) >= 66) and a.one(5, 20, 3).lease >= 3 and a.state.connected


def test_the_servers_disk_memory_and_clock_are_told(place):
    place.server(6379)
    plain = place.host("mx1").state
    assert plain.flags == 0 and plain.memory_most == 0 and plain.memory > 100_000 and abs(plain.clock_ms) < 1000
    server = place.server(6380, "--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    server.cli("save")
    other = place.host("mx2", ("127.0.0.1:6380",)).state
    assert other.flags == EVICTS | APPENDS | SNAPSHOTS and other.memory_most == 100 << 20
    server.cli("config", "set", "maxmemory-policy", "noeviction")
    assert place.things[-1].until(lambda: place.things[-1].state.flags == APPENDS | SNAPSHOTS, 20), "the server is asked again and again while it is in use"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    with contextlib.closing(Hosts(tmp_path_factory.mktemp("hosts"), 3, policy(exact=True))) as made:
        yield made


@pytest.fixture
def hosts(three):
    """Three hosts with one policy, in touch; each test finds them so."""
    if three.redis.poll() is not None:
        three.start_store()
    for number, sluice in enumerate(three.sluices):
        sluice.write(three.policy_of(number))
        sluice.do("reload")
    three.together(30, settled=False)
    return three


def findings(hosts, number=0):
    sluice = hosts.sluices[number]
    return [(f["level"], f["finding"]) for f in sluice.json("doctor", sluice.file) if f["check"] in ("fleet", "store")]


def test_hosts_that_hold_something_are_shown_by_name(hosts):
    hosts.together()  # settled, since a new store leases nothing of exact limits
    hosts.serve()
    clients = [hosts.hold(number, count, wait_ms=3000)[0] for number, count in ((0, 8), (1, 5), (2, 2))]
    assert wait_for(lambda: hosts.held() == [8, 5, 2], 20), hosts.held()
    one, net = hosts.sluices[1], hosts.nets[1]

    def source():
        return one.json("explain", SOURCE, "--service", "smtp")["counts"]["source"]

    assert wait_for(lambda: source().get("elsewhere") == 10, 20), source()
    assert {r["name"]: r["held"] for r in source()["on"]} == {"h0": 8, "h2": 2} and source()["held"] == 5
    assert wait_for(lambda: " here, 10 on h0, h2 (lease " in one.do("explain", SOURCE, "--service", "smtp"), 10), one.do("explain", SOURCE, "--service", "smtp")

    def row():
        return (one.json("sources", "--fleet") or [{}])[0]

    assert wait_for(lambda: row().get("elsewhere") == 10 and "on" in row(), 20), row()
    got = row()
    assert (got["source"], got["service"], got["held"], got["limit"]) == (SOURCE, "smtp", 5, 20), got
    shapes = {"explain": ("explain", SOURCE, "--service", "smtp"), "fleet_sources": ("sources", "--fleet"), "fleet": ("fleet", "status")}
    assert [w for answer, words in shapes.items() for w in wrong(one.json(*words), fields(answer))] == []
    assert got["lease"] + got["elsewhere_lease"] <= 20 and {r["name"] for r in got["on"]} == {"h0", "h2"}
    assert one.json("sources", "--fleet", "--service", "smtp", "--top", "1")[0]["limit"] == 20
    lines = on_terminal(net, one, 80, "sources", "--fleet")
    print("\n".join(lines))
    assert max(map(len, lines)) <= 80 and any(line.endswith("h0, h2") for line in lines)
    assert one.ctl("sources", "--fleet", "--service", "nope")[0] == 2
    for c in clients:
        c.finish()


def test_other_limits_of_a_host_are_said_by_status_doctor_metric_and_page(hosts, tmp_path):
    assert ("good", "in touch with 3 hosts") in findings(hosts) and not any(level == "bad" for level, _ in findings(hosts)), findings(hosts)
    other = hosts.sluices[1]
    other.write(hosts.policy_of(1, policy(exact=True).replace("= 20", "= 30")))
    other.do("reload")

    def differs(number):
        return {m["name"]: m["differs"] for m in hosts.status(number)["members"]}

    assert wait_for(lambda: differs(0) == {"h0": [], "h1": ["service smtp"], "h2": []}, 10), differs(0)
    assert wait_for(lambda: differs(1) == {"h0": ["service smtp"], "h1": [], "h2": ["service smtp"]}, 10), differs(1)
    assert ("warning", "host h1 gives service smtp other limits than this one") in findings(hosts)
    assert ", with other limits: service smtp" in hosts.sluices[0].do("fleet", "status")
    assert "sluice_fleet_differing 1" in web.request(hosts.nets[0].server, 9798, "/metrics")[2]
    with contextlib.closing(web.Browser(hosts.nets[0], tmp_path / "browser")) as browser:
        browser.open("http://127.0.0.1:9798/")
        assert wait_for(lambda: browser.text('[data-host="h1"] [data-field="differs"]') == "others: service smtp", 20)
        assert "one of 3" in browser.text("#fleet-said") and browser.text('[data-bound="smtp"] td') == "exact: never exceeded"
        page = browser.run("return document.body.innerText")
        assert "10.77" not in page and STORE not in page and "Host h1 of the fleet gives service smtp other limits" in page
        hosts.signal_store(9)
        assert wait_for(lambda: "out of touch" in browser.text("#fleet-said"), 30)
        assert wait_for(lambda: "the last error" in browser.text("#fleet-said"), 10) and "10.77" not in browser.run("return document.body.innerText")
    found = findings(hosts)
    assert any(level == "warning" and text.startswith("the fleet is out of touch: ") for level, text in found), found


STORES = {  # settings of the server, and what doctor finds
    "": [("good", "the store is redis "), ("note", "the store writes nothing to its disk: a restart costs"), ("note", "the store has no maxmemory"), ("good", "the clocks of the store")],
    "appendonly yes": [("note", "the store writes an append-only file")],
    "maxmemory 100mb maxmemory-policy allkeys-lru": [("bad", "the store may throw records away"), ("good", "the store uses ")],
    "maxmemory 100mb maxmemory-policy noeviction": [("good", "the store uses ")],
    "maxmemory {used} maxmemory-policy noeviction": [("warning", "the store uses ")],
}


def test_doctor_says_what_the_server_is_set_to(hosts):
    assert any(text.startswith(f"what is said to the store at {STORE}:{PORT} is not encrypted") for level, text in findings(hosts) if level == "note"), findings(hosts)
    used = next(int(line.split(":")[1]) for line in hosts.redis_cli("info", "memory").splitlines() if line.startswith("used_memory:"))
    for settings, expected in STORES.items():
        words = settings.format(used=used * 11 // 10).split()
        if words:
            assert "OK" in hosts.redis_cli("config", "set", *words)
            hosts.redis_cli("client", "kill", "type", "normal")  # a host asks what the server is when it connects, and otherwise every 10 s

        def missing():
            found = findings(hosts)
            return [(level, text) for level, text in expected if not any(at == level and what.startswith(text.replace("redis ", "")) for at, what in found)]

        evicts = "allkeys" in settings
        good = lambda: not missing() and evicts == any("throw records" in text for _, text in findings(hosts))
        assert wait_for(good, 20), (settings, missing(), findings(hosts))


def test_doctor_finds_clocks_that_differ_and_servers_that_are_too_old(tmp_path):
    """The server says what no real one can be made to say here: that it is 1970, and that its version is an old one."""
    with contextlib.closing(Net()) as net:
        told = net.popen(net.server, "/usr/bin/python3", LIB / "garbled.py", "6379", "an old server")
        secret = tmp_path / "secret"
        secret.write_text("a secret of these tests\n")
        secret.chmod(0o600)
        text = "fleet { servers = {127.0.0.1:6379} secret-file = %s }\nservice smtp { ports = {25} max-connections-per-source = 20 fleet = true }\n" % secret
        with contextlib.closing(Sluice(net, tmp_path, text)) as sluice:
            found = lambda: {f["level"]: f["finding"] for f in sluice.json("doctor", sluice.file) if f["check"] == "store"}
            assert wait_for(lambda: found().get("bad") == "the store is redis 6.0.16: too old", 20), found()
            assert "s behind this host's" in found()["warning"], found()
            assert not any("encrypted" in f["finding"] for f in sluice.json("doctor", sluice.file))
        told.kill()
        told.wait()
