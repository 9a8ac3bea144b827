# SPDX-License-Identifier: BSD-2-Clause
"""Nothing drifts: sessions of every ending, forged segments, reloads and kill -9, and afterwards every counter is 0."""
import time

import tools
from net import SERVER, wait_for

LIMITS = "service smtp {{ ports = {{25}} max-connections-per-source = {} }}\n"


def test_forged_fin_and_rst_free_no_place(make):
    net, sluice = make(LIMITS.format(10))
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 10)
    assert h.greeted(10)
    for kind in ("rst", "rstack", "fin", "mix"):
        tools.forge(net, 25, "10.77.0.2", kind, 2000).finish(30)
    h("open", 20)
    time.sleep(1.5)
    assert h("count")["greeted"] == 10
    assert sluice.connections() == net.established() == 10


def test_counters_end_at_zero_after_20000_sessions_of_every_ending(make):
    net, sluice = make(LIMITS.format(100))
    tools.any_source(net)
    tools.serve(net, 25)
    for round in range(4):
        mixer = tools.mix(net, SERVER, 25, 5000, tools.source(round * 200) + "+200")
        forger = tools.forge(net, 25, tools.source(round * 200), "mix", 2000)
        sluice.write(LIMITS.format(90 + round))
        sluice.do("reload")
        sluice.kill()
        sluice.start()
        mixer.finish(60)
        forger.finish(60)
        assert wait_for(lambda: net.established() == sluice.connections() == 0, 10), "status is what ss says"
        assert wait_for(lambda: sluice.service()["reserved"] == 0, 6)
    status = sluice.json("status")
    assert status["drift"] == 0 and status["reservations"] == 0
    assert sluice.json("sources") == []
