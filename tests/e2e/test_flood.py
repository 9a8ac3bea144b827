# SPDX-License-Identifier: BSD-2-Clause
"""SYN floods are answered by cookies; limits stay exact under pressure, spoofed victims get in, and the sysctl is always put back."""
import signal
import time

import pytest

import tools
from net import PACE, SERVER, SERVER6, wait_for
from pressure import PRESSED, press, syncookies
from test_limits import hold_ten_of_500

TEN = "service smtp { ports = {25} max-connections-per-source = 10 }\n"


def test_service_under_pressure_answers_by_cookies_and_is_calm_again(make):
    net, sluice = make(PRESSED + TEN)
    net.serve("::", 25)
    assert syncookies(net) == 1
    press(net, sluice)
    for source, target in (("10.77.0.2", SERVER), ("fd77:0:1::2", SERVER6)):
        h = net.hold(source, target)
        h("open", 3)
        assert h.greeted(3)
        h.process.stdin.close()
        h.process.wait()
    assert sluice.reason("cookie-valid", "connections") == 6
    assert sluice.reason("cookie-sent") >= 6
    assert wait_for(lambda: sluice.connections() == 0)
    assert wait_for(lambda: not sluice.service()["pressure"], 15)
    assert wait_for(lambda: syncookies(net) == 1, 15)
    assert sluice.json("status")["drift"] == 0


@pytest.mark.parametrize("target, sources, rtt", [(SERVER, "10.77.0.2", 0), (SERVER, "10.77.0.2", 40), (SERVER6, "fd77:0:1::2,fd77:0:1::3", 0)])
def test_ten_of_500_at_once_get_in_under_pressure(make, target, sources, rtt):
    net, sluice = make(PRESSED + TEN, rtt)
    net.serve("::", 25)
    press(net, sluice)
    time.sleep(0.3)
    hold_ten_of_500(net, sluice, target, sources)
    assert sluice.reason("cookie-valid", "connections") >= 10


def test_limit_holds_while_pressure_comes_and_goes(make):
    """Cookies of one time of pressure come back in the next, or in the calm between them; there are never more than ten connections."""
    net, sluice = make("syn-flood { pressure-syn-rate = 40/1s calm-after = 1s }\n" + TEN)
    net.serve("::", 25)
    peak = tools.peak(net, 25)
    spells = set()
    for number in range(8):
        if number % 2:
            tools.forge(net, 25, "10.77.4.1+200", "syn", 50, "-S", number).finish()
        hold, _ = tools.hold(net, SERVER, 25, 60, "10.77.0.2", processes=2, wait_ms=300)
        spells.add(sluice.service()["pressure"])
        hold.finish()
        time.sleep(1.5 if number % 2 else 0)
    seen = peak.finish()
    assert 1 <= seen["max"] <= 10, seen
    assert spells == {True, False}
    assert sluice.reason("cookie-valid") > 0
    assert wait_for(lambda: sluice.service()["connections"] + sluice.service()["reserved"] == 0)
    assert sluice.json("status")["drift"] == 0


def test_spoofed_victim_is_served_all_the_same(make):
    """10,000 SYNs a second come in the client's name, against limits of 5. Its own 100 connections, one after the other, all succeed."""
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 5 max-rate-per-source = 500/1m }\n")
    net.serve("0.0.0.0", 25)
    # After a first connection sluice knows that handshakes complete here.
    tools.hold(net, SERVER, 25, 1, "10.77.0.3", processes=1)[0].finish()
    net.run(net.client, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_syn_retries")
    flood = tools.forge(net, 25, "10.77.0.2", "syn", 10**9, "-r", 10000)
    code = (
        "import socket, time\n"
        "for i in range(100):\n"
        f"    began = time.monotonic(); s = socket.create_connection(('{SERVER}', 25), 5, ('10.77.0.2', 0))\n"
        "    assert s.recv(3) == b'220'; s.close(); print(time.monotonic() - began)\n"
    )
    took = [float(t) for t in net.run(net.client, "/usr/bin/python3", "-c", code, timeout=120).stdout.split()]
    flood.process.kill()
    print(f"slowest {max(took):.3f} s, {sum(t > 0.9 for t in took)} needed a retry; cookies sent {sluice.reason('cookie-sent')}")
    assert len(took) == 100 and max(took) < 2


def test_sysctl_is_put_back(make):
    """It is put back when it is calm again, at stop and unload, and by a restart after kill -9 under pressure, be it calm by then or not."""
    net, sluice = make(PRESSED + TEN)
    net.serve("::", 25)
    syncookies(net, 0)
    press(net, sluice)
    sluice.kill(signal.SIGTERM)
    assert syncookies(net) == 0, "stop"
    sluice.start()
    press(net, sluice)
    sluice.kill()
    assert syncookies(net) == 2
    sluice.start()
    assert syncookies(net) == 2, "still under pressure"
    assert wait_for(lambda: syncookies(net) == 0, 20), "calm again"
    press(net, sluice)
    sluice.kill()
    time.sleep(5 * PACE)
    assert not sluice.service()["pressure"] and syncookies(net) == 2
    sluice.start()
    assert wait_for(lambda: syncookies(net) == 0, 2), "killed, and calm when started again"
    press(net, sluice)
    sluice.do("unload")
    assert syncookies(net) == 0, "unload"
    sluice.daemon.wait()
    sluice.start()
    press(net, sluice)
    sluice.kill()
    sluice.do("unload")
    assert syncookies(net) == 0, "unload without a daemon"
    sluice.start()


def test_the_value_that_somebody_else_sets_meanwhile_stays(make):
    net, sluice = make(PRESSED + TEN)
    net.serve("::", 25)
    press(net, sluice)
    sluice.kill()
    syncookies(net, 0)
    sluice.do("unload")
    assert syncookies(net) == 0
    sluice.start()


@pytest.mark.parametrize("kind", ["ack", "rst", "fin", "synack", "any"])
def test_flood_of_stray_segments_harms_no_session_and_is_not_answered(make, kind):
    net, sluice = make(TEN)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 10)
    assert h.greeted(10)
    tools.forge(net, 25, "10.77.4.1+250", "ack", 4000).finish()
    assert wait_for(lambda: sluice.reason("cookie-forged") > 0)
    before, began = net.tcp_counter("OutRsts"), time.monotonic()
    sent = tools.forge(net, 25, "10.77.4.1+250", kind, 100000).finish(60)["sent"]
    h2 = net.hold("10.77.0.3")
    h2("open", 3)
    assert h2.greeted(3)
    assert h("count")["greeted"] == 10 and sluice.connections() == 13
    # If the machine stops for a second, that flood is over, and some of the next one is answered before it is noticed.
    assert net.tcp_counter("OutRsts") - before < sent / 50
    print(f"{kind}: {sent} in {time.monotonic() - began:.1f} s; {sluice.reason('cookie-forged')} forged, {sluice.reason('malformed')} malformed")


@pytest.mark.parametrize("cookies", ["true", "false"])
def test_full_tables_touch_neither_known_sources_nor_connections(make, cookies):
    """There are 70,000 half-open handshakes. With cookies hardly any is held; without them the table of reservations is full."""
    policy = f"syn-flood {{ cookies = {cookies} }}\nsources {{ max = 1000 }}\nservice smtp {{ ports = {{25}} max-connections-per-source = 4 }}\n"
    net, sluice = make(policy)
    net.serve("0.0.0.0", 25)
    h = net.hold("10.77.0.2")
    h("open", 3)
    assert h.greeted(3)
    tools.forge(net, 25, "10.88.0.0+70000", "syn", 140000).finish()
    table = {t["name"]: t for t in sluice.json("status")["tables"]}
    h("open", 3)
    new = net.hold("10.77.0.3")
    new("open", 2)
    assert h.greeted(4) and new.greeted(2)
    assert h.settle()["greeted"] == 4 and sluice.connections() == 6
    print({name: (t["entries"], t["capacity"], t["turned_away"]) for name, t in table.items()})
    if cookies == "true":
        assert table["reservations"]["entries"] < 10000 and table["reservations"]["turned_away"] == 0
    else:
        assert table["reservations"]["turned_away"] > 0, "the table was full"
        assert table["sources"]["entries"] == 1000 and table["sources"]["turned_away"] > 0
