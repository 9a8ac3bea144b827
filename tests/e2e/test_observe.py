# SPDX-License-Identifier: BSD-2-Clause
"""The packaged policy only observes: it refuses nothing until somebody tells it to, and status says how."""
import re

import tools
from net import ROOT, SERVER

SAMPLE = (ROOT / "dist/sluice.conf").read_text()


def tried(net, count=55):
    hold, got = tools.hold(net, SERVER, 25, count, "10.77.0.2", processes=1, wait_ms=1000)
    hold.finish()
    return got["greeted"]


def test_packaged_policy_observes_and_status_says_how_to_enforce(make):
    net, sluice = make(re.sub("^interfaces = .*\n", "", SAMPLE, flags=re.M))
    tools.serve(net, 25)
    assert sluice.json("status")["mode"] == "observe"
    assert tried(net) == 55
    out = sluice.do("status")
    line = next(line for line in out.splitlines() if line.startswith("smtp"))
    assert "WOULD REFUSE" in out and line.split()[-1] == "5" and all(len(l) <= 88 for l in out.splitlines() if not l.startswith("policy"))
    assert "sluicectl mode enforce" in out and "mode = enforce " in out
    sluice.do("mode", "enforce")
    assert tried(net) == 50
    assert "mode enforce" not in sluice.do("status")
    sluice.do("reload")
    assert sluice.json("status")["mode"] == "observe", "a live setting ends with the next reload, as status says"
    sluice.file.write_text(sluice.file.read_text().replace("mode = observe", "mode = enforce"))
    sluice.do("reload")
    assert tried(net) == 50


def test_packaged_policy_with_the_database_that_its_package_brings_counts_by_country(make):
    packaged = (ROOT / "dist/package/first-policy").read_text()
    old, new = re.search(r"countries='s/\^(#geoip )/(geoip )/'", packaged).groups()
    text = re.sub(f"^{old}", new, re.sub("^interfaces = .*\n", "", SAMPLE, flags=re.M), flags=re.M)
    assert text.count("\ngeoip {") == 1
    net, sluice = make(text)
    tools.serve(net, 25)
    assert tried(net, 3) == 3
    smtp = next(s for s in sluice.json("status")["services"] if s["name"] == "smtp")
    assert smtp["countries"] == [{"country": "ZZ", "admitted": 3, "refused": 0}]
