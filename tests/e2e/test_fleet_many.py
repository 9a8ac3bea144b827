# SPDX-License-Identifier: BSD-2-Clause
"""Many hosts at one store, as fleet_load.py simulates them: each is a sluice-fleet, and the test is the sluiced of all of them."""
import time

import fleet_load

HOSTS, KEYS = 40, 100_000


def test_forty_hosts_that_tell_everything_at_once_are_all_answered_and_stay_with_the_store(place):
    place.server()
    hosts = [place.host(f"mx{i}", wait=False, beat_ms=250) for i in range(HOSTS)]
    for h in hosts:
        assert h.until(lambda: h.state and h.state.connected and h.state.hosts == HOSTS, 60), h.state
    began = time.monotonic()
    fleet_load.all_again(hosts, KEYS)
    print(f"\n{HOSTS} hosts told {KEYS * fleet_load.HOLDERS:,} rows in {time.monotonic() - began:.1f} s")
    assert {h.state.resync for h in hosts} == {1}, "no session was lost"
