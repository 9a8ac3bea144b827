# SPDX-License-Identifier: BSD-2-Clause
"""Live settings: they end when they end, whatever leans on them, and no restart or trial loses one."""
import signal

from net import PACE, wait_for

BARE = "service smtp { ports = {25} }\n"
OTHER = "interfaces = {s0}\nservice smtp { ports = {25} max-connections-per-source = 2 }\n"


def test_a_setting_that_is_over_is_out_of_force_whatever_leans_on_it(make):
    _, sluice = make(BARE)
    sluice.do("set", "service", "smtp", "max-connections", "100", "--for", f"{2 * PACE}s")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "10%")
    sluice.do("set", "service", "smtp", "max-rate", "60/1m")
    assert sluice.service()["max_connections_per_source"] == 10
    assert wait_for(lambda: sluice.service()["max_connections"] == 0), "it is over"
    assert sluice.service()["max_connections_per_source"] == 0, "and what leaned on it went with it"
    assert "max-connections-per-source = 10%" in sluice.logged(), "which is said"
    assert "max-rate = 60/1m" in sluice.do("dump"), "the others stay"
    sluice.do("set", "service", "smtp", "max-connections", "50")
    assert sluice.service()["max_connections"] == 50


def test_no_setting_is_lost_by_a_revert_after_a_restart_during_the_trial(make, tmp_path):
    for way in ("revert", "deadline"):
        _, sluice = make(BARE)
        other = tmp_path / "other.conf"
        other.write_text(OTHER)
        sluice.do("set", "service", "smtp", "max-connections", "40")
        sluice.do("apply", other, "--confirm", f"{4 * PACE}s" if way == "deadline" else "1h")
        sluice.kill(signal.SIGTERM)
        sluice.start()
        assert sluice.json("status")["confirm"]["state"] == "awaited"
        if way == "revert":
            sluice.do("revert")
        assert wait_for(lambda: '"awaited"' not in sluice.ctl("--json", "status")[1])
        assert wait_for(lambda: sluice.service()["max_connections"] == 40, 3), way
        assert sluice.service()["max_connections_per_source"] == 0, "and the policy on trial is gone"
        sluice.kill()
        sluice.start()
        assert sluice.service()["max_connections"] == 40, "also in the state file"
        sluice.close()
