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


def test_what_would_be_refused_is_counted_in_connections_as_everything_beside_it(make):
    net, sluice = make("mode = observe\nservice smtp { ports = {25} }\nsource-set foes { prefixes = {10.77.0.2} action = deny }\n")
    tools.serve(net, 25)
    assert tried(net, 3) == 3
    smtp = sluice.service()
    assert sluice.reason("denied", "observed") > 6, "each of their segments would be refused"
    assert (smtp["admitted"], smtp["refused"], smtp["observed"]) == (3, 0, 3)
    line = next(line for line in sluice.do("status").splitlines() if line.startswith("smtp"))
    assert line.split()[-1] == "3"


def test_a_ban_that_only_counts_is_none_of_observe_mode(make):
    net, sluice = make("service smtp { ports = {25} }\n")
    tools.serve(net, 25)
    sluice.do("ban", "10.77.0.2", "--observe")
    assert tried(net, 3) == 3
    assert sluice.service()["observed"] == 0 and sluice.json("bans")[0]["connections"] == 3


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
