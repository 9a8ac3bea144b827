# SPDX-License-Identifier: BSD-2-Clause
"""What packages and the unit do when sluiced is replaced or cannot start, with a systemctl that only notes what it is told."""
import os
import re

import pytest

from net import BUILD, ROOT

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
SYSTEMCTL = """#!/bin/sh
case $1 in
show) echo "$PID" ;;
*) echo "$*" >>"$NOTES" ;;
esac
"""


@pytest.fixture
def renew(make, tmp_path):
    """renew(pid=None) -> (orders of systemctl, what was said), after an upgrade of a sluiced that runs."""
    net, sluice = make(FIVE)
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/systemctl"
    fake.write_text(SYSTEMCTL)
    fake.chmod(0o755)

    def run(pid=None):
        env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "NOTES": str(tmp_path / "notes"), "PID": str(sluice.daemon.pid if pid is None else pid)}
        (tmp_path / "notes").write_text("")
        done = net.run(net.server, ROOT / "dist/package/renew", "systemctl", env=env)
        return (tmp_path / "notes").read_text().splitlines(), done.stderr

    run.sluice = sluice
    return run


def test_an_upgrade_restarts_a_sluiced_that_runs_and_starts_none(renew):
    assert renew() == (["daemon-reload", "try-restart sluiced.service"], "")
    assert renew(pid=0) == (["daemon-reload"], "")


def test_an_upgrade_whose_version_refuses_the_policy_leaves_the_running_sluiced_alone(renew):
    renew.sluice.file.write_text("interfaces = {s0}\nservice smtp { ports = }\n")
    orders, said = renew()
    assert orders == ["daemon-reload"]
    assert f"{renew.sluice.file}:2" in said and "sluiced of before goes on" in said and "systemctl restart sluiced" in said, said
    assert renew.sluice.json("status")["daemon"] == "running"


def test_the_unit_tries_again_what_may_pass_and_not_a_policy_that_is_refused(make, tmp_path):
    net, _ = make(FIVE)
    unit = (ROOT / "dist/sluiced.service").read_text()
    assert re.search(r"^StartLimitIntervalSec=0$", unit, re.M) and re.search(r"^Restart=on-failure$", unit, re.M)
    assert re.search(r"^RestartPreventExitStatus=2$", unit, re.M) and "ExecStartPre" not in unit, "of which systemd knows no such status"

    def starts(policy):
        file = tmp_path / "unit.conf"
        file.write_text(policy)
        return net.run(net.server, BUILD / "sluiced", "-f", "-c", file, "-i", net.tag + "u", check=False).returncode

    assert starts("interfaces = {absent0}\nmetrics { listen = none }\n" + FIVE) == 1, "an interface that comes later"
    assert starts("interfaces = {s0}\nservice smtp { ports = }\n") == 2
