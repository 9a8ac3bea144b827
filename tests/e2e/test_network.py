# SPDX-License-Identifier: BSD-2-Clause
"""The test network and its tools do what they claim; there is no sluice here."""
import contextlib
import signal

import pytest

import mail
import tools
from net import Net, SERVER, SERVER6, wait_for

BANNER = """
import socket, sys
to, port, source = sys.argv[1:]
s = socket.create_connection((to, int(port)), 5, (source, 0))
print(s.makefile().readline().strip())
"""


@pytest.fixture(params=[0, 40], ids=["rtt0", "rtt40"])
def net(request):
    with contextlib.closing(Net(request.param)) as net:
        net.rtt = request.param
        tools.any_source(net)
        yield net


@pytest.fixture
def near():
    with contextlib.closing(Net()) as net:
        tools.any_source(net)
        yield net


def banner(net, to, port, source):
    return net.run(net.client, "/usr/bin/python3", "-c", BANNER, to, port, source).stdout.strip()


def test_real_postfix_greets_over_both_families(net):
    with mail.postfix(net):
        assert banner(net, SERVER, 25, tools.source(3)).startswith("220 mx.sluice.test")
        assert banner(net, SERVER6, 25, tools.source6(3)).startswith("220 mx.sluice.test")


def test_real_postfix_takes_mail(near):
    with mail.postfix(near):
        status, said = mail.smtp_source(near, sessions=5, messages=20)
        assert status == 0, said


def test_real_dovecot_greets_over_both_families(net):
    with mail.dovecot(net):
        assert banner(net, SERVER, 143, tools.source(1)).startswith("* OK")
        assert banner(net, SERVER6, 143, tools.source6(1)).startswith("* OK")


def test_smtp_sink_takes_mail(near):
    with mail.smtp_sink(near):
        status, said = mail.smtp_source(near, sessions=10, messages=100)
        assert status == 0, said


def test_round_trip_is_what_was_asked(net):
    tools.serve(net, 2525)
    hold, first = tools.hold(net, SERVER, 2525, 1, tools.source(), wait_ms=200)
    assert first["connected"] == 1
    info = net.run(net.server, "ss", "-Htin", "sport = :2525").stdout
    assert net.rtt <= float(info.split(" minrtt:")[1].split()[0]) < net.rtt + 10, info
    hold.finish()


def test_hold_and_peak_count_what_the_server_has(net):
    tools.serve(net, 2525)
    peak = tools.peak(net, 2525)
    hold, first = tools.hold(net, SERVER, 2525, 500, tools.source() + "+50", processes=4)
    assert (first["connected"], first["greeted"], first["pending"]) == (500, 500, 0)
    assert net.established(2525) == 500
    assert peak.ask("now")["max_source"] == 10
    assert hold.ask("close 100")["connected"] == 400
    assert wait_for(lambda: net.established(2525) == 400)
    assert hold.ask("open 10")["connected"] == 410
    seen = peak.finish()
    assert (seen["max"], seen["last"]) == (500, 410)
    assert seen["samples"] > 1
    hold.finish()
    assert wait_for(lambda: net.established(2525) == 0)


def test_hold_sees_refusals_and_ends(near):
    serve = tools.serve(near, 2525)
    assert tools.hold(near, SERVER, 9, 10, tools.source())[1]["refused"] == 10
    hold, first = tools.hold(near, SERVER6, 2525, 10, tools.source6())
    assert first["connected"] == 10, first
    serve.send_signal(signal.SIGTERM)
    assert wait_for(lambda: hold.ask("count")["ended"] == 10)


def test_serve_that_accepts_nothing_can_start_to(near):
    serve = tools.serve(near, 2525, "--no-accept", "-b", 5)
    hold, first = tools.hold(near, SERVER, 2525, 20, tools.source(), wait_ms=500)
    assert first["greeted"] == 0
    serve.send_signal(signal.SIGUSR2)
    assert wait_for(lambda: hold.ask("wait 100")["greeted"] >= 6)


def test_mix_ends_sessions_in_every_way(near):
    tools.serve(near, 2525)
    done = tools.mix(near, SERVER, 2525, 20000, tools.source() + "+200").finish(60)
    for ending, of in done["endings"].items():
        assert of["attempted"] > 1000, ending
        assert of["done"] == of["attempted"], (ending, of)
    assert wait_for(lambda: near.established(2525) == 0)
    print(f"{done['per_second']} sessions a second")
    assert tools.mix(near, SERVER6, 2525, 2000, tools.source6() + "+50").finish(60)["sessions"] == 2000


def test_forged_segments_arrive_and_harm_nothing(near):
    tools.serve(near, 2525)
    hold, _ = tools.hold(near, SERVER, 2525, 20, tools.source())
    assert tools.forge(near, 2525, tools.source(), "mix", 5000).finish() == {"sent": 5000}
    assert tools.forge(near, 2525, tools.source6(), "rst", 100, to=SERVER6).finish() == {"sent": 100}
    link = near.run(near.server, "ip", "-s", "link", "show", "s0").stdout.split("RX:")[1].splitlines()[1].split()
    assert int(link[1]) > 5000, link
    assert hold.ask("count")["connected"] == 20


def test_forged_syns_are_sound_and_stay_half_open(near):
    """Nobody has the addresses, so no RST ends the handshakes; with a wrong checksum none would have begun."""
    tools.serve(near, 2525)
    tools.forge(near, 2525, "10.77.2.1", "syn", 50).finish()
    tools.forge(near, 2525, "fd77:0:9::1", "syn", 50, to=SERVER6).finish()
    half = near.run(near.server, "ss", "-Htn", "state", "syn-recv", "sport = :2525").stdout
    assert len(half.splitlines()) == 100
