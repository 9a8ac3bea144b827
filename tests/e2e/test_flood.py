# SPDX-License-Identifier: BSD-2-Clause
"""SYN floods: cookies, exact limits under pressure, spoofed victims, and the sysctl that is always put back."""
import signal
import threading
import time

import pytest

import tools
from net import SERVER, SERVER6, wait_for
from test_limits import hold_ten_of_500

TEN = "service smtp { ports = {25} max-connections-per-source = 10 }\n"
# Any SYN puts the service under pressure; it is calm again 2 s after the last.
PRESSED = "syn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 2s }\n"


def syncookies(net, value=None):
    name = "/proc/sys/net/ipv4/tcp_syncookies"
    if value is not None:
        net.run(net.server, "sh", "-c", f"echo {value} >{name}")
    return int(net.run(net.server, "cat", name).stdout)


def press(net, sluice, to=SERVER):
    """Under pressure, from a source nobody else uses, and the sysctl is up."""
    tools.forge(net, 25, "10.77.3.1", "syn", 3, to=SERVER).finish()
    assert wait_for(lambda: sluice.service()["pressure"] and syncookies(net) == 2)


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
