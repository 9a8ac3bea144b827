# SPDX-License-Identifier: BSD-2-Clause
"""Handshakes that the host keeps for longer than sluice remembers them (net.ipv4.tcp_synack_retries, TCP_DEFER_ACCEPT) meet the limits, too."""
import contextlib
import signal

import wire
from net import SERVER, wait_for

CLIENT, LIMIT, BEGUN = "10.77.0.2", 2, 8
LASTS, SECONDS = 6, 63  # so often the host has waited, and for so long, when a handshake is over with its default settings


def times_waited(net):
    """Returns how often the host has waited in vain, for each handshake in progress."""
    rows = net.run(net.server, "ss", "-Htno", "state", "syn-recv", "( sport = :25 )").stdout.splitlines()
    return [int(row.rsplit("timer:(", 1)[1].split(")")[0].split(",")[2]) for row in rows]


def begin(net, wired):
    """Begins handshakes, and returns the client's port and the host's number of each."""
    begun = []
    for port in range(3000, 3000 + BEGUN):
        wired.send(wire.segment(CLIENT, SERVER, port, 25, "S", 1000))
        answer = wired.hear(lambda got, port=port: got.flags == "S." and got.dport == port)
        begun.append((port, answer.seq))
    return begun


def test_a_handshake_that_outlives_the_table_is_found_by_an_audit(make):
    net, sluice = make(f"service smtp {{ ports = {{25}} max-connections-per-source = {LIMIT} }}\n")
    net.run(net.server, "sh", "-c", "echo 10 >/proc/sys/net/ipv4/tcp_synack_retries")
    net.serve("::", 25)
    net.deafen()
    sluice.kill(signal.SIGTERM)
    sluice.do("unload")  # forgets handshakes as time would, but without two more minutes
    with contextlib.closing(wire.Wire(net)) as wired:
        begun = begin(net, wired)
        assert wait_for(lambda: len(waited := times_waited(net)) == BEGUN and min(waited) >= LASTS, SECONDS + 30, 1)
        sluice.start()
        for port, number in begun:
            wired.send(wire.segment(CLIENT, SERVER, port, 25, ".", 1001, number + 1))
        assert wait_for(lambda: sluice.reason("source-connections") >= BEGUN - LIMIT), "those beyond the limit are refused"
    assert net.established() == sluice.connections() == LIMIT
