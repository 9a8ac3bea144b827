# SPDX-License-Identifier: BSD-2-Clause
"""suggest: limits that fit what was seen; set --dry-run: what other limits would refuse of what is there now."""
import re, time

import tools
from net import SERVER, wait_for

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


def crowd(net, n, port=25):
    """n sources with a connection each."""
    tools.any_source(net)
    tool, got = tools.hold(net, SERVER, port, n, f"{tools.source()}+{n}")
    assert got["greeted"] == n, got
    return tool


def test_suggest_says_since_when_of_how_many_sources_and_by_which_percentile(make, tmp_path):
    began = time.time()
    net, sluice = make(POLICY + "include(conf.d/*.conf)\n")
    net.serve("::", 25)
    held = [crowd(net, 115)] + [hold(net, f"10.77.1.{i}", n) for i, n in ((1, 1), (2, 1), (3, 2), (4, 3), (5, 7))]
    friend = hold(net, "10.77.0.9", 12)
    friend("close", 12), held[-1]("close", 7)
    assert wait_for(lambda: sluice.connections() == 122)
    hold(net, "10.77.1.5", 1)  # known already: counted once

    said = sluice.json("suggest")
    smtp, imap = said["services"]
    assert smtp["service"] == "smtp" and smtp["sources"] == 120, smtp
    assert smtp["connections"] == [
        {"limit": 1, "refused": 3}, {"limit": 2, "refused": 2}, {"limit": 4, "refused": 1}, {"limit": 8, "refused": 0},
    ]  # fmt: skip
    assert smtp["rates"][-1] == {"limit": 8, "refused": 0} and 124 <= smtp["peak_connections"] <= 141
    assert imap["sources"] == 0 and imap["proposed"] == {}
    assert said["percentile"] == 99.9 and said["least_sources"] == 100 and 0 <= said["seconds"] <= time.time() - began + 1
    text = sluice.do("suggest")
    assert "= 2     would have refused 2 of 120 sources" in text and "= 8     would have refused 0 of 120 sources   <- spares 99.9 %" in text
    assert re.search(r"# What was seen since 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC, for \d+s", text) and "99.9th percentile" in text and "less than a day" in text
    peaks = (smtp["peak_connections"], smtp["peak_rate"])
    want = {"max-connections": 2 * peaks[0], "max-connections-per-source": 8, "max-rate": f"{2 * peaks[1]}/1m", "max-rate-per-source": "8/1m"}
    assert smtp["proposed"] == want
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "50-suggested.conf").write_text(text)
    assert "good" in sluice.do("check", sluice.file)
    changes = [c["what"] for c in sluice.json("diff")]
    assert len(changes) == 4 and all(c.startswith("service smtp: max-") for c in changes), changes
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == 8
    assert "observe" in sluice.do("dump") and "friends" in sluice.do("dump"), "nothing else has changed"


def test_suggest_prints_no_value_of_fewer_than_a_hundred_sources(make, tmp_path):
    net, sluice = make(POLICY + "include(conf.d/*.conf)\n")
    net.serve("::", 25)
    held = crowd(net, 99)
    text = sluice.do("suggest")
    assert "nothing is suggested: fewer than 100 sources are no sample" in text and "would have refused 0 of 99" in text
    assert sluice.json("suggest")["services"][0]["proposed"] == {} and "<-" not in text
    assert all(line.startswith("#") or not line for line in text.splitlines())
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "50-suggested.conf").write_text(text)
    assert "good" in sluice.do("check", sluice.file) and sluice.json("diff") == []
    assert held.ask("count")


def test_suggest_has_a_floor_where_mail_programs_connect(make):
    net, sluice = make("mode = observe\nservice submission { ports = {587} }\nservice smtp { ports = {25} }\n")
    net.serve("::", 25), net.serve("::", 587)
    held = [crowd(net, 100, 587), crowd(net, 100)]
    submission, smtp = sluice.json("suggest")["services"]
    assert submission["client"] and not smtp["client"]
    assert smtp["proposed"]["max-connections-per-source"] == 1
    assert submission["proposed"]["max-connections-per-source"] == 64 and submission["proposed"]["max-rate-per-source"] == "64/1m"
    assert submission["proposed"]["max-connections"] >= 128 and "never less than 64" in sluice.do("suggest")
    assert held


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
    assert (answer["judged"], answer["refused"], answer["next"], answer["above"]) == (4, 2, 2, 1)
    assert "refused: 2, of which above a limit: 1" in sluice.do("set", "service", "smtp", "max-connections-per-source", "2", "--dry-run")
    new = tmp_path / "new.conf"
    new.write_text(
        "interfaces = {s0}\nservice smtp { ports = {25} max-connections = 5 }\n"
        "source-set foes { prefixes = {10.77.1.0/30} action = deny }\n"
    )
    text = sluice.do("apply", new, "--dry-run")
    assert text.count("denied") == 3 and "(all)" in text and re.search(r"smtp +4 +0 +0 +0\n", text) and "10/5" in text
    assert sluice.json("status")["generation"] == before and sluice.service()["max_connections_per_source"] == 3
    code, _, err = sluice.ctl("set", "service", "smtp", "max-connections", "many", "--dry-run")
    assert code == 2 and "not a whole number" in err
    assert all(h("count")["greeted"] for h in held)


def test_dry_run_judges_also_who_is_remembered_by_what_he_had(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    busy, idle = hold(net, "10.77.1.1", 1), hold(net, "10.77.1.2", 6)
    idle("close", 6)
    assert wait_for(lambda: sluice.connections() == 1)
    answer = sluice.json("set", "service", "smtp", "max-connections-per-source", "4", "--dry-run")
    assert [(s["source"], s["connections"], s["peak"], s["limit"]) for s in answer["sources"]] == [("10.77.1.2", 0, 5, 4)], "its bucket of peaks: 5 to 8"
    assert (answer["judged"], answer["refused"], answer["next"]) == (2, 1, 0) and answer["retention"] == 600
    assert "had 5, now 0/4 source-connections" in sluice.do("set", "service", "smtp", "max-connections-per-source", "4", "--dry-run")
    assert busy("count")["greeted"] == 1


def test_shares_of_address_space_are_never_negative_nor_more_than_all(make, tmp_path):
    _, sluice = make("service smtp { ports = {25} }\n")
    new = tmp_path / "new.conf"
    for prefixes, ipv4, ipv6 in (("0.0.0.0/0, ::/0", 100, 100), ("8000::/1", 0, 50), ("0.0.0.0/1", 50, 0), ("::/0", 0, 100), ("2001:db8::1, 2001:db8::3", 0, 2e2 / 2**128)):
        new.write_text(f"interfaces = {{s0}}\nservice smtp {{ ports = {{25}} }}\nsource-set foes {{ prefixes = {{{prefixes}}} action = deny }}\n")
        (smtp,) = sluice.json("apply", new, "--dry-run")["services"]
        assert abs(smtp["shares"]["ipv4_refused"] - ipv4) < 1e-6 and abs(smtp["shares"]["ipv6_refused"] - ipv6) < 1e-6, (prefixes, smtp)
        assert min(v for k, v in smtp.items() if k.startswith("ipv")) >= 0 and min(smtp["shares"].values()) >= 0
        assert "-" not in sluice.do("apply", new, "--dry-run").split("SERVICE")[1].split("Sources")[0]
    assert smtp["ipv6_refused"] == 1, "a /64 is counted once"
