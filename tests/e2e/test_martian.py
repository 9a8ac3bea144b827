# SPDX-License-Identifier: BSD-2-Clause
"""SYNs with addresses that nobody speaks from: the host drops them unseen, so sluice drops them, charges nothing and answers nothing."""
import contextlib

import wire
from net import SERVER, SERVER6, wait_for

MARTIANS = [(source, SERVER) for source in ("0.0.0.0", "224.0.0.5", "239.255.255.255", "255.255.255.255")]
MARTIANS += [("ff02::1", SERVER6), ("::ffff:10.77.0.3", SERVER6), ("fd77:0:1::2", f"::ffff:{SERVER}")]
STRANGE = ("0.9.9.9", "240.0.0.1")  # the host takes them
HONEST = "10.77.0.2"


def send(net, port):
    """Sends a SYN of each pair of addresses, and some that the host takes behind them."""
    with contextlib.closing(wire.Wire(net)) as wired:
        for source, target in MARTIANS + [(source, SERVER) for source in (*STRANGE, HONEST)]:
            wired.send(wire.segment(source, target, port, 25, "S", 100))


def half_open(net, port):
    """Returns the clients whose handshakes with this port of theirs are in progress on the host."""
    rows = net.run(net.server, "ss", "-Htn", "state", "syn-recv", f"( sport = :25 and dport = :{port} )").stdout.splitlines()
    return {row.split()[3].rsplit(":", 1)[0].strip("[]").removeprefix("::ffff:") for row in rows}


def test_what_the_host_drops_for_its_addresses_takes_no_slot(make):
    net, sluice = make("mode = observe\nservice smtp { ports = {25} max-connections-per-source = 5 on-excess = reset }\n")
    net.serve("::", 25)
    net.deafen()
    net.run(net.server, "ip", "route", "add", "default", "via", HONEST)  # an answer would have a way
    taken = {*STRANGE, HONEST}
    send(net, 2000)
    assert wait_for(lambda: half_open(net, 2000) >= taken) and half_open(net, 2000) == taken, half_open(net, 2000)
    assert sluice.reason("malformed", "observed") == len(MARTIANS)
    sluice.do("mode", "enforce")
    send(net, 2001)
    assert wait_for(lambda: half_open(net, 2001) >= taken) and half_open(net, 2001) == taken
    assert sluice.reason("malformed") == len(MARTIANS) and sluice.service()["reserved"] <= 2 * len(taken)
