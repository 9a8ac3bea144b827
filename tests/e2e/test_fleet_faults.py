# SPDX-License-Identifier: BSD-2-Clause
"""Tests briefly what `make fleet` measures: hosts and a store fail under load, are far away, and in the end forget all that is over."""
import signal, time

import pytest

import fleet_faults
import fleet_hour
import fleet_rtt
import tools
from fleet_faults import COUNT, LIMIT, policy
from hosts import Hosts
from net import wait_for

RING_FULL = 3000  # connections, which make twice as many changes as the ring of 256 KB has room for
NOBODY = "10.77.0.99"  # answers no SYN-ACK


@pytest.fixture
def fleet(tmp_path):
    """fleet(policy, count, rtt) -> Hosts, in touch."""
    made = []

    def build(text, count=COUNT, rtt=0):
        made.append(Hosts(tmp_path, count, text, rtt))
        made[-1].together(60)
        return made[-1]

    yield build
    for hosts in made:
        hosts.close()


def test_handshakes_that_run_out_are_told_and_leave_nothing_at_the_store(fleet):
    hosts = fleet(policy("closed", exact=True), count=2)
    hosts.serve()
    forged = tools.forge(hosts.nets[0], 25, NOBODY, "syn", 100, "-r", 50, to=hosts.nets[0].address)
    assert wait_for(lambda: hosts.records() == 1), "a lease is asked for"
    forged.finish()
    assert wait_for(lambda: hosts.sluices[0].service()["reserved"] == 0, 20)
    assert wait_for(lambda: hosts.records() == 0, 40), hosts.leased()
    assert wait_for(lambda: fleet_hour.leases(hosts) == [0, 0])


def test_changes_that_a_daemon_missed_are_not_held_for_ever(fleet):
    hosts = fleet(policy("local", exact=True), count=2)
    hosts.serve()
    held, sluice = hosts.hold(0, 12, wait_ms=4000)[0], hosts.sluices[0]
    assert wait_for(lambda: hosts.held()[0] == 12 and hosts.records() == 1, 20)
    sluice.daemon.send_signal(signal.SIGSTOP)
    try:
        # on-partition is local, so these get in, and fill the ring.
        tools.mix(hosts.nets[0], hosts.nets[0].address, 25, RING_FULL, "10.77.0.3+6", "-e", "client-rst").finish(60)
        held.finish()
        assert wait_for(lambda: hosts.held()[0] == 0)
    finally:
        sluice.daemon.send_signal(signal.SIGCONT)
    hosts.together(30, settled=False)
    assert hosts.status()["changes_lost"] > 0, "the ring was full"
    assert wait_for(lambda: hosts.records() == 0 and fleet_hour.leases(hosts) == [0, 0], 40), (hosts.leased(), fleet_hour.leases(hosts))


def test_an_exact_limit_is_reached_and_never_exceeded_over_40_ms(fleet):
    hosts = fleet(fleet_rtt.text(exact=True), rtt=40)
    got = fleet_rtt.rush(hosts, hosts.serve())
    assert got.most == LIMIT and sum(got.held) == LIMIT and got.full >= 0, got


@pytest.mark.parametrize("kind", [fleet_faults.Cut, fleet_faults.Daemons])
def test_closed_and_exact_holds_under_load_while_hosts_fail(fleet, kind):
    hosts = fleet(policy("closed", exact=True))
    got = fleet_faults.run(kind, hosts, hosts.serve(), "closed", exact=True)
    assert got.peak <= LIMIT and got.seconds >= 0, got
    assert got.attempts


def test_sessions_of_every_ending_leave_nothing_whatever_fails_meanwhile(fleet):
    hosts = fleet(policy("local", exact=False))
    of, done = fleet_hour.run(hosts, 15, restarts=False)
    print(f"\n{dict(of)}; {dict(done)}")
    assert of["done"] and sum(done.values()) > 3


def test_what_a_host_wanted_before_it_lost_the_store_does_not_stay_there(fleet):
    hosts = fleet(policy("local", exact=True), count=2)
    hosts.serve()
    held = hosts.hold(0, LIMIT, wait_ms=4000)[0]
    assert wait_for(lambda: hosts.held() == [LIMIT, 0], 20)
    forged = tools.forge(hosts.nets[1], 25, "10.77.0.2", "syn", 3, "-r", 50, to=hosts.nets[1].address)
    assert wait_for(lambda: fleet_hour.leases(hosts) == [1, 1]), "the second host wants a lease, and there is none"
    hosts.signal_store(signal.SIGSTOP)
    try:
        forged.finish(), held.finish()
        assert wait_for(lambda: hosts.states() == ["out of touch"] * 2 and not any(hosts.held()), 20), (hosts.states(), hosts.held())
        time.sleep(1.5)  # nobody wants it any more, and the sessions with the store are over
    finally:
        hosts.signal_store(signal.SIGCONT)
    hosts.together(30, settled=False)
    assert wait_for(lambda: hosts.records() == 0 and fleet_hour.leases(hosts) == [0, 0], 40), (hosts.records(), fleet_hour.leases(hosts))


def test_what_ended_while_a_daemon_was_dead_goes_to_whoever_wants_it(fleet):
    hosts = fleet(policy("closed", exact=True), count=2)
    hosts.serve()
    held, sluice = hosts.hold(0, LIMIT, wait_ms=4000)[0], hosts.sluices[0]
    assert wait_for(lambda: hosts.held() == [LIMIT, 0], 20)
    sluice.kill()
    held.finish()
    sluice.start()
    hosts.together(30, settled=False)
    wanted = hosts.hold(1, LIMIT, wait_ms=10)[0]
    assert wait_for(lambda: hosts.held() == [0, LIMIT], 40), hosts.held()
    wanted.finish()


def test_a_host_that_boots_without_the_store_does_not_hold_a_whole_limit_that_is_closed(fleet):
    hosts = fleet(policy("closed", exact=True), count=2)
    hosts.serve()
    hosts.signal_store(signal.SIGKILL)
    sluice = hosts.sluices[0]
    sluice.kill()
    sluice.do("unload")
    sluice.start()
    client, got = hosts.hold(0, 5, wait_ms=1500)
    assert got["greeted"] == 0 and hosts.held() == [0, 0]
    hosts.start_store()
    hosts.together()
    assert wait_for(lambda: hosts.held() == [5, 0], 30), "they repeat their SYNs"
    client.finish()
