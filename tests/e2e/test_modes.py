# SPDX-License-Identifier: BSD-2-Clause
"""What status says of interfaces and mode while sluiced starts, and once it is gone."""
import contextlib
import json
import os
import signal

from net import Net, Sluice, wait_for

TWO = "service smtp { ports = {25} max-connections-per-source = 2 on-excess = reset }\n"


def test_while_sluiced_loads_status_says_that_it_starts(tmp_path):
    with contextlib.closing(Net()) as net:
        sluice = Sluice.__new__(Sluice)
        sluice.net, sluice.instance = net, net.tag
        sluice.file, sluice.state, sluice.log = tmp_path / "sluice.conf", tmp_path / "state", open(tmp_path / "log", "w+")
        sluice.write(TWO)
        sluice.daemon = sluice.popen()
        with contextlib.closing(sluice):
            try:
                assert wait_for(lambda: os.path.exists(f"/sys/fs/bpf/sluice/{net.tag}"), 10, 0.002)
                sluice.daemon.send_signal(signal.SIGSTOP)
                code, out, err = sluice.ctl("--json", "status")
                status = json.loads(out)
                assert code == 3 and status["daemon"] == "starting" and status["mode"] == "starting" and status["interfaces"] == [], status
                assert "sluiced is starting" in err
                assert "starting" in sluice.ctl("status")[1]
            finally:
                sluice.daemon.send_signal(signal.SIGCONT)
            assert wait_for(lambda: sluice.ctl("status")[0] == 0, 60)
            status = sluice.json("status")
            assert (status["daemon"], status["mode"], len(status["interfaces"])) == ("running", "enforce", 1)
            sluice.kill()
            assert sluice.json("status")["daemon"] == "dead"
