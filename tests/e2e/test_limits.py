# SPDX-License-Identifier: BSD-2-Clause
"""Limits hold exactly, on real connections, with and without a round trip."""
import time

import pytest

import tools
from net import SERVER, SERVER6, wait_for

TEN = "service smtp { ports = {25} max-connections-per-source = 10 }\n"


def hold_ten_of_500(net, sluice, target, sources, limit=10):
    """Makes 500 attempts at once from several processes. There are never more than the limit, and exactly the limit while they are held."""
    peak = tools.peak(net, 25, "-a")
    holders = [net.hold(sources, target) for _ in range(5)]
    for h in holders:
        h.process.stdin.write("open 100\n")
        h.process.stdin.flush()
    for h in holders:
        h.process.stdout.readline()
    held = lambda: sum(h("count")["greeted"] for h in holders)
    assert wait_for(lambda: held() == limit), f"{held()} are in"
    time.sleep(1.5)  # clients repeat refused SYNs after a second, which must be refused again
    assert held() == limit
    assert net.established() == limit
    assert sluice.connections() == limit
    for h in holders:
        h("abandon")
    one = next(h for h in holders if h("count")["greeted"])
    one("close", 1)
    assert wait_for(lambda: sluice.connections() == limit - 1)
    one("open", 1)
    assert wait_for(lambda: held() == limit), "the slot of a connection that ended is free"
    seen = peak.finish()
    assert seen["max"] <= limit and seen["samples"] > 1, seen
    for h in holders:
        h.process.stdin.close()
        h.process.wait()
    assert wait_for(lambda: sluice.service()["connections"] + sluice.service()["reserved"] == 0)
    assert sluice.json("sources") == []
    assert sluice.json("status")["drift"] == 0


@pytest.mark.parametrize("rtt", [0, 40])
@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_ten_of_500_connections_at_once_get_in(make, rtt, listen):
    net, sluice = make(TEN, rtt)
    net.serve(listen, 25)
    hold_ten_of_500(net, sluice, SERVER, "10.77.0.2")


@pytest.mark.parametrize("rtt", [0, 40])
def test_addresses_of_one_ipv6_network_share_the_limit(make, rtt):
    net, sluice = make(TEN, rtt)
    net.serve("::", 25)
    hold_ten_of_500(net, sluice, SERVER6, "fd77:0:1::2,fd77:0:1::3")


@pytest.mark.parametrize("rtt", [0, 40])
def test_service_limit_holds_over_50_sources(make, rtt):
    net, sluice = make("service smtp { ports = {25} max-connections = 10 }\n", rtt)
    net.serve("::", 25)
    hold_ten_of_500(net, sluice, SERVER, ",".join(f"10.77.1.{i + 1}" for i in range(50)))


def test_silent_connections_still_count(make):
    net, sluice = make(TEN + "sources { retention = 1s }\n")
    net.serve("0.0.0.0", 25)
    h = net.hold("10.77.0.2")
    h("open", 10)
    assert h.greeted(10)
    time.sleep(5)  # longer than reservations, sweeps and retention
    h("open", 5)
    assert h.settle()["greeted"] == 10
    assert sluice.connections() == 10


def test_connections_older_than_sluice_are_counted(make):
    net, sluice = make(TEN)
    net.serve("::", 25)
    sluice.kill()
    sluice.do("unload")
    h = net.hold("10.77.0.2")
    h("open", 7)
    assert h.greeted(7)
    sluice.start()
    assert sluice.connections() == 7
    h("open", 10)
    assert h.greeted(10)
    assert sluice.connections() == 10
    h("abandon")  # or they take the slots that become free
    h("close", 10)
    assert wait_for(lambda: sluice.connections() == 0)


def test_reset_tells_the_client_at_once(make):
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 2 on-excess = reset }\n")
    net.serve("::", 25)
    for source, target in (("10.77.0.2", SERVER), ("fd77:0:1::2", SERVER6)):
        h = net.hold(source, target)
        h("open", 2)
        assert h.greeted(2)
        before = sluice.reason("source-connections")
        h("open", 3)
        assert wait_for(lambda: h("count")["refused"] == 3, 2)
        assert sluice.reason("source-connections") - before == 3, "no client had to send its SYN again"


def test_rate_of_a_source_counts_new_connections(make):
    net, sluice = make("service smtp { ports = {25} max-rate-per-source = 5/2s on-excess = reset }\n")
    net.serve("0.0.0.0", 25)
    h = net.hold("10.77.0.2")
    h("open", 8)
    assert wait_for(lambda: h("count") == {"pending": 0, "greeted": 5, "refused": 3, "ended": 0})
    time.sleep(2.2)
    h("open", 1)
    assert h.greeted(6)
    assert sluice.reason("source-rate", "connections") == 3


@pytest.mark.parametrize("says", ["F", "R"])
def test_server_that_ends_connections_frees_their_places(make, says):
    net, sluice = make(TEN)
    net.serve("::", 25)
    for _ in range(3):
        h = net.hold("10.77.0.2")
        h("open", 10)
        assert h.greeted(10)
        h("say", says)
        h.process.stdin.close()
        h.process.wait()
        assert wait_for(lambda: sluice.connections() == 0)


def test_killed_server_frees_all_places(make):
    net, sluice = make(TEN)
    server = net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 10)
    assert h.greeted(10)
    server.kill()
    server.wait()
    assert wait_for(lambda: sluice.connections() == 0)
    net.serve("::", 25)
    again = net.hold("10.77.0.2")
    again("open", 10)
    assert again.greeted(10)


def test_full_accept_queue_neither_leaks_nor_overshoots(make):
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 30 }\n")
    server = net.popen(net.server, "tests/lib/serve.py", "::", 25, 4, "--no-accept", cwd="/".join(__file__.split("/")[:-3]))
    net.ready(server)
    h = net.hold("10.77.0.2")
    h("open", 60)
    time.sleep(5)
    assert net.established() <= 30
    assert sluice.connections() == net.established()
    server.kill()
    server.wait()
    h.process.kill()
    assert wait_for(lambda: sluice.service()["connections"] + sluice.service()["reserved"] == 0)
