# SPDX-License-Identifier: BSD-2-Clause
"""refusals says who was refused, why, when first and last, and how often. Its memory is bounded, and keeps no more of an address than privacy says."""
import datetime, json, re, time

import tools
import web
from net import wait_for

POLICY = """privacy {{ addresses = {how} }}
service smtp {{ ports = {{25}} max-connections-per-source = 2 }}
service imap {{ ports = {{143}} max-connections-per-source = 1 on-excess = reset }}
source-set foes {{ prefixes = {{10.77.1.0/24}} action = deny }}
"""
FULL, TRUNCATED, HASHED = (POLICY.format(how=how) for how in ("full", "truncated", "hashed"))


def refuse(net, source, n=3, port=25, to="10.77.0.1"):
    """Opens connections that stay open. Those above the limit are refused again and again."""
    h = net.hold(source, to, port)
    h("open", n)
    return h


def remembered(sluice, *words):
    return sluice.json("refusals", *words)["refusals"]


def all_told(net, sluice, networks):
    """Whether each network is remembered. One that is not sends another SYN, since the gate reports only some of many in a short time."""
    known = {r["source"] for r in remembered(sluice)}
    missing = [n for n in networks if n not in known]
    for n in missing:
        tools.forge(net, 25, n.replace(".0/24", ".1"), "syn", 1).finish()
    return not missing


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def guest(net, sluice, verb, **args):
    """Returns the answer to a user who is not root, as if the group let them in."""
    code = ("import json,os,socket,sys; os.setgid(65534); os.setuid(65534); s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            "s.send(sys.argv[2].encode()+b'\\n'); print(s.makefile().readline())")
    path = f"/run/sluice/{sluice.instance}.sock"
    net.run(net.server, "chmod", "666", path)
    return json.loads(net.run(net.server, "/usr/bin/python3", "-c", code, path, json.dumps({"verb": verb, "args": args})).stdout)


def test_refused_sources_are_found_with_first_last_count_and_reason(make):
    net, sluice = make(FULL)
    net.serve("::", 25), net.serve("::", 143)
    began = time.time()
    held = [refuse(net, "10.77.0.2"), refuse(net, "10.77.0.2", port=143), refuse(net, "fd77:0:1::2", to="fd77::1"), refuse(net, "10.77.1.5", 1)]
    assert wait_for(lambda: len(remembered(sluice)) == 4), sluice.do("refusals")
    rows = {(r["source"], r["service"]): r for r in remembered(sluice)}
    assert set(rows) == {("10.77.0.2", "smtp"), ("10.77.0.2", "imap"), ("fd77:0:1::/64", "smtp"), ("10.77.1.5", "smtp")}
    assert [rows[k]["reason"] for k in (("10.77.0.2", "smtp"), ("10.77.1.5", "smtp"))] == ["source-connections", "denied"]
    assert rows["10.77.0.2", "imap"]["verdict"] == "reset" and rows["10.77.0.2", "smtp"]["verdict"] == "drop"
    assert wait_for(lambda: remembered(sluice, "10.77.1.5")[0]["count"] >= 2), "it tries again"
    (row,) = remembered(sluice, "10.77.1.5")
    assert began - 2 <= moment(row["first"]) <= moment(row["last"]) <= time.time() + 2
    assert row["count"] == row["stands_for"] == sluice.reason("denied") or remembered(sluice, "10.77.1.5")[0]["count"] > row["count"]

    assert {r["service"] for r in remembered(sluice, "10.77.0.0/24")} == {"smtp", "imap"}, "a prefix finds all sources in it"
    assert len(remembered(sluice, "fd77:0:1::9")) == 1, "an address finds its source"
    assert [r["source"] for r in remembered(sluice, "--reason", "denied")] == ["10.77.1.5"]
    assert [r["source"] for r in remembered(sluice, "--service", "imap", "--since", "1h")] == ["10.77.0.2"]
    assert len(remembered(sluice, "--top", "2")) == 2 and sluice.json("refusals", "--top", "2")["found"] == 4
    assert remembered(sluice, "192.0.2.1") == [] and "no remembered refusal matches" in sluice.do("refusals", "192.0.2.1")
    text = sluice.do("refusals", "10.77.1.5")
    assert re.search(r"10\.77\.1\.5 +smtp +denied +drop +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", text) and "remembered: 4 of 65536 since 2" in text
    assert "... and 2 more" in sluice.do("refusals", "--top", "2")
    for words, says in ((("x",), "is not an address"), (("--reason", "admitted"), "not a reason to refuse"), (("--service", "pop"), "no service 'pop'"),
                        (("--since", "soon"), "--since: 'soon' is not a time"), (("10.0.0.1-10.0.0.9",), "more than one prefix"), (("--for", "1h"), "is not an option of")):
        code, _, err = sluice.ctl("refusals", *words)
        assert code == 2 and says in err, (words, err)
    assert held


def test_since_leaves_out_what_ended_before(make):
    net, sluice = make(FULL)
    h = refuse(net, "10.77.1.5", 1)
    assert wait_for(lambda: remembered(sluice, "10.77.1.5"))
    h.process.kill()
    assert wait_for(lambda: not remembered(sluice, "10.77.1.5", "--since", "2s")) and len(remembered(sluice, "10.77.1.5", "--since", "10m")) == 1


def test_what_is_kept_has_the_form_that_privacy_says(make):
    net, sluice = make(TRUNCATED)
    held = [refuse(net, "10.77.1.5", 1), refuse(net, "10.77.1.6", 1)]
    assert wait_for(lambda: [r["source"] for r in remembered(sluice)] == ["10.77.1.0/24"])
    assert wait_for(lambda: remembered(sluice, "10.77.1.7")[0]["count"] >= 2), "addresses of one network share its entry"
    sluice.write(HASHED)
    sluice.do("reload")
    assert wait_for(lambda: len(remembered(sluice)) == 2), "the old form is gone, and each source is one hash"
    (row,) = remembered(sluice, "10.77.1.5")
    assert re.fullmatch("h-[0-9a-f]{16}", row["source"]) and remembered(sluice, "10.77.1.7") == []
    assert len(guest(net, sluice, "refusals")["data"]["refusals"]) == 2
    answer = guest(net, sluice, "refusals", prefix="10.77.1.5")
    assert not answer["ok"] and "only root may ask" in answer["error"]
    assert "10.77.1" not in sluice.do("refusals") + json.dumps(sluice.json("refusals"))
    assert held


def test_it_is_kept_over_a_reload_and_as_long_as_privacy_says(make):
    net, sluice = make(FULL)
    h = refuse(net, "10.77.1.5", 1)
    assert wait_for(lambda: remembered(sluice, "10.77.1.5"))
    h.process.kill()
    since = sluice.json("refusals")["since"]
    sluice.do("reload")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "9")
    assert len(remembered(sluice, "10.77.1.5")) == 1 and sluice.json("refusals")["since"] == since
    sluice.write(FULL.replace("full", "full retention = 1s"))
    sluice.do("reload")
    assert wait_for(lambda: not remembered(sluice)), "older refusals are forgotten"
    assert sluice.json("refusals")["retention"] == 1


def test_erase_and_export_cover_it(make):
    net, sluice = make(FULL)
    mine, other = refuse(net, "10.77.1.5", 1), refuse(net, "10.77.1.6", 1)
    assert wait_for(lambda: len(remembered(sluice)) == 2)
    mine.process.kill(), other.process.kill()
    assert wait_for(lambda: not net.run(net.client, "ss", "-Htn", "state", "syn-sent").stdout)
    (row,) = sluice.json("export", "10.77.1.5")["refusals"]
    assert (row["source"], row["service"], row["reason"]) == ("10.77.1.5", "smtp", "denied")
    assert "1 records erased" in sluice.do("erase", "10.77.1.5")
    assert remembered(sluice, "10.77.1.5") == [] == sluice.json("export", "10.77.1.5")["refusals"] and len(remembered(sluice)) == 1


def test_observe_mode_is_remembered_as_that_and_none_remembers_nothing(make):
    net, sluice = make("mode = observe\n" + FULL)
    net.serve("::", 25)
    h = refuse(net, "10.77.0.2", 3)
    assert h.greeted(3) and wait_for(lambda: remembered(sluice, "10.77.0.2"))
    assert remembered(sluice, "10.77.0.2")[0]["verdict"] == "pass" and "observed" in sluice.do("refusals")
    sluice.write(FULL + "log { refusals = none }\n")
    sluice.do("reload")
    denied = refuse(net, "10.77.1.5", 1)
    assert wait_for(lambda: sluice.reason("denied") >= 1) and remembered(sluice) == [] and sluice.json("refusals")["since"] is None
    assert "nothing is remembered" in sluice.do("refusals")
    sluice.write(FULL)
    sluice.do("reload")
    assert wait_for(lambda: remembered(sluice, "10.77.1.5")), "refusals are remembered from now on"
    assert denied


def test_a_flood_of_a_million_sources_is_sampled_and_hides_nobody_else(make):
    """tests/unit/test_refusals.c shows that the memory is bounded, and what goes first if it is full: here that would take 17 minutes of flood."""
    net, sluice = make(FULL + "source-set random { prefixes = {11.0.0.0/8} action = deny }\n")
    net.serve("::", 143)
    size = lambda: int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{sluice.daemon.pid}/status").read())[1])
    before = size()
    flood = tools.forge(net, 25, "11.0.0.0+1000000", "syn", 400000)
    victim = refuse(net, "10.77.0.2", 3, port=143)
    assert wait_for(lambda: remembered(sluice, "10.77.0.2", "--reason", "source-connections")), "others are remembered in the middle of the flood"
    flood.finish(60)
    told = sluice.json("refusals", "--reason", "denied")
    assert 10 <= told["found"] < 3000 and len(told["refusals"]) == min(told["found"], 1000) and told["untold"] > 100000, told["found"]
    assert sum(r["stands_for"] for r in told["refusals"]) <= sluice.reason("denied")
    text = web.request(net.server, 9798, "/metrics")[2]
    assert int(re.search(r"sluice_refusals_remembered (\d+)\n", text)[1]) >= told["found"]
    assert "sluice_refusals_forgotten_total 0\n" in text and int(re.search(r"sluice_refusals_untold_total (\d+)", text)[1]) > 100000
    assert "10.77.0.2" not in text and size() < before + 16384, "kB"
    assert victim


def test_summary_says_a_line_a_source_and_reason_each_minute_and_bounds_them(make):
    net, sluice = make(TRUNCATED.replace("10.77.1.0/24", "10.77.1.0/24, 11.0.0.0/8") + "log { refusals = summary }\n")
    net.serve("::", 25)
    held = [refuse(net, "10.77.0.2"), refuse(net, "10.77.1.5", 1)]
    assert wait_for(lambda: all_told(net, sluice, [f"11.0.{i}.0/24" for i in range(60)]))
    lines = lambda: [l for l in sluice.logged().splitlines() if "in the last minute" in l]
    assert wait_for(lambda: any("also refused in the last minute" in l for l in lines()), 70, 0.5), sluice.logged()
    assert any(re.search(r"refused at smtp in the last minute: 10\.77\.0\.0/24: source-connections: \d+ packets", l) for l in lines())
    denied = [l for l in lines() if ": denied: " in l]
    assert len(denied) == 51 and re.search(r"also refused in the last minute: \d+ more sources: denied: \d+ packets", denied[-1]), denied
    assert not re.search(r"10\.77\.\d+\.[1-9]", "".join(lines())), "addresses have the form that privacy says"
    assert held
