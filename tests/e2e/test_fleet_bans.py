# SPDX-License-Identifier: BSD-2-Clause
"""Bans and allows hold on all hosts of a fleet. There is a real store, which may lie, and each host has a sluiced and a kernel side."""
import os, pathlib, re, signal, subprocess, time

import pytest

import web
from hosts import PORT, SOURCE, STORE, Hosts
from net import wait_for

FLEET = "fleet { servers = {STORE} name = NAME secret-file = SECRET max-staleness = 2s%s }\n"
SERVICE = "service smtp { ports = {25} }\n"
POLICY = FLEET % "" + SERVICE
FOE = "10.77.0.3"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three hosts that know each other, for all tests; each test leaves them so."""
    hosts = Hosts(tmp_path_factory.mktemp("fleet"), 3, POLICY)
    try:
        assert together(hosts)
        hosts.serve()
        yield hosts
    finally:
        hosts.close()


@pytest.fixture
def hosts(three):
    """The same three, without any ban or allow."""
    yield three
    for sluice in three.sluices:
        sluice.do("unban", "--all", "--all-owners")
        for allow in sluice.json("allows"):
            sluice.ctl("disallow", allow["source"])
    assert wait_for(lambda: not any(bans(three, n) or three.sluices[n].json("allows") for n in range(3)), 20)


def together(hosts):
    """Waits until every host knows all others: bans need no more, and do not wait until limits hold."""
    count = len(hosts.sluices)
    return wait_for(lambda: all(hosts.status(n)["hosts"] == count for n in range(count)), 30)


def bans(hosts, number, *words):
    return {(b["source"], b["owner"], b.get("host")) for b in hosts.sluices[number].json("bans", *words)}


def everywhere(hosts, expected, seconds=20):
    return wait_for(lambda: all(bans(hosts, n) == expected for n in range(len(hosts.sluices))), seconds)


def key(hosts, name):
    return f"sluice:{{{hosts.status()['space']}}}:{name}"


def metric(hosts, name, number=0):
    text = web.request(hosts.nets[number].server, 9798, "/metrics")[2]
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def lua(hosts, text, *argv):
    """Runs a script at the store, on the keys of shared bans."""
    done = hosts.redis_cli("eval", text, 3, *(key(hosts, n) for n in ("bans", "bans:at", "bans:end")), *argv)
    assert "ERR" not in done and "Err" not in done, done
    return done.strip()


def raw(hosts, *words):
    """Returns what the store says, as bytes."""
    argv = ["redis-cli", "-h", STORE, "-p", PORT, *words]
    return subprocess.run(hosts.enter(hosts.store, argv), check=True, capture_output=True).stdout


def test_a_ban_of_one_host_refuses_at_all_in_under_a_second_and_its_owner_takes_it_back_anywhere(hosts):
    times = []
    for i in range(5):
        began = time.monotonic()
        hosts.sluices[0].do("ban", f"192.0.2.{i}", "--by", "jail", "--for", "1h", "--reason", "loud")
        assert wait_for(lambda: all(bans(hosts, n, f"192.0.2.{i}") for n in (1, 2)), 20)
        times.append(time.monotonic() - began)
    print(f"\na ban and a look at two other hosts: {sorted(round(t, 3) for t in times)} s")
    assert min(times) < 1, times
    hosts.sluices[1].do("ban", FOE, "--by", "jail", "--for", "1h", "--reason", "loud")
    assert wait_for(lambda: all(bans(hosts, n, FOE) == {(FOE, "jail", "h1")} for n in range(3)), 20)
    there = hosts.sluices[2].json("bans", FOE)[0]
    assert there["reason"] == "loud" and 3500 < there["expires_in"] <= 3600
    assert "HOST" in (shown := hosts.sluices[2].do("bans")) and " h1 " in shown
    client, got = hosts.hold(2, 1, FOE, wait_ms=500)
    assert got["greeted"] == 0 and wait_for(lambda: hosts.sluices[2].reason("banned") > 0, 5)
    client.finish()
    assert hosts.sluices[0].ctl("unban", FOE, "--by", "another")[0] == 1 and bans(hosts, 1, FOE)
    hosts.sluices[2].do("unban", FOE, "--by", "jail")
    assert wait_for(lambda: not any(bans(hosts, n, FOE) for n in range(3)), 20)
    status = hosts.status()["bans"]
    assert status["shared"] == 5 and status["arrived"] >= 1 and status["arrived_at"] and status["refused"] == 0, status
    assert metric(hosts, "sluice_fleet_bans", 1) == 5
    assert "bans        5 shared, 0 still to be told" in hosts.sluices[1].do("fleet", "status")


def test_allows_are_shared_and_local_orders_are_not(hosts):
    a, b = hosts.sluices[:2]
    assert a.do("ban", "192.0.2.1", "--local").startswith("banned for good on this host alone, covers 0 sources with 0 connections here now")
    assert a.do("allow", "192.0.2.2", "--local") == "allowed for good on this host alone\n"
    assert re.fullmatch("allowed until .* on all hosts of the fleet\n", a.do("allow", SOURCE, "--for", "1h"))
    assert a.do("ban", "192.0.2.0/24", "--by", "one", "--for", "never").startswith("banned for good on all hosts of the fleet, covers ")
    allows = lambda s: {x["source"] for x in s.json("allows")}
    assert wait_for(lambda: allows(b) == {SOURCE} and bans(hosts, 1) == {("192.0.2.0/24", "one", "h0")}, 20)
    assert bans(hosts, 0) == {("192.0.2.0/24", "one", "h0"), ("192.0.2.1", "uid:0", None)}
    b.do("disallow", SOURCE)
    b.do("ban", "192.0.2.0/24", "--by", "one", "--for", "1h", "--local")
    assert wait_for(lambda: allows(a) == {"192.0.2.2"}, 20)
    assert bans(hosts, 0, "192.0.2.9") == {("192.0.2.0/24", "one", "h0")} and bans(hosts, 1) == {("192.0.2.0/24", "one", None)}
    b.do("ban", "192.0.2.0/24", "--by", "two", "--for", "2h")
    assert wait_for(lambda: len(bans(hosts, 0, "192.0.2.9")) == 2, 20)
    assert a.json("bans", "192.0.2.9")[0]["owner"] == "one", "the longest counts"
    b.do("unban", "192.0.2.0/24", "--all-owners")
    assert wait_for(lambda: not bans(hosts, 0, "192.0.2.9"), 20), "an unban elsewhere ends all but the bans of one host alone"
    b.do("ban", "192.0.2.7", "--for", "2s")
    assert wait_for(lambda: bans(hosts, 0, "192.0.2.7"), 2)
    assert wait_for(lambda: not bans(hosts, 0, "192.0.2.7"), 20)


def test_ten_thousand_in_bulk_arrive_within_seconds(hosts, tmp_path):
    file = tmp_path / "many"
    file.write_text("".join(f"198.{18 + i // 65536}.{i // 256 % 256}.{i % 256}\n" for i in range(10_000)))
    began = time.monotonic()
    hosts.sluices[0].do("ban", "--file", file, "--by", "feed", "--for", "1h")
    told = time.monotonic() - began
    assert wait_for(lambda: metric(hosts, "sluice_fleet_bans", 1) == 10_000, 60)
    took = time.monotonic() - began
    memory = int(hosts.redis_cli("memory", "usage", key(hosts, "bans"), "samples", 0)) + int(hosts.redis_cli("memory", "usage", key(hosts, "bans:at"), "samples", 0))
    print(f"\n10,000 bans: the order took {told:.2f} s, they were at the other host after {took:.2f} s; {memory // 10_000} bytes of the store each")
    assert len(hosts.sluices[1].json("bans")) == 10_000
    hosts.sluices[1].do("unban", "--all", "--by", "feed")
    assert wait_for(lambda: metric(hosts, "sluice_fleet_bans") == 0 and not bans(hosts, 0), 60)


def test_an_order_that_finds_no_room_among_the_shared_ones_says_that_it_holds_here_alone(tmp_path):
    hosts, file, few = Hosts(tmp_path, 1, POLICY), tmp_path / "many", tmp_path / "few"
    file.write_text("".join(f"10.{1 + i // 65536}.{i // 256 % 256}.{i % 256}\n" for i in range(65_534)))
    few.write_text("192.0.2.3\n192.0.2.4\n192.0.2.5\n")
    try:
        assert together(hosts)
        sluice = hosts.sluices[0]
        for words, said, alone in (
            (("ban", "--file", file, "--for", "1h"), "65534 bans stand on all hosts of the fleet, ", ""),
            (("ban", "--file", few), "3 bans stand on all hosts of the fleet, ", "1 of 3"),
            (("ban", "192.0.2.1"), "banned for good on this host alone, covers ", "1 of 1"),
            (("allow", "192.0.2.2"), "allowed for good on this host alone", "1 of 1"),
        ):
            rc, out, err = sluice.ctl(*words)
            assert rc == 0 and out.startswith(said), out
            assert f"{alone} hold on this host alone: the fleet has no room" in err if alone else not err, err
    finally:
        hosts.close()


def test_a_host_that_was_away_catches_up_and_two_sides_merge(hosts):
    a, b = hosts.sluices[:2]
    a.do("ban", "192.0.2.1", "--by", "old")
    a.do("ban", "192.0.2.2", "--by", "old")
    assert wait_for(lambda: len(bans(hosts, 1)) == 2, 20)
    b.kill(signal.SIGTERM)
    a.do("unban", "192.0.2.1", "--by", "old")
    a.do("ban", "192.0.2.3", "--by", "new")
    b.start()
    assert everywhere(hosts, {("192.0.2.2", "old", "h0"), ("192.0.2.3", "new", "h0")}), (bans(hosts, 0), bans(hosts, 1))
    hosts.signal_store(signal.SIGSTOP)
    assert wait_for(lambda: hosts.states() == ["out of touch"] * 3, 20), hosts.states()
    a.do("ban", "192.0.2.4", "--by", "left")
    b.do("ban", "192.0.2.4", "--by", "right", "--for", "1h")
    a.do("unban", "192.0.2.2", "--by", "old")
    b.do("ban", "192.0.2.3", "--by", "new", "--for", "2h")
    said = time.time()
    assert wait_for(lambda: (b.state / f"{b.instance}.fleet").stat().st_mtime > said, 20)
    b.kill()  # its file has what it said while nobody heard it
    b.start()
    hosts.signal_store(signal.SIGCONT)
    both = {("192.0.2.4", "left", "h0"), ("192.0.2.4", "right", "h1"), ("192.0.2.3", "new", "h1")}
    assert everywhere(hosts, both), (bans(hosts, 0), bans(hosts, 1))


def test_a_store_that_was_emptied_is_told_all_bans_again_and_forgets_those_that_are_over(hosts):
    for i in range(3):
        hosts.sluices[i].do("ban", f"192.0.2.{i}", "--for", "1h")
    assert wait_for(lambda: [len(bans(hosts, n)) for n in range(3)] == [3, 3, 3], 20)
    hosts.redis_cli("flushall")
    assert wait_for(lambda: int(hosts.redis_cli("zcard", key(hosts, "bans:at")) or 0) >= 3, 20)
    over = "for _, id in ipairs(redis.call('zrange', KEYS[2], 0, -1)) do redis.call('zadd', KEYS[3], 1, id) end return 1"
    only_a_number = lambda: lua(hosts, over) and hosts.redis_cli("hlen", key(hosts, "bans")).strip() == "1"
    assert wait_for(only_a_number, 20), "all hosts have told their bans, and those are over"
    assert hosts.redis_cli("zcard", key(hosts, "bans:at")).strip() == hosts.redis_cli("zcard", key(hosts, "bans:end")).strip() == "0"
    assert len(bans(hosts, 0)) == 3, "bans stay in force although the store threw them away"


def test_no_order_of_another_host_bans_what_a_host_depends_on(hosts):
    a, b = hosts.sluices[:2]
    own, before = hosts.nets[1].address, hosts.status(1)["bans"]["withheld"]
    a.do("ban", own, "--force")
    a.do("ban", "10.0.0.0/7", "--force")
    a.do("ban", "128.0.0.0/2", "--force")
    assert wait_for(lambda: {s for s, _, _ in bans(hosts, 1)} == {"128.0.0.0/2"}, 20), bans(hosts, 1)
    assert wait_for(lambda: hosts.status(1)["bans"]["withheld"] == before + 2, 20), hosts.status(1)["bans"]
    assert len(bans(hosts, 0)) == 3


def kept(hosts, number):
    return hosts.sluices[number].state / f"{hosts.sluices[number].instance}.fleet"


HEX = """
local all = redis.call('hgetall', KEYS[1])
local function hex(text) return (string.gsub(text, '.', function(c) return string.format('%02x', string.byte(c)) end)) end
local out = ''
for i = 1, #all, 2 do if #all[i] == 16 then out = out .. ' ' .. hex(all[i] .. all[i + 1]) end end
return out
"""


def kept_soon(hosts, number):
    """Waits until what the store has is in the file of that host, which is written every 2 s at most."""
    said = lua(hosts, HEX).split()
    assert said and wait_for(lambda: kept(hosts, number).exists() and not set(said) - set(kept(hosts, number).read_text().split()), 20)


def test_an_order_of_one_host_alone_over_one_of_the_fleet_outlives_a_restart(hosts):
    a, b = hosts.sluices[:2]
    a.do("ban", "192.0.2.1", "--by", "one", "--for", "1h")
    a.do("allow", "192.0.2.2", "--for", "1h")
    assert wait_for(lambda: bans(hosts, 1) and b.json("allows"), 20)
    kept_soon(hosts, 1)
    b.do("ban", "192.0.2.1", "--by", "one", "--for", "30d", "--local")
    b.do("allow", "192.0.2.2", "--for", "30d", "--local")
    b.kill(signal.SIGTERM)
    b.start()
    assert together(hosts)
    assert bans(hosts, 1) == {("192.0.2.1", "one", None)} and bans(hosts, 2) == {("192.0.2.1", "one", "h0")}
    assert b.json("bans")[0]["expires_in"] > 86400 < b.json("allows")[0]["expires_in"]


def test_the_end_of_a_ban_is_kept_for_as_long_as_it_would_have_lasted(hosts):
    a, b = hosts.sluices[:2]
    a.do("ban", "192.0.2.1", "--by", "long", "--for", "60d")
    a.do("ban", "192.0.2.2", "--by", "long", "--for", "never")
    assert wait_for(lambda: len(bans(hosts, 1)) == 2, 20)
    for source, days in (("192.0.2.1", 60), ("192.0.2.2", 30)):
        b.do("unban", source, "--by", "long")
        said = next(s for s in b.json("export", source)["shared"] if s["owner"] == "long")
        left = time.mktime(time.strptime(said["kept_until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
        assert said["taken_back"] and days - 0.1 < left / 86400 < days + 0.1, said


def test_an_order_that_does_not_hold_here_is_taken_back_here_for_all_others(hosts):
    a, b = hosts.sluices[:2]
    own = hosts.nets[1].address
    a.do("ban", own, "--force", "--by", "one")
    assert wait_for(lambda: bans(hosts, 2), 20) and not bans(hosts, 1), "it is withheld there"
    assert b.do("unban", own, "--by", "one") == "unbanned on the other hosts of the fleet: it did not hold here\n"
    assert everywhere(hosts, set())
    assert b.ctl("unban", own, "--by", "one")[0] == 1, "there is none any more"
    a.do("allow", SOURCE)
    assert wait_for(lambda: b.json("allows"), 20)
    b.do("allow", SOURCE, "--for", "1s", "--local")
    assert wait_for(lambda: not b.json("allows"), 20)
    b.do("disallow", SOURCE)
    assert wait_for(lambda: not a.json("allows"), 20)
    assert b.ctl("disallow", SOURCE)[0] == 1, "there is none any more"


def test_a_ban_that_was_lifted_does_not_come_back_with_the_state_of_before_a_loss_of_power(hosts):
    a, b = hosts.sluices[:2]
    state = b.state / f"{b.instance}.state"
    a.do("ban", "192.0.2.1", "--by", "one", "--for", "1h")
    a.do("allow", "192.0.2.2", "--for", "1h")
    assert wait_for(lambda: bans(hosts, 1) and b.json("allows"), 20)
    assert wait_for(lambda: state.exists() and "192.0.2.1" in state.read_text() and "192.0.2.2" in state.read_text(), 20)
    before = state.read_text()
    kept_soon(hosts, 1)
    a.do("unban", "192.0.2.1", "--by", "one")
    a.do("disallow", "192.0.2.2")
    assert everywhere(hosts, set())
    kept_soon(hosts, 1)
    b.kill()
    b.ctl("unload")
    state.write_text(before)
    b.start()
    assert together(hosts)
    assert bans(hosts, 1) == set() and b.json("allows") == []


def test_a_policy_on_trial_that_has_no_fleet_leaves_the_orders_of_the_fleet_until_it_is_confirmed(hosts):
    a, b = hosts.sluices[:2]
    trial = b.file.parent / "trial.conf"
    a.do("ban", "192.0.2.1", "--by", "one", "--for", "1h")
    assert wait_for(lambda: bans(hosts, 1), 20)
    kept_soon(hosts, 1)
    try:
        trial.write_text("interfaces = {s0} geoip { count-countries = false }\n" + SERVICE)
        b.do("apply", trial, "--confirm", "1h")
        assert b.ctl("fleet", "status")[0] == 1 and kept(hosts, 1).exists()
        b.do("revert")
        assert together(hosts) and bans(hosts, 1) == {("192.0.2.1", "one", "h0")}
        b.do("apply", trial, "--confirm", "1h")
        b.do("confirm")
        assert not kept(hosts, 1).exists()
    finally:
        b.ctl("revert")
        reload(hosts)


def test_an_erasure_reaches_all_hosts_and_store_and_files_hold_no_address(hosts):
    a, b = hosts.sluices[:2]
    a.do("ban", FOE, "--by", "jail", "--reason", "loud")
    assert wait_for(lambda: bans(hosts, 1), 20)
    client, _ = hosts.hold(1, 1, FOE, wait_ms=500)
    client.finish()
    assert wait_for(lambda: b.json("export", FOE)["refusals"], 20)
    a.do("erase", FOE)
    assert wait_for(lambda: not b.json("export", FOE)["refusals"], 20)
    assert {(s["what"], s["host"], s["taken_back"]) for s in b.json("export", FOE)["shared"]} >= {("ban", "h0", False), ("erase", "h0", False)}
    assert any(p["place"].startswith("store of a fleet: bans") for p in b.json("privacy", "report")["places"])
    everything = b"".join(raw(hosts, *words) for words in (("keys", "*"), ("hgetall", key(hosts, "bans")), ("zrange", key(hosts, "bans:at"), 0, -1)))
    kept = lambda: pathlib.Path(b.state / f"{b.instance}.fleet")
    assert wait_for(lambda: kept().exists(), 20)
    assert kept().stat().st_mode & 0o777 == 0o600
    words = [line.split()[1] for line in kept().read_text().splitlines() if line.startswith("fleet ")]
    for held in (everything, bytes.fromhex("".join(words))):
        assert not any(clear in held for clear in (b"jail", b"loud", FOE.encode(), bytes(map(int, FOE.split("."))))), held


FORGE = """
local id = redis.call('zrange', KEYS[2], -1, -1)[1]
local value = redis.call('hget', KEYS[1], id)
local function put(id, value)
  local n = redis.call('hget', KEYS[1], 'n') + 1
  redis.call('hset', KEYS[1], 'n', n, id, value)
  redis.call('zadd', KEYS[2], n, id)
end
local later = struct.pack('<I8', 4000000000000000)
put(id, later .. string.sub(value, 9))
put(string.rep('x', 16), value)
put('short', value)
put(string.rep('y', 16), 'short')
put(string.rep('z', 16), later .. string.rep('\\0', 264))
return 1
"""
REPLAY = """
local n = redis.call('hget', KEYS[1], 'n') + 1
local id = redis.call('get', KEYS[1] .. ':id')
redis.call('hset', KEYS[1], 'n', n, id, redis.call('get', KEYS[1] .. ':value'))
redis.call('zadd', KEYS[2], n, id)
return 1
"""
KEEP = """
local id = redis.call('zrange', KEYS[2], -1, -1)[1]
redis.call('set', KEYS[1] .. ':id', id)
redis.call('set', KEYS[1] .. ':value', redis.call('hget', KEYS[1], id))
return 1
"""
FLOOD = """
local n = redis.call('hget', KEYS[1], 'n')
for i = 1, tonumber(ARGV[1]) do
  local id = struct.pack('<I8I8', i, 7)
  redis.call('hset', KEYS[1], id, struct.pack('<I8I8', 4000000000000000 + i, 0) .. string.rep('a', 256))
  redis.call('zadd', KEYS[2], n + i, id)
end
redis.call('hset', KEYS[1], 'n', n + tonumber(ARGV[1]))
return 1
"""
FLOOD_OF = int(os.environ.get("FLEET_FLOOD", "50000"))


def test_a_store_that_lies_changes_nothing_but_a_counter(hosts):
    a, b = hosts.sluices[:2]
    refused = lambda: [metric(hosts, "sluice_fleet_refused_records_total", n) for n in range(3)]
    a.do("ban", "192.0.2.1", "--by", "old")
    assert wait_for(lambda: bans(hosts, 1), 20)
    lua(hosts, KEEP)
    b.do("unban", "192.0.2.1", "--by", "old")
    assert everywhere(hosts, set())
    lua(hosts, REPLAY)
    a.do("ban", "192.0.2.2", "--by", "good")
    assert wait_for(lambda: bans(hosts, 1) == {("192.0.2.2", "good", "h0")}, 20), "no old ban comes back"
    a.kill(signal.SIGTERM)
    a.start()
    assert together(hosts)
    before = refused()
    lua(hosts, REPLAY)
    lua(hosts, FORGE)
    assert wait_for(lambda: min(n - was for n, was in zip(refused(), before)) >= 3, 20), (before, refused())
    assert everywhere(hosts, {("192.0.2.2", "good", "h0")})
    lua(hosts, FLOOD, FLOOD_OF)
    began = time.monotonic()
    assert wait_for(lambda: min(refused()) >= FLOOD_OF, 120)
    print(f"\n{FLOOD_OF} records that nobody made were passed over by three hosts within {time.monotonic() - began:.1f} s")
    b.do("ban", "192.0.2.3", "--by", "good")
    assert everywhere(hosts, {("192.0.2.2", "good", "h0"), ("192.0.2.3", "good", "h1")})
    assert metric(hosts, "sluice_fleet_bans") == 2


def reload(hosts, text=POLICY):
    for number, sluice in enumerate(hosts.sluices):
        sluice.write(hosts.policy_of(number, text))
        sluice.do("reload")
    assert together(hosts)


def test_a_policy_may_keep_bans_to_each_host(hosts):
    limits = SERVICE.replace("25} ", "25} fleet = true max-connections-per-source = 20 ")
    changes = lambda: hosts.redis_cli("hget", key(hosts, "bans"), "n")
    before = changes()
    try:
        reload(hosts, FLEET % " share-bans = false share-settings = false" + limits)
        hosts.sluices[0].do("ban", "192.0.2.1")
        assert "bans" not in hosts.status() and "+zrem" not in hosts.sluices[0].do("fleet", "acl").split()
        assert "host" not in hosts.sluices[0].json("bans")[0] and changes() == before
    finally:
        reload(hosts)
    hosts.sluices[0].do("ban", "192.0.2.2")
    assert wait_for(lambda: bans(hosts, 1) == {("192.0.2.2", "uid:0", "h0")}, 20), "bans that were made before do not reach other hosts"


def test_the_rights_that_fleet_acl_names_are_enough_for_bans_and_none_can_be_spared(hosts, tmp_path):
    line = hosts.sluices[0].do("fleet", "acl").strip()
    hosts.redis_cli(*("acl setuser " + line.removeprefix("user ").replace(">PASSWORD", ">password")).split())
    (tmp_path / "password").write_text("password\n")
    (tmp_path / "password").chmod(0o600)
    try:
        reload(hosts, POLICY.replace("secret-file", f"user = sluice password-file = {tmp_path}/password secret-file"))
        hosts.sluices[0].do("ban", "192.0.2.1", "--for", "1h")
        assert wait_for(lambda: bans(hosts, 1), 20)
        hosts.sluices[1].do("unban", "192.0.2.1")
        assert wait_for(lambda: not bans(hosts, 0), 20)
        assert not hosts.status()["error"] and not hosts.status(1)["error"]
        hosts.redis_cli("acl", "setuser", "sluice", "-zrem")
        hosts.sluices[0].do("ban", "192.0.2.1")
        assert wait_for(lambda: "can't run this command" in hosts.status()["error"] or "NOPERM" in hosts.status()["error"], 20)
    finally:
        reload(hosts)
