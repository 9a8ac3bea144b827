# SPDX-License-Identifier: BSD-2-Clause
"""Bans and live settings survive restarts, crashes and reboots. A write that fails is reported, and loses nothing in the kernel."""
import contextlib, os, re, signal

import pytest

import tools
from net import PACE, SANITIZED, wait_for
from test_faults import FAKETIME

POLICY = "include(conf.d/*.conf)\nservice smtp { ports = {25} max-connections-per-source = 5 }\n"


@pytest.fixture
def make(make):
    """Like make(), with the state in memory: after a slow write to a disk the next one may be delayed for seconds."""
    with contextlib.ExitStack() as disks:

        def build(policy):
            net, sluice = make(policy)
            disks.enter_context(tools.memory_disk(sluice.state))
            return net, sluice

        yield build


def file_of(sluice):
    return sluice.state / f"{sluice.instance}.state"


def reboot(sluice):
    """Leaves what a reboot leaves: no daemon, nothing in the kernel, the files."""
    sluice.kill()
    sluice.do("unload")
    sluice.start()


def test_bans_allows_and_settings_survive_a_reboot(make):
    _, sluice = make(POLICY)
    sluice.do("ban", "10.77.0.9", "--reason", "loud, and often", "--for", "1h")
    sluice.do("ban", "2001:db8::/32")
    sluice.do("ban", "10.77.0.8", "--for", "1s")
    sluice.do("allow", "10.77.0.3")
    sluice.do("set", "service", "smtp", "max-rate-per-source", "7/1m")
    sluice.do("set", "service", "smtp", "max-connections-per-source", "3", "--for", "1h")
    told = sluice.json("export", "10.77.0.9")["ban"]
    assert wait_for(lambda: "10.77.0.8" not in file_of(sluice).read_text()), "the file does not keep what has ended"
    reboot(sluice)
    bans = {b["source"]: b for b in sluice.json("bans")}
    assert set(bans) == {"10.77.0.9", "2001:db8::/32"} and [a["source"] for a in sluice.json("allows")] == ["10.77.0.3"]
    assert bans["10.77.0.9"]["reason"] == "loud, and often" and 3500 < bans["10.77.0.9"]["expires_in"] <= 3600
    again = sluice.json("export", "10.77.0.9")["ban"]
    assert (again["since"], again["by_uid"]) == (told["since"], told["by_uid"])
    assert sluice.service()["max_connections_per_source"] == 3 and "max-rate-per-source = 7/1m" in sluice.do("dump")
    sluice.do("reload")
    reboot(sluice)
    assert sluice.service()["max_connections_per_source"] == 5, "a reload ended the settings, and the file knows that, too"


def test_settings_survive_a_restart_and_a_crash_without_losing_their_end(make):
    _, sluice = make(POLICY)
    sluice.do("set", "service", "smtp", "max-connections-per-source", "2")
    sluice.do("set", "service", "smtp", "max-connections", "9", "--for", f"{15 * PACE}s")
    for number in (signal.SIGTERM, signal.SIGKILL):
        sluice.kill(number)
        sluice.start()
        assert (sluice.service()["max_connections_per_source"], sluice.service()["max_connections"]) == (2, 9)
    assert wait_for(lambda: sluice.service()["max_connections"] == 0, 30)


def test_without_anything_to_keep_there_is_no_file(make):
    _, sluice = make(POLICY)
    assert not file_of(sluice).exists()
    sluice.do("ban", "10.77.0.9")
    assert file_of(sluice).exists()
    sluice.do("unban", "10.77.0.9")
    assert not file_of(sluice).exists() and os.listdir(sluice.state) == []


@pytest.mark.parametrize("torn", [lambda t: t[: len(t) // 2], lambda t: t.replace("10.77.0.9", "10.77.0.8"), lambda t: "\0" * 64, lambda t: "", lambda t: re.sub("state 2", "state 9", t)])
def test_torn_file_is_set_aside_and_reported(make, torn):
    _, sluice = make(POLICY)
    sluice.do("ban", "10.77.0.9")
    whole = file_of(sluice).read_text()
    sluice.kill()
    sluice.do("unload")
    file_of(sluice).write_text(torn(whole))
    sluice.start()
    assert sluice.json("bans") == []
    aside = sluice.state / f"{sluice.instance}.state.torn"
    assert aside.read_text() == torn(whole) and f"set aside as {aside}" in sluice.logged()
    sluice.do("ban", "10.77.0.7")
    reboot(sluice)
    assert [b["source"] for b in sluice.json("bans")] == ["10.77.0.7"]


def test_a_file_that_cannot_be_read_is_kept_and_can_be_brought_back(make):
    _, sluice = make(POLICY)
    sluice.do("ban", "10.77.0.9")
    sluice.kill()
    sluice.do("unload")
    os.chown(file_of(sluice), 65534, 65534)
    sluice.start()
    kept = sluice.state / f"{sluice.instance}.state.unread"
    assert sluice.json("bans") == [] and kept.exists() and f"it is kept as {kept}: mend that, stop sluiced, move it back" in sluice.logged()
    sluice.kill()
    sluice.do("unload")
    os.chown(kept, 0, 0)
    kept.rename(file_of(sluice))
    sluice.start()
    assert [b["source"] for b in sluice.json("bans")] == ["10.77.0.9"]


def test_torn_file_loses_no_ban_that_the_kernel_still_has(make):
    _, sluice = make(POLICY)
    sluice.do("ban", "10.77.0.9")
    sluice.kill()
    file_of(sluice).write_text("torn")
    sluice.start()
    assert [b["source"] for b in sluice.json("bans")] == ["10.77.0.9"]


def test_setting_that_no_longer_fits_is_dropped_and_reported(make):
    _, sluice = make(POLICY + "service pop { ports = {110} }\n")
    sluice.do("set", "service", "pop", "max-connections", "7")
    sluice.do("set", "service", "smtp", "max-connections", "8")
    sluice.kill()
    sluice.write(POLICY)
    sluice.start()
    assert sluice.service()["max_connections"] == 8
    assert "no service 'pop'" in sluice.logged() and "max-connections = 7 is dropped" in sluice.logged()


def test_full_disk_is_said_and_loses_nothing_in_the_kernel(make):
    _, sluice = make(POLICY)
    with tools.full_disk(sluice.state) as filler:
        for source in ("10.77.0.9", "10.77.0.8"):
            code, out, err = sluice.ctl("ban", source)
            assert code == 0 and "lost at a reboot until this can be written: make room" in err, err
        assert "No space left on device" in sluice.logged()
        assert len(sluice.json("bans")) == 2 and not file_of(sluice).exists()
        filler.unlink()
        assert wait_for(lambda: file_of(sluice).exists(), 30), "by itself, when there is room again"
        assert wait_for(lambda: "saved again" in sluice.logged())
        reboot(sluice)
        assert len(sluice.json("bans")) == 2


def test_set_save_is_for_good(make):
    _, sluice = make(POLICY)
    out = sluice.do("set", "service", "smtp", "max-connections-per-source", "4", "--save")
    drop_in = sluice.file.parent / "conf.d" / "zz-set-smtp-max-connections-per-source.conf"
    assert str(drop_in) in out and "max-connections-per-source = 4" in drop_in.read_text()
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == 4
    sluice.do("set", "service", "smtp", "max-connections-per-source", "6", "--save")
    reboot(sluice)
    assert sluice.service()["max_connections_per_source"] == 6 and len(os.listdir(drop_in.parent)) == 1
    assert sluice.ctl("set", "service", "smtp", "max-connections", "6", "--save", "--for", "1h")[0] == 2


def test_what_set_save_has_written_counts_when_a_later_setting_ends(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    before, drop_in = sluice.service()["max_connections_per_source"], sluice.file.parent / "conf.d" / "zz-set-smtp-max-connections-per-source.conf"
    sluice.do("set", "service", "smtp", "max-connections-per-source", "1", "--save")
    live = sluice.json("status")["live"][0]
    assert (live["value"], live["file"]) == ("1", "1"), "the file says so now"
    sluice.do("set", "service", "smtp", "max-connections-per-source", "9", "--for", "1s")
    assert wait_for(lambda: sluice.service()["max_connections_per_source"] != 9)
    assert sluice.service()["max_connections_per_source"] == 1 != before, "not what the file said before"
    h = net.hold("10.77.0.2")
    h("open", 1)
    assert h.greeted(1)
    assert sluice.json("explain", "10.77.0.2", "--service", "smtp")["written"] == f"{drop_in}:3"
    sluice.do("set", "service", "smtp", "max-connections-per-source", "8")
    code, out, err = sluice.ctl("unset", "service", "smtp", "max-connections-per-source")
    assert "the policy file counts again" in out and f"{drop_in}, which still counts: remove that" in err
    assert sluice.service()["max_connections_per_source"] == 1
    assert sluice.json("diff") == [], "a reload would change nothing"
    drop_in.unlink()
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == before


def test_set_save_that_would_not_count_is_refused_and_leaves_no_file(make):
    _, sluice = make(POLICY.replace("include(conf.d/*.conf)\n", ""))
    code, _, err = sluice.ctl("set", "service", "smtp", "max-connections-per-source", "4", "--save")
    assert code == 1 and "include(conf.d/*.conf)" in err and "until the next reload" in err
    assert sluice.service()["max_connections_per_source"] == 4 and os.listdir(sluice.file.parent / "conf.d") == []
    sluice.write(POLICY)
    (sluice.file.parent / "conf.d" / "zzz.conf").write_text("service smtp { max-connections-per-source = 8 }\n")
    code, _, err = sluice.ctl("set", "service", "smtp", "max-connections-per-source", "4", "--save")
    assert code == 1 and "read after" in err and os.listdir(sluice.file.parent / "conf.d") == ["zzz.conf"]


def test_bans_of_a_crashed_daemon_are_in_the_file_the_moment_they_are_answered(make):
    _, sluice = make(POLICY)
    for i in range(20):
        sluice.do("ban", f"10.77.1.{i + 1}")
    sluice.kill()
    assert file_of(sluice).read_text().count("\nban ") == 20
    sluice.do("unload")
    sluice.start()
    assert len(sluice.json("bans")) == 20


@pytest.mark.skipif(SANITIZED, reason="libfaketime and ASan wait for each other before main()")
def test_orders_given_before_the_clock_is_set_right_last_as_long_as_they_say(make, tmp_path):
    """A host without a clock of its own has a wrong one until it finds a time server."""
    _, sluice = make(POLICY)
    sluice.kill(signal.SIGTERM)
    sluice.do("unload")
    clock = tmp_path / "clock"
    env = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}

    def start():
        sluice.daemon = sluice.popen(env=env)
        assert wait_for(lambda: sluice.ctl("status")[0] == 0), sluice.logged()

    clock.write_text("-30d\n")
    start()
    sluice.do("ban", "192.0.2.1", "--for", "1h")
    sluice.do("allow", "192.0.2.2", "--for", "1h")
    sluice.do("set", "service", "smtp", "max-connections", 77, "--for", "1h")
    clock.write_text("+0\n")
    sluice.kill(signal.SIGTERM)
    sluice.do("unload")
    start()
    assert [b["source"] for b in sluice.json("bans")] == ["192.0.2.1"] and 3000 < sluice.json("bans")[0]["expires_in"] <= 3600
    assert [a["source"] for a in sluice.json("allows")] == ["192.0.2.2"]
    assert sluice.service()["max_connections"] == 77


def test_a_ban_that_waits_to_be_written_survives_an_unload(make):
    """On a disk that is slow, or with many bans, the file follows within seconds."""
    _, sluice = make(POLICY)
    with tools.tampered(sluice.daemon.pid, "fsync", "delay_enter=1000000"):
        sluice.do("ban", "192.0.2.1")
    sluice.do("ban", "192.0.2.2")
    assert "192.0.2.2" not in file_of(sluice).read_text(), "the first write was slow, so the second waits"
    sluice.do("unload")
    sluice.daemon.wait()
    sluice.start()
    assert {b["source"] for b in sluice.json("bans")} == {"192.0.2.1", "192.0.2.2"}
