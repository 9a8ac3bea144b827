# SPDX-License-Identifier: BSD-2-Clause
"""suggest: limits that fit what was seen; set --dry-run: what other limits would refuse of what is there now."""
from net import wait_for

POLICY = """mode = observe
service smtp { ports = {25} max-connections-per-source = 3 }
service imap { ports = {143} }
source-set friends { prefixes = {10.77.0.9} max-connections-per-source = 0 }
"""


def hold(net, source, n, port=25):
    h = net.hold(source, port=port)
    h("open", n)
    assert h.greeted(n)
    return h


def test_suggest_says_how_many_sources_each_limit_would_have_refused(make, tmp_path):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    held = [hold(net, f"10.77.1.{i}", n) for i, n in ((1, 1), (2, 1), (3, 2), (4, 3), (5, 7))]
    friend = hold(net, "10.77.0.9", 12)
    friend("close", 12), held[4]("close", 7)
    assert wait_for(lambda: sluice.connections() == 7)
    hold(net, "10.77.1.5", 1)  # known already: counted once

    smtp, imap = sluice.json("suggest")["services"]
    assert smtp["service"] == "smtp" and smtp["sources"] == 5, smtp
    assert smtp["connections"] == [
        {"limit": 1, "refused": 3}, {"limit": 2, "refused": 2}, {"limit": 4, "refused": 1}, {"limit": 8, "refused": 0},
    ]  # fmt: skip
    assert smtp["rates"][-1] == {"limit": 8, "refused": 0} and 24 <= smtp["peak_connections"] <= 26
    assert imap["sources"] == 0
    text = sluice.do("suggest")
    assert "= 2     would have refused 2 of 5 sources" in text and "= 8     would have refused 0 of 5 sources   <- suggested" in text
    (tmp_path / "new.conf").write_text(text)
    assert "good" in sluice.do("check", tmp_path / "new.conf")
    assert "max-connections-per-source = 8" in text and "max-rate-per-source = 8/1m" in text
    sluice.do("apply", tmp_path / "new.conf")
    assert sluice.service()["max_connections_per_source"] == 8


def test_peaks_outlive_the_daemon_and_a_reload(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    hold(net, "10.77.1.1", 5)
    sluice.kill()
    sluice.start()
    sluice.do("reload")
    hold(net, "10.77.1.2", 1)
    smtp = sluice.json("suggest")["services"][0]
    assert smtp["sources"] == 2 and smtp["connections"][-1]["limit"] == 8


def test_dry_run_tells_what_would_be_refused_and_changes_nothing(make, tmp_path):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    held = [hold(net, f"10.77.1.{i}", i) for i in (1, 2, 3)]
    hold(net, "10.77.0.9", 4)
    before = sluice.json("status")["generation"]
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "2", "--dry-run")
    assert [(s["source"], s["connections"], s["limit"]) for s in answer["sources"]] == [("10.77.1.3", 3, 2), ("10.77.1.2", 2, 2)]
    assert "refused: 2, of which above a limit: 1" in sluice.do("set", "service", "smtp", "max-connections-per-source", "2", "--dry-run")
    new = tmp_path / "new.conf"
    new.write_text(
        "interfaces = {s0}\nservice smtp { ports = {25} max-connections = 5 }\n"
        "source-set foes { prefixes = {10.77.1.0/30} action = deny }\n"
    )
    text = sluice.do("apply", new, "--dry-run")
    assert text.count("denied") == 3 and "(all)" in text and "10/5" in text
    assert sluice.json("status")["generation"] == before and sluice.service()["max_connections_per_source"] == 3
    code, _, err = sluice.ctl("set", "service", "smtp", "max-connections", "many", "--dry-run")
    assert code == 2 and "not a whole number" in err
    assert all(h("count")["greeted"] for h in held)
