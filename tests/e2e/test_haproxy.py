# SPDX-License-Identifier: BSD-2-Clause
"""A real HAProxy asks every 100 ms whether a guarded server is there, as HAProxy does by default: SYN, SYN-ACK, RST. This is no flood, and
HAProxy does not notice the guards against floods (gate.md, G14). It asks for HAPROXY_SECONDS, 20 by default: docs/gate.md has the figures of a minute."""
import contextlib
import os
import socket
import subprocess
import time

import pytest

import wire
from net import SERVER, wait_for
from pressure import suspects, syncookies

SECONDS, EACH = int(os.environ.get("HAPROXY_SECONDS", 20)), 5
CONFIG = """
global
    stats socket {dir}/socket
    pidfile {dir}/pid
defaults
    mode tcp
    timeout connect 2s
    timeout client 2s
    timeout server 2s
backend mail
    source {source}
{servers}
"""
PLAIN, ALLOWED = "10.77.0.2", "10.77.0.3"
POLICY = """
source-set balancers { prefixes = {10.77.0.3/32} action = allow }
service smtp { ports = {25} max-connections-per-source = 50 }
"""


class Haproxy:
    """HAProxy in the client's namespace, with `EACH` servers, all of which are the guarded one."""

    def __init__(self, net, directory, source):
        directory.mkdir()
        servers = "\n".join(f"    server s{i} {SERVER}:25 check inter 100ms" for i in range(EACH))
        (directory / "conf").write_text(CONFIG.format(dir=directory, source=source, servers=servers))
        self.socket = str(directory / "socket")
        self.process = net.popen(net.client, "haproxy", "-db", "-f", directory / "conf", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_for(lambda: set(self.states()) == {"L4OK"}), self.states()

    def states(self):
        """Returns the result of each check."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.socket)
                s.sendall(b"show stat\n")
                rows = [line.split(",") for line in b"".join(iter(lambda: s.recv(65536), b"")).decode().splitlines() if line]
        except OSError:
            return []
        at = {name.lstrip("# "): i for i, name in enumerate(rows[0])}
        return [row[at["check_status"]].removeprefix("* ") for row in rows[1:] if row[at["svname"]].startswith("s")]

    def close(self):
        self.process.terminate()
        self.process.wait()


def scaled(net, source):
    """Returns a number other than 0 if a connection of this source has window scaling."""
    with contextlib.closing(wire.client(net, source)) as s:
        s.connect((SERVER, 25))
        assert s.recv(3) == b"220"
        return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & 4


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_the_checks_of_a_balancer_are_no_flood(make, tmp_path, mode):
    net, sluice = make(f"mode = {mode}\n" + POLICY)
    net.serve("::", 25)
    assert scaled(net, PLAIN) and wait_for(lambda: sluice.connections() == 0), "handshakes complete here"
    sysctl, began, seen = syncookies(net), net.tcp_counter("InSegs"), set()
    with contextlib.ExitStack() as made:
        balancers = [made.enter_context(contextlib.closing(Haproxy(net, tmp_path / s, s))) for s in (PLAIN, ALLOWED)]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(0.3)
            seen.update(*(b.states() for b in balancers))
            assert syncookies(net) == sysctl
            assert scaled(net, PLAIN) and scaled(net, ALLOWED)
    checks = (net.tcp_counter("InSegs") - began) // 2
    time.sleep(1)
    service = sluice.service()
    figures = {r: sluice.reason(r) for r in ("cookie-sent", "cookie-forged", "unproven", "table-full", "out-of-state", "observe")}
    print(f"\n{mode}: some {checks} checks in {SECONDS} s came to {seen}; a second later {service['reserved']} slots are held, "
          f"{len(suspects(sluice))} suspects, tcp_syncookies {sysctl} as before, window scaling kept, {figures}")
    assert seen == {"L4OK"} and checks > SECONDS * EACH * 2
    assert service["reserved"] == 0 and wait_for(lambda: sluice.connections() == 0)
    assert not suspects(sluice) and not any(figures.values()) and not service["pressure"]
    assert sluice.json("status")["drift"] == 0
