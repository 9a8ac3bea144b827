# SPDX-License-Identifier: BSD-2-Clause
"""history shows the last day by minutes, for each service and for all, over a reload, a restart, a crash and clocks that jump, without an address."""
import json, re, signal, time

import pytest

import tools
import web
from net import SERVER, wait_for
from day_file import day, file_of, sealed
from test_refusals import moment

POLICY = ("service smtp { ports = {25} max-connections-per-source = 5 on-excess = reset }\nservice imap { ports = {143} max-rate-per-source = 3/1h on-excess = reset }\n"
          "source-set foes { prefixes = {10.77.1.0/24} action = deny }\n")
GROUPS = ["limits", "rates", "lists", "country", "flood", "malformed"]


def rows(sluice, *words):
    return sluice.json("history", *words)["rows"]


def total(sluice, field="admitted", *words):
    return sum(r[field] if field in r else r["refused"][field] for r in rows(sluice, *words))


def connect(net, source, port, count):
    return tools.hold(net, SERVER, port, count, source, processes=1, wait_ms=300)[0]


def restart(sluice, number=signal.SIGTERM, between=lambda: None):
    sluice.kill(number)
    between()
    sluice.start()


def scene(net, sluice):
    """Nine connections are let in, of which one ends; three are refused by a limit, four by a rate, one by a list."""
    tools.serve(net, 25), tools.serve(net, 143)
    held = [connect(net, f"10.77.0.{i}", 25, 3) for i in (2, 3)]
    held.append(connect(net, "10.77.0.2", 25, 5))  # 2 more
    connect(net, "10.77.0.4", 143, 7).finish()
    connect(net, "10.77.1.5", 143, 1).finish()
    assert wait_for(lambda: total(sluice) == sum(s["admitted"] for s in sluice.json("status")["services"]) == 11)
    assert wait_for(lambda: total(sluice, "limits") + total(sluice, "rates") + total(sluice, "lists") == sum(s["refused"] for s in sluice.json("status")["services"]))
    return held


def test_what_was_admitted_and_refused_is_told_by_minute_service_and_group(make):
    net, sluice = make(POLICY)
    held = scene(net, sluice)
    got = sluice.json("history")
    assert got["groups"] == GROUPS and got["service"] is None and len(got["rows"]) <= 2
    assert got["rows"][-1]["connections"] == 8 and max(r["peak"] for r in got["rows"]) in (8, 9, 10, 11)
    assert (total(sluice, "limits"), total(sluice, "rates")) == (3, 4) and total(sluice, "lists") >= 1
    assert total(sluice, "admitted", "--service", "smtp") == 8 and total(sluice, "admitted", "--service", "imap") == 3
    assert total(sluice, "limits", "--service", "smtp") == 3 and total(sluice, "limits", "--service", "imap") == 0
    assert abs(moment(got["rows"][-1]["time"]) + 30 - time.time()) < 40, "rows are minutes of the wall clock"
    assert not re.search(r"10\.77|fd77", json.dumps(got) + sluice.do("history") + file_of(sluice).read_text())
    code, _, err = sluice.ctl("history", "--service", "pop")
    assert code == 2 and "no service 'pop'" in err
    assert "--since: 'soon' is not a time" in sluice.ctl("history", "--since", "soon")[2]
    assert held


def test_text_has_a_line_an_hour_in_80_columns_and_since_leaves_out_what_was_before(make):
    _, sluice = make(POLICY)
    restart(sluice, between=lambda: file_of(sluice).write_text(day()))
    text = sluice.do("history")
    hours = re.findall(r"(?m)^\d\d-\d\d \d\d:00 .*$", text)
    assert len(hours) in (24, 25) and all(len(line) <= 80 for line in text.splitlines()), text
    assert "1440 minutes of all services are known" in text or "1439 minutes" in text
    assert len(rows(sluice, "--since", "6h")) in (359, 360) and len(re.findall(r"(?m)^\d\d-\d\d ", sluice.do("history", "--since", "6h"))) in (6, 7)
    first = hours[len(hours) // 2].split()
    of = [r for r in rows(sluice) if r["time"][5:13] == f"{first[0]}T{first[1][:2]}"]
    assert int(first[3]) == max(r["peak"] for r in of) and int(first[4]) == sum(r["admitted"] for r in of)
    assert int(first[5]) == sum(r["refused"]["limits"] for r in of)


def test_counts_of_millions_stay_in_their_columns(make):
    _, sluice = make(POLICY)
    most = 2**32 - 1
    lines = f"sluice-history 1 {int(time.time())}\nknown 0 3\nline - 0 0 0 0 0 0 0 0 0\n" + "".join(f"row {ago} {most} {most} {most} {most}" + f" {most}" * 6 + "\n" for ago in range(3))
    restart(sluice, between=lambda: file_of(sluice).write_text(sealed(lines)))
    text = sluice.do("history")
    assert all(len(line) <= 80 for line in text.splitlines()) and "4294M      12G    12G   12G   12G     12G   12G    12G     12G" in text, text


def test_it_goes_on_over_a_reload_a_restart_and_a_crash_and_loses_no_count(make):
    net, sluice = make(POLICY)
    held = scene(net, sluice)
    before = total(sluice), total(sluice, "limits"), total(sluice, "rates")
    sluice.do("reload")
    assert (total(sluice), total(sluice, "limits"), total(sluice, "rates")) == before
    restart(sluice)
    assert (total(sluice), total(sluice, "limits"), total(sluice, "rates")) == before
    assert file_of(sluice).stat().st_mode & 0o777 == 0o600
    held.append(connect(net, "10.77.0.5", 25, 4))
    sluice.kill()  # no file has what it has seen since its start
    held.append(connect(net, "10.77.0.6", 25, 5))
    sluice.start()
    assert wait_for(lambda: total(sluice) == before[0] + 9), "the kernel continued to count, and the next daemon shows that"
    sluice.kill()
    sluice.do("unload")  # as after a reboot, all counters begin at 0 again
    sluice.start()
    assert total(sluice) == before[0] + 9 and rows(sluice)[-1]["connections"] in (0, 17)
    for h in held:
        h.finish()


def test_a_day_is_kept_and_no_more_and_gaps_stay_gaps(make):
    _, sluice = make(POLICY)
    an_hour_ago = int(time.time()) - 3600
    restart(sluice, between=lambda: file_of(sluice).write_text(day(an_hour_ago)))
    known = rows(sluice)
    assert 1379 <= len([r for r in known if moment(r["time"]) < an_hour_ago + 60]) <= 1381, "its first hour is more than a day ago"
    assert not [r for r in known if an_hour_ago + 60 <= moment(r["time"]) < time.time() - 180], "minutes in which no daemon ran have no rows"
    restart(sluice, between=lambda: file_of(sluice).write_text(day(time.time() - 2 * 86400)))
    assert len(rows(sluice)) <= 2


def test_a_clock_that_was_set_back_moves_no_row(make):
    _, sluice = make(POLICY)
    restart(sluice, between=lambda: file_of(sluice).write_text(day(time.time() + 86400)))
    known = rows(sluice)
    assert len(known) >= 1438 and abs(moment(known[-1]["time"]) - time.time()) < 90, "times follow today's clock"
    assert abs(moment(known[0]["time"]) + 86400 - time.time()) < 180
    restart(sluice)
    assert len(rows(sluice)) >= 1437 and abs(moment(rows(sluice)[-1]["time"]) - time.time()) < 90
    restart(sluice, between=lambda: file_of(sluice).write_text(day(300 * 86400)))
    assert len(rows(sluice)) <= 2, "rows from a clock that was wrong by years are dropped"


@pytest.mark.parametrize("torn, why", [
    (lambda t: t[: len(t) // 2], "it is torn"), (lambda t: "", "it is torn"), (lambda t: sealed("hello\n"), "does not begin"), (lambda t: "\0", "binary data"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("history 1", "history 2")), "another version"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("known 0 1440", "known 1 1440")), "makes no sense"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("row 7 ", "row 1440 ")), "makes no sense"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("line imap", "line smtp")), "makes no sense"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("row 9 ", "row 9 4294967296 ")), "makes no sense")])
def test_a_torn_or_foreign_file_is_set_aside_and_prevents_no_start(make, torn, why):
    _, sluice = make(POLICY)
    sluice.kill(signal.SIGTERM)
    content = torn(day())
    file_of(sluice).write_text(content)
    sluice.start()
    aside = file_of(sluice).with_name(f"{sluice.instance}.history.torn")
    assert aside.read_text() == content and why in sluice.logged() and f"set aside as {aside}; the history of the last day starts empty" in sluice.logged()
    assert 1 <= len(rows(sluice)) <= 2
    restart(sluice)
    assert 1 <= len(rows(sluice)) <= 2


def test_services_that_come_and_go_are_bounded_and_leave_their_day(make):
    _, sluice = make(POLICY)
    names = [f"old-{i}" for i in range(61)]
    restart(sluice, between=lambda: file_of(sluice).write_text(day(minutes=200, services=["smtp", "imap", *names])))
    assert len(rows(sluice, "--service", "old-60")) >= 199
    sluice.write(POLICY + "".join(f"service s{i} {{ ports = {{{2000 + i}}} }}\n" for i in range(5)))
    sluice.do("reload")
    assert wait_for(lambda: sluice.ctl("history", "--service", "s4")[0] == 0)
    restart(sluice)
    lines = [l for l in file_of(sluice).read_text().splitlines() if l.startswith("line ")]
    assert len(lines) <= 65 and {"line smtp", "line s0", "line s4", "line -"} <= {" ".join(l.split()[:2]) for l in lines}
    assert len(rows(sluice, "--service", "smtp")) >= 199, "services in force are not removed to make room"


def test_observe_mode_counts_what_it_would_refuse(make):
    net, sluice = make("mode = observe\n" + POLICY)
    tools.serve(net, 25)
    held = connect(net, "10.77.0.2", 25, 8)
    assert wait_for(lambda: total(sluice, "observed") == 3) and total(sluice) == 8 and total(sluice, "limits") == 0
    held.finish()


def test_the_page_is_served_the_same_as_json(make):
    net, sluice = make(POLICY)
    held = scene(net, sluice)
    status, headers, text = web.request(net.server, 9798, "/history.json")
    assert status == 200 and headers["Content-Type"] == "application/json" and json.loads(text)["rows"][-1]["connections"] == 8
    of = json.loads(web.request(net.server, 9798, "/history.json?service=imap")[2])
    assert of["service"] == "imap" and sum(r["admitted"] for r in of["rows"]) == 3
    for query in ("?service=pop", "?service=%3Cscript%3E", "?service=" + "x" * 300):
        assert web.request(net.server, 9798, "/history.json" + query)[0] == 404
    assert web.request(net.server, 9798, "/history.json?service=")[0] == 200 == web.request(net.server, 9798, "/history.json?x=%zz&&=")[0]
    assert held
