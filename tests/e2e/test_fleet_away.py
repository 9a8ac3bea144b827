# SPDX-License-Identifier: BSD-2-Clause
"""Who was away from a fleet, and notices: a host that stood still, a store that stood still, a store whose clock was set."""
import os, signal, time

import pytest

import fleet
from fleet import EXACT, GIVE
from fleet_cost import helper_of
from fleet_faults import policy
from hosts import Hosts, Sum
from net import wait_for

SETTLED = 3.1  # seconds after which exact services get leases in a new epoch
KEY, LIMIT = 5, 20
# What its scripts see when a store's clock is set: every time that they have kept is so much farther away, and every key nearer to its end.
SET_CLOCK = """
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', 'sluice:*')) do
  local ttl = redis.call('PTTL', key)
  if string.find(key, ':hosts$') then
    for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ms, name) end
  elseif string.find(key, ':epoch$') then
    for _, field in ipairs({ 'beat', 'since' }) do redis.call('HINCRBY', key, field, -ms) end
  elseif string.find(key, ':k:') then
    local flat = redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
      local counts, at = string.match(flat[i + 1], '^(%d+ %d+ )(%d+)$')
      redis.call('HSET', key, flat[i], counts .. string.format('%d', at - ms / 1000))
    end
  end
  if ttl >= 0 then redis.call('PEXPIRE', key, ttl - ms) end
end
return 'OK'
"""


@pytest.fixture
def hosts(tmp_path):
    """Two whole hosts, each with a sluiced, whose limit is closed and exact. The first one holds 12."""
    both = Hosts(tmp_path, 2, policy("closed", exact=True))
    try:
        both.together(60)
        both.servers = both.serve()
        both.first = both.hold(0, 12, wait_ms=4000)[0]
        assert wait_for(lambda: both.held() == [12, 0] and both.records() == 1, 20), both.held()
        yield both
    finally:
        both.close()


def stop(*things):
    for t in things:
        t.process.send_signal(signal.SIGSTOP)


def go_on(*things):
    for t in things:
        t.process.send_signal(signal.SIGCONT)


def set_clock(cli, seconds):
    assert cli("eval", SET_CLOCK, 0, seconds * 1000).strip() == "OK"


def two(place, **config):
    """Returns two hosts. The first holds 7."""
    a, b = place.host("mx1", **config), place.host("mx2", **config)
    time.sleep(SETTLED)
    assert a.one(KEY, LIMIT, 7, 0, EXACT | GIVE).lease == 7
    assert a.until(lambda: a.state.hosts == 2) and b.until(lambda: b.state.hosts == 2)
    return a, b


def test_a_host_that_stood_still_for_longer_than_its_leases_count_says_again_what_it_holds(place):
    server = place.server()
    a, b = two(place, lease_ms=1500)
    stop(a)
    a.ask([(KEY, LIMIT, 7, 9, EXACT)])
    b.drain(2)
    assert b.one(KEY, LIMIT, 0, LIMIT, EXACT).lease == LIMIT, "it is taken for dead"
    was = a.state.resync
    a.seen.clear()
    go_on(a)
    assert a.until(lambda: a.state.resync == was + 1 and a.state.connected, 1), a.state
    assert ("127.0.0.1:6379: this host was silent for so long that its leases were over", 0) in [(s.error, s.connected) for s in a.seen]
    assert not a.leases, "what it asked before it knew that was not answered"
    assert a.one(KEY, LIMIT, 7, 0, EXACT) == fleet.Lease(KEY, 7, 0, 0, fleet.OVER)
    assert server.records()[KEY] == {"mx1": (7, 7), "mx2": (0, LIMIT)}
    a.drain(0.5)
    assert a.state.resync == was + 1, "it says so once"


def test_a_host_that_stood_still_for_a_moment_has_its_leases(place):
    place.server()
    a, b = two(place, lease_ms=1500)
    stop(a)
    b.drain(0.7)
    go_on(a)
    a.drain(0.5)
    assert a.state.connected and a.state.resync == 1 and b.one(KEY, LIMIT, 0, LIMIT, EXACT).lease == LIMIT - 7


def test_hosts_that_all_stood_still_at_once_have_their_leases(place):
    place.server()
    hosts = two(place, lease_ms=1500)
    stop(*hosts)
    time.sleep(2.5)
    go_on(*reversed(hosts))
    for h in hosts:
        h.drain(0.5)
        assert h.state.connected and h.state.hosts == 2 and h.state.resync == 1, h.state
    assert hosts[1].one(KEY, LIMIT, 0, LIMIT, EXACT) == fleet.Lease(KEY, LIMIT - 7, 7, 1, 0)


def test_what_was_asked_of_a_store_that_stood_still_is_judged_after_its_first_beat(place):
    server = place.server()
    a, b = two(place, lease_ms=4000, beat_ms=1000)
    b.drain()
    b.seen.clear()
    assert b.until(lambda: b.seen), "its next beat comes in a second"
    stop(server)
    b.ask([(KEY, LIMIT, 0, LIMIT, EXACT)])
    time.sleep(4.5)
    go_on(server)
    assert b.until(lambda: b.state.connected and b.state.resync == 2), b.state
    assert not b.leases and b.state.hosts == 2
    assert b.one(KEY, LIMIT, 0, LIMIT, EXACT) == fleet.Lease(KEY, LIMIT - 7, 7, 1, 0)
    assert a.until(lambda: a.state.connected and a.state.hosts == 2) and a.state.resync == 1


def test_a_store_that_stood_still_while_it_was_new_waits_again_until_all_hosts_have_spoken(place):
    server = place.server()
    a, b = two(place, lease_ms=1500)
    server.cli("flushall")
    for h in (a, b):
        assert h.until(lambda: h.state.resync == 2)
    stop(server)
    time.sleep(SETTLED)
    go_on(server)
    assert b.until(lambda: b.state.resync == 3 and b.state.connected)
    assert b.one(KEY, LIMIT, 0, LIMIT, EXACT).lease == 0
    assert a.until(lambda: a.state.resync == 3 and a.state.connected) and a.one(KEY, LIMIT, 7, 0, EXACT).lease == 7
    time.sleep(SETTLED)
    assert b.one(KEY, LIMIT, 0, LIMIT, EXACT).lease == LIMIT - 7


@pytest.mark.parametrize("seconds", [4, 20, 60, 3600])
@pytest.mark.parametrize("first", [1, -1], ids=["ahead", "back"])
def test_a_store_whose_clock_is_set_leases_nothing_that_another_host_holds(place, seconds, first):
    server = place.server()
    a, b = two(place, beat_ms=200)
    b.one(KEY, LIMIT, 0, 0, EXACT)  # this leases a part of what is left
    for way in (first, -first):
        heard, got = a.state.resync, []
        set_clock(server.cli, way * seconds)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            b.leases.clear()
            b.ask([(KEY, LIMIT, 0, LIMIT, EXACT)])
            b.until(lambda: b.leases, 0.1)
            got.extend(b.leases)
            a.drain()
            if a.state.resync != heard:
                heard = a.state.resync
                a.ask([(KEY, LIMIT, 7, 0, EXACT | GIVE)])
        assert got and all(lease.lease <= LIMIT - 7 for lease in got), got
        assert a.state.hosts == b.state.hosts == 2
    time.sleep(SETTLED)
    assert b.one(KEY, LIMIT, 0, LIMIT, EXACT) == fleet.Lease(KEY, LIMIT - 7, 7, 1, 0)
    assert server.records()[KEY]["mx1"] == (7, 7)


def test_many_questions_that_are_answered_by_nothing_leave_room_for_others(place):
    server = place.server()
    h = place.host("mx1", beat_ms=500)
    server.cli("flushall")
    stop(server)
    for _ in range(40):
        h.ask([(KEY, LIMIT, 3, 1, 0)])
    time.sleep(0.3)
    go_on(server)
    assert h.until(lambda: h.state.resync == 2)
    h.drain(1)
    assert h.one(KEY, LIMIT, 3).lease >= 3


def test_a_host_whose_helper_stood_still_counts_again_at_once(hosts):
    helper = helper_of(hosts.sluices[0])
    os.kill(helper, signal.SIGSTOP)
    try:
        time.sleep(11)
        there, got = hosts.hold(1, LIMIT, wait_ms=3000)
        assert got["greeted"] == LIMIT, "what a host holds that is away for longer than 10 s goes to others"
    finally:
        os.kill(helper, signal.SIGCONT)
    assert wait_for(lambda: hosts.leased() >= 12 + LIMIT, 2), hosts.leased()
    hosts.together(settled=False)
    assert "silent for so long" in hosts.status()["error"]
    there.ask("close 10")
    assert wait_for(lambda: hosts.held() == [12, LIMIT - 10])
    for number in (0, 1):
        assert hosts.hold(number, 5, wait_ms=1500)[1]["greeted"] == 0
    assert sum(hosts.held()) == 12 + LIMIT - 10


def test_a_store_that_stood_still_for_longer_than_leases_count_gives_nobody_more(hosts):
    total = Sum(hosts.servers)
    hosts.signal_store(signal.SIGSTOP)
    hosts.late.append(hosts.hold(1, LIMIT, wait_ms=100)[0])
    time.sleep(12)
    hosts.signal_store(signal.SIGCONT)
    hosts.late.append(hosts.hold(1, LIMIT, wait_ms=100)[0])
    assert wait_for(lambda: sum(hosts.held()) == LIMIT, 20), hosts.held()
    time.sleep(2)
    assert total.finish() == LIMIT and hosts.held()[0] == 12, hosts.held()


def test_a_clock_that_is_set_an_hour_ahead_and_back_gives_nobody_more(hosts):
    total = Sum(hosts.servers)
    for seconds in (3600, -3600):
        set_clock(hosts.redis_cli, seconds)
        hosts.late.append(hosts.hold(1, LIMIT, wait_ms=4000)[0])
        assert wait_for(lambda: sum(hosts.held()) == LIMIT, 20), hosts.held()
    assert total.finish() == LIMIT and hosts.held()[0] == 12, hosts.held()
