# SPDX-License-Identifier: BSD-2-Clause
"""The memory of refusals outlives the daemon, in a file that belongs to root, holds no more than the memory may, and never prevents a start."""
import contextlib, re, signal, time, zlib

import pytest

import tools
from net import wait_for
from test_refusals import FULL, HASHED, TRUNCATED, moment, refuse, remembered


def file_of(sluice):
    return sluice.state / f"{sluice.instance}.refusals"


def text_of(sluice):
    return file_of(sluice).read_text() if file_of(sluice).exists() else ""


def lines_of(sluice):
    return [line.split() for line in text_of(sluice).splitlines() if line.startswith("refused ")]


def sealed(lines):
    return lines + f"end {zlib.crc32(lines.encode()):08x}\n"


def change(sluice, what):
    """Changes the lines of the file, and gives it the right checksum."""
    file_of(sluice).write_text(sealed(what(text_of(sluice).rpartition("end ")[0])))


def older(lines, seconds):
    """Makes the file as if it had been written so many seconds earlier."""
    shift = lambda m: f"{m[1]}{int(m[2]) - seconds * 10**9} {int(m[3]) - seconds * 10**9} {m[4]}"
    lines = re.sub(r"(?m)^(refused (?:\S+ ){4})(\d+) (\d+) (.*)$", shift, lines)
    return re.sub(r"^(\S+ 1) (\d+) (\d+)", lambda m: f"{m[1]} {int(m[2]) - seconds} {int(m[3]) - seconds}", lines)


def restart(sluice, number=signal.SIGTERM, between=lambda: None):
    sluice.kill(number)
    between()
    sluice.start()


def denied(net, sluice, *sources):
    """Has one connection of each source refused; none tries again."""
    for source in sources:
        h = refuse(net, source, 1)
        assert wait_for(lambda: remembered(sluice, source))
        h.process.kill()
    assert wait_for(lambda: not net.run(net.client, "ss", "-Htn", "state", "syn-sent").stdout)
    return {r["source"]: r for r in remembered(sluice)}


def same(now, before):
    """Compares entries. Times may differ by a second, since a file gives the clock's time in whole seconds."""
    times = ("first", "last")
    rest = lambda rows: {source: {k: v for k, v in r.items() if k not in times} for source, r in rows.items()}
    return rest(now) == rest(before) and all(abs(moment(now[s][t]) - moment(before[s][t])) <= 1 for s in now for t in times)


def test_it_is_the_same_after_a_restart_a_crash_and_a_reboot(make):
    net, sluice = make(FULL)
    before = denied(net, sluice, "10.77.1.5", "10.77.1.6")
    since = sluice.json("refusals")["since"]
    restart(sluice)
    assert same({r["source"]: r for r in remembered(sluice)}, before)
    assert abs(moment(sluice.json("refusals")["since"]) - moment(since)) <= 1
    assert file_of(sluice).stat().st_mode & 0o777 == 0o600
    restart(sluice, signal.SIGKILL, lambda: sluice.do("unload"))
    assert same({r["source"]: r for r in remembered(sluice)}, before)
    denied(net, sluice, "10.77.1.5")
    again = {r["source"]: r for r in remembered(sluice)}["10.77.1.5"]
    assert again["count"] > before["10.77.1.5"]["count"] and abs(moment(again["first"]) - moment(before["10.77.1.5"]["first"])) <= 1, "the count continues"


def test_a_first_refusal_is_in_the_file_at_once_and_the_next_within_a_minute(make):
    net, sluice = make(FULL)
    denied(net, sluice, "10.77.1.5")
    assert wait_for(lambda: len(lines_of(sluice)) == 1)
    written = file_of(sluice).stat().st_mtime
    denied(net, sluice, "10.77.1.6")
    assert wait_for(lambda: len(lines_of(sluice)) == 2, 70, 0.5)
    assert file_of(sluice).stat().st_mtime - written >= 59, "it is written no more often than that"
    restart(sluice, signal.SIGKILL)
    assert {r["source"] for r in remembered(sluice)} == {"10.77.1.5", "10.77.1.6"}
    written = file_of(sluice).stat().st_mtime
    restart(sluice)
    assert file_of(sluice).stat().st_mtime == written, "it is not written if nothing has changed"


@pytest.mark.parametrize("first, then, kept", [(FULL, TRUNCATED, []), (FULL, HASHED, []), (TRUNCATED, HASHED, []), (HASHED, TRUNCATED, []), (HASHED, FULL, []),
                                               (TRUNCATED, FULL, ["10.77.1.0/24"]), (FULL, FULL + "log { refusals = none }\n", [])])
@pytest.mark.parametrize("how", ["restart", "reload"])
def test_what_another_policy_does_not_allow_is_gone_and_nothing_gets_more_exact(make, first, then, kept, how):
    net, sluice = make(first)
    h = refuse(net, "10.77.1.5", 1)
    assert wait_for(lambda: lines_of(sluice))
    h.process.kill()
    sluice.write(then)
    if how == "reload":
        sluice.do("reload")
    else:
        restart(sluice)
    assert [r["source"] for r in remembered(sluice)] == kept
    assert wait_for(lambda: [l[1] for l in lines_of(sluice)] == kept), "it is not in the file either"
    if not kept:
        assert wait_for(lambda: not file_of(sluice).exists())


def test_sources_that_became_wider_are_dropped_too(make):
    net, sluice = make(FULL + "sources { ipv6-prefix = 128 }\n")
    net.serve("::", 25)
    h = refuse(net, "fd77:0:1::2", to="fd77::1")
    assert wait_for(lambda: [l[1] for l in lines_of(sluice)] == ["fd77:0:1::2"])
    h.process.kill()
    sluice.write(FULL)
    restart(sluice)
    assert remembered(sluice) == []


def test_retention_holds_for_what_is_read_back(make):
    net, sluice = make(FULL.replace("full", "full retention = 1h"))
    denied(net, sluice, "10.77.1.5", "10.77.1.6")
    sluice.kill(signal.SIGTERM)
    first, second = sorted((l for l in text_of(sluice).splitlines(True) if l.startswith("refused")), key=lambda l: l.split()[6], reverse=True)
    change(sluice, lambda lines: lines.replace(second, older(second, 3600)))
    sluice.start()
    assert [r["source"] for r in remembered(sluice)] == [first.split()[1]]
    assert wait_for(lambda: len(lines_of(sluice)) == 1)
    restart(sluice, between=lambda: change(sluice, lambda lines: older(lines, 7200)))
    assert remembered(sluice) == [] and wait_for(lambda: not file_of(sluice).exists())


def test_a_clock_that_was_set_back_loses_nothing_and_keeps_nothing_longer(make):
    """The file is from tomorrow, as after a night with an empty battery."""
    net, sluice = make(FULL.replace("full", "full retention = 30s"))
    before = denied(net, sluice, "10.77.1.5")["10.77.1.5"]
    restart(sluice, between=lambda: change(sluice, lambda lines: older(lines, -86400)))
    (row,) = remembered(sluice, "10.77.1.5", "--since", "20s")
    assert row["count"] == before["count"] and abs(moment(row["last"]) - time.time()) < 20, "no time has passed, and times follow today's clock"
    denied(net, sluice, "10.77.1.6")
    assert [r["source"] for r in remembered(sluice)] == ["10.77.1.6", "10.77.1.5"]
    assert wait_for(lambda: not remembered(sluice, "10.77.1.5"), 40)
    restart(sluice)
    assert moment(sluice.json("refusals")["since"]) < time.time(), "times that are written follow today's clock, too"


@pytest.mark.parametrize("torn, why", [
    (lambda t: t[: len(t) // 2], "it is torn"), (lambda t: t.replace("10.77.1.5", "10.77.1.6"), "it is torn"), (lambda t: "\0" * 64, "binary data"), (lambda t: "", "it is torn"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("refusals 1", "refusals 9")), "another version"), (lambda t: sealed("hello\n"), "does not begin"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("refused ", "refuse ")), "makes no sense"),
    (lambda t: sealed(t.rpartition("end ")[0].replace("10.77.1.5", "10.77.1.x")), "makes no sense"),
    (lambda t: sealed(re.sub(r"^(\S+ 1) \d+ \d+", r"\1 5 1", t.rpartition("end ")[0])), "makes no sense"),
    (lambda t: sealed(re.sub(r"^(\S+ 1) \d+ \d+", r"\1 9223372036854775807 1", t.rpartition("end ")[0])), "does not begin")])
def test_a_torn_or_foreign_file_is_set_aside_by_name_and_prevents_no_start(make, torn, why):
    net, sluice = make(FULL)
    denied(net, sluice, "10.77.1.5")
    sluice.kill(signal.SIGTERM)
    content = torn(text_of(sluice))
    file_of(sluice).write_text(content)
    sluice.start()
    aside = file_of(sluice).with_name(f"{sluice.instance}.refusals.torn")
    assert remembered(sluice) == [] and aside.read_text() == content
    assert why in sluice.logged() and f"set aside as {aside}; the memory of refusals starts empty" in sluice.logged()
    denied(net, sluice, "10.77.1.5")
    assert wait_for(lambda: len(lines_of(sluice)) == 1)


def test_a_reason_of_a_newer_build_loses_only_its_own_line(make):
    net, sluice = make(FULL)
    denied(net, sluice, "10.77.1.5", "10.77.1.6")
    restart(sluice, between=lambda: change(sluice, lambda lines: lines.replace("10.77.1.6 smtp denied", "10.77.1.6 smtp moonlight")))
    assert [r["source"] for r in remembered(sluice)] == ["10.77.1.5"]


def test_a_folder_in_the_files_place_is_set_aside_too(make):
    net, sluice = make(FULL)
    sluice.kill(signal.SIGTERM)
    file_of(sluice).mkdir(parents=True)
    sluice.start()
    assert file_of(sluice).with_name(f"{sluice.instance}.refusals.torn").is_dir()
    denied(net, sluice, "10.77.1.5")
    assert wait_for(lambda: len(lines_of(sluice)) == 1)


def test_erase_takes_it_from_the_file_at_once_and_export_tells_it_after_a_restart(make):
    net, sluice = make(FULL)
    denied(net, sluice, "10.77.1.5", "10.77.1.6")
    restart(sluice)
    assert {l[1] for l in lines_of(sluice)} == {"10.77.1.5", "10.77.1.6"}
    assert sluice.json("export", "10.77.1.5")["refusals"][0]["reason"] == "denied"
    assert "records erased" in sluice.do("erase", "10.77.1.5")
    assert [l[1] for l in lines_of(sluice)] == ["10.77.1.6"], "the file changes before erase answers"
    restart(sluice, signal.SIGKILL)
    assert [r["source"] for r in remembered(sluice)] == ["10.77.1.6"]
    sluice.do("erase", "10.77.1.6")
    assert not file_of(sluice).exists()


def test_erase_on_a_full_disk_removes_the_file(make):
    net, sluice = make(FULL)
    with contextlib.ExitStack() as disks:
        sluice.kill(signal.SIGTERM)
        sluice.do("unload")
        filler = disks.enter_context(tools.full_disk(sluice.state))
        filler.unlink()
        sluice.start()
        denied(net, sluice, "10.77.1.5", "10.77.1.6")
        assert wait_for(lambda: lines_of(sluice))
        with open(filler, "wb", buffering=0) as fill, contextlib.suppress(OSError):
            while fill.write(b"x" * 65536):
                pass
        code, out, err = sluice.ctl("erase", "10.77.1.5")
        assert code == 0 and "is removed instead" in err, err
        assert not file_of(sluice).exists() and [r["source"] for r in remembered(sluice)] == ["10.77.1.6"]
        filler.unlink()
        assert wait_for(lambda: [l[1] for l in lines_of(sluice)] == ["10.77.1.6"], 30), "by itself, when there is room again"
        sluice.kill(signal.SIGTERM)


def test_the_report_names_the_file(make):
    _, sluice = make(FULL)
    (place,) = [p for p in sluice.json("privacy", "report")["places"] if "INSTANCE.refusals" in p["holds"]]
    assert place["place"].startswith("file: ") and "1d" in place["kept"]
