# SPDX-License-Identifier: BSD-2-Clause
"""A service under pressure, what lets the host accept cookies, and who is suspect: for tests of floods, and of what a flood leaves as it is."""
import json

import tools
from net import PACE, SERVER, sh, wait_for

# Any SYN puts the service under pressure; it is calm again 1 s after the last.
PRESSED = f"syn-flood {{ pressure-syn-rate = 1/1s calm-below = 100 calm-after = {PACE}s }}\n"


def syncookies(net, value=None):
    name = "/proc/sys/net/ipv4/tcp_syncookies"
    if value is not None:
        net.run(net.server, "sh", "-c", f"echo {value} >{name}")
    return int(net.run(net.server, "cat", name).stdout)


def press(net, sluice, to=SERVER):
    """Puts the service under pressure, from a source that nobody else uses, and waits until the sysctl is raised."""
    def pressed():  # asked more than once, since pressure may be over before a slow machine looks
        tools.forge(net, 25, "10.77.3.1", "syn", 3, to=to).finish()
        return sluice.service()["pressure"] and syncookies(net) == 2

    assert wait_for(pressed)


def suspects(sluice):
    """Returns the sources, by service, whose handshakes ran out unanswered."""
    return json.loads(sh("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/sluice/{sluice.instance}/suspects").stdout)
