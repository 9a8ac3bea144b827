# SPDX-License-Identifier: BSD-2-Clause
"""Real mail servers behind sluice, and real clients: Postfix, Dovecot, smtp-source and smtp-sink."""
import contextlib

import pytest

import mail
import tools
from net import SERVER, SERVER6, wait_for

BOTH = """
service smtp { ports = {25} max-connections-per-source = 5 on-excess = reset }
service imap { ports = {143} max-connections-per-source = 3 on-excess = reset }
source-set partners { prefixes = {10.77.0.4} services = {smtp} action = allow }
source-set webmail { prefixes = {10.77.0.5} services = {imap} max-connections-per-source = 8 }
"""


def reach(net, sluice, port, count, source, to=SERVER):
    """Opens `count` connections at once, and closes them again. Returns how many were greeted."""
    hold, first = tools.hold(net, to, port, count, source, processes=1, wait_ms=1500)
    hold.finish()
    assert wait_for(lambda: sum(s["connections"] for s in sluice.json("status")["services"]) == 0, 15)
    return first["greeted"]


@pytest.mark.parametrize("rtt", [0, 40])
def test_limits_hold_before_postfix_and_dovecot(make, rtt):
    net, sluice = make(BOTH, rtt)
    with mail.postfix(net), mail.dovecot(net):
        assert reach(net, sluice, 25, 12, "10.77.0.2") == 5
        assert reach(net, sluice, 25, 12, "fd77:0:1::2,fd77:0:1::3", SERVER6) == 5
        assert reach(net, sluice, 25, 12, "10.77.0.4") == 12, "a partner has no limit"
        assert reach(net, sluice, 143, 12, "10.77.0.2") == 3
        assert reach(net, sluice, 143, 12, "10.77.0.5") == 8, "a set with a limit of its own"
        assert sluice.json("status")["drift"] == 0


def test_all_mail_arrives_within_the_limit(make):
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 10 }\n")
    with mail.postfix(net):
        status, said = mail.smtp_source(net, sessions=10, messages=200, options=("-d",))
        assert status == 0, said
        assert wait_for(lambda: sluice.connections() == 0)
        counts = sluice.service()
        assert (counts["admitted"], counts["refused"]) == (10, 0)


def test_more_sessions_than_the_limit_never_stand_at_once_and_all_mail_arrives(make):
    """`drop` makes the client ask again, so that mail is delivered a little later."""
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 4 }\n")
    with mail.smtp_sink(net):
        peak = tools.peak(net, 25)
        status, said = mail.smtp_source(net, sessions=8, messages=40, options=("-d",))
        assert status == 0, said
        assert 1 <= peak.finish()["max"] <= 4
        assert sluice.reason("source-connections", "connections") > 0
        assert wait_for(lambda: sluice.connections() == 0)


def test_rate_of_new_smtp_sessions_holds(make):
    """smtp-source opens a session for each message, unless it is told -d."""
    net, sluice = make("service smtp { ports = {25} max-rate-per-source = 10/30s on-excess = reset }\n")
    with mail.smtp_sink(net):
        status, _ = mail.smtp_source(net, sessions=1, messages=30)
        assert status != 0
        assert sluice.service()["admitted"] == 10
        assert sluice.reason("source-rate") >= 1


def test_denied_source_is_refused_in_the_middle_of_its_imap_session(make):
    net, sluice = make(BOTH)
    with mail.dovecot(net), contextlib.closing(tools.hold(net, SERVER, 143, 1, "10.77.0.2")[0].process.stdin):
        assert sluice.connections("imap") == 1
        code = "import socket,sys; s=socket.create_connection(('10.77.0.1',143),5,('10.77.0.3',0)); f=s.makefile('rw');" \
            "print(f.readline()[:4]); f.flush(); sys.stdout.flush(); sys.stdin.readline(); s.settimeout(2);" \
            "s.sendall(b'a NOOP\\r\\n'); print(s.recv(100))"
        client = net.popen(net.client, "/usr/bin/python3", "-c", code)
        assert client.stdout.readline() == "* OK\n"
        sluice.write(BOTH + "source-set foes { prefixes = {10.77.0.3} action = deny }\n")
        sluice.do("reload")
        client.stdin.write("\n")
        client.stdin.flush()
        assert client.wait(10) != 0, "the client gets no answer, or a reset"
        assert sluice.reason("denied", service="imap") >= 1
