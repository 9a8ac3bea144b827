# SPDX-License-Identifier: BSD-2-Clause
"""A real server behind the kernel's own balancer (IPVS): packets come in through the balancer by one interface, answers leave by another, and
each connection counts once, whether the balancer forwards by MAC (LVS-DR) or in IPIP (TUN)."""
import contextlib

import pytest

import judged
import topology
from net import Net, Sluice, needs

# how -> (ipvsadm's option for it, the interfaces that the policy names)
FORWARDED = {"by MAC": ("--gatewaying", "s0, s1"), "in IPIP": ("--ipip", "s0, t0")}


class Real(Sluice):
    names = ""

    def write(self, policy):
        self.file.write_text("interfaces = {" + self.names + "}\n" + policy)


def balanced(net, how):
    """Gives VIP to the balancer, beyond c1, and to the server, on lo. The server's answers go out by s0, past the balancer."""
    topology.director(net)
    between = net.tag + "d"
    net.run(between, "modprobe", "-a", "ip_vs", "ip_vs_rr", "ipip", check=False)
    net.run(between, "ip", "route", "del", topology.VIP)
    net.addresses(between, "d0", f"{topology.VIP}/32")
    done = net.run(between, "ipvsadm", "-A", "-t", f"{topology.VIP}:25", "-s", "rr", check=False)
    needs(not done.returncode, f"this kernel has no IPVS: {done.stderr.strip()}")
    net.run(between, "ipvsadm", "-a", "-t", f"{topology.VIP}:25", "-r", "10.80.0.1", FORWARDED[how][0])
    if how == "in IPIP":
        net.run(net.server, "ip", "link", "add", "t0", "type", "ipip", "local", "10.80.0.1", "remote", "any")
        net.run(net.server, "ip", "link", "set", "t0", "up")


@pytest.mark.parametrize("how", FORWARDED)
def test_a_real_server_behind_ipvs_counts_once_and_answers_past_the_balancer(tmp_path, how):
    with contextlib.ExitStack() as made:
        net = made.enter_context(contextlib.closing(Net()))
        balanced(net, how)
        net.serve("::", 25)
        judged.countries(tmp_path, "10.77.0.4")
        kind = type("Behind", (Real,), {"names": FORWARDED[how][1]})
        sluice = made.enter_context(contextlib.closing(kind(net, tmp_path, judged.WHOLE)))
        judged.hold_all(net, sluice, topology.VIP, *(f"10.77.0.{i}" for i in (2, 3, 4, 5)))
        assert sluice.connections() == net.established() == 2 * judged.LIMIT
        assert not sluice.reason("cookie-sent"), "the way back is not the way in: the cookies are the host's own"
        for name in FORWARDED[how][1].split(", "):
            judged.agreed(sluice, name)
