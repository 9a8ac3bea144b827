# SPDX-License-Identifier: BSD-2-Clause
"""Live settings end in time, whatever depends on them, and no restart or trial loses one."""
import signal

from net import PACE, wait_for

BARE = "service smtp { ports = {25} }\n"
OTHER = "interfaces = {s0}\nservice smtp { ports = {25} max-connections-per-source = 2 }\n"


def test_a_setting_ends_in_time_whatever_depends_on_it(make):
    _, sluice = make(BARE)
    sluice.do("set", "service", "smtp", "max-connections", "100", "--for", f"{2 * PACE}s")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "10%")
    sluice.do("set", "service", "smtp", "max-rate", "60/1m")
    assert sluice.service()["max_connections_per_source"] == 10
    assert wait_for(lambda: sluice.service()["max_connections"] == 0), "the setting has ended"
    assert sluice.service()["max_connections_per_source"] == 0, "the setting that depended on it ended with it"
    assert "max-connections-per-source = 10%" in sluice.logged(), "the log says so"
    assert "max-rate = 60/1m" in sluice.do("dump"), "other settings stay"
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
        assert sluice.service()["max_connections_per_source"] == 0, "the policy on trial is gone"
        sluice.kill()
        sluice.start()
        assert sluice.service()["max_connections"] == 40, "the state file has it, too"
        sluice.close()


def test_trial_while_an_older_policy_is_held_leads_back_to_that_one(make, tmp_path):
    net, sluice = make("service smtp { ports = {25} max-connections-per-source = 3 }\n")
    net.serve("::", 25)
    net.run(net.server, "ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
    mine = "interfaces = {d0}\nservice smtp { ports = {25} max-connections-per-source = 7 }\n"
    sluice.file.write_text(mine)
    sluice.do("apply", sluice.file, "--confirm", "1s")
    sluice.kill()
    assert wait_for(lambda: '"awaited"' not in sluice.ctl("--json", "status")[1])
    sluice.start()
    for way in ("revert", "deadline"):
        other = tmp_path / "other.conf"
        other.write_text(mine.replace("7", "9"))
        sluice.do("apply", other, "--confirm", "1h" if way == "revert" else f"{PACE}s")
        if way == "revert":
            sluice.do("revert")
        assert wait_for(lambda: (sluice.json("status")["confirm"] or {}).get("state") == "reverted")
        assert sluice.service()["max_connections_per_source"] == 3
        assert wait_for(lambda: "was not confirmed in time and is not in force" in sluice.ctl("set", "service", "smtp", "max-rate", "60/1m")[2]), way
        assert "s0" in [i["name"] for i in sluice.json("status")["interfaces"] if i["xdp_mode"] != "detached"], "what it guards stays guarded"
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == 7 and [i["name"] for i in sluice.json("status")["interfaces"]] == ["d0"]


def test_no_limit_can_be_ended_while_it_would_come_back(make, tmp_path):
    _, sluice = make(BARE)
    other = tmp_path / "other.conf"
    other.write_text(OTHER)
    sluice.do("limit", "192.0.2.7", "max-connections-per-source", "2")
    sluice.do("apply", other, "--confirm", "1h")
    code, _, err = sluice.ctl("unlimit", "192.0.2.7")
    assert code == 1 and "a policy awaits its confirmation" in err and "no limit of its own" not in err
    sluice.do("revert")
    assert [one["source"] for one in sluice.json("limits")] == ["192.0.2.7"]
    sluice.do("unlimit", "192.0.2.7")
    assert sluice.json("limits") == []
