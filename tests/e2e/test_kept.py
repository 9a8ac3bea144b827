# SPDX-License-Identifier: BSD-2-Clause
"""A start that fails leaves the host as it was; apply says how long the policy stays, and with --save it stays for good."""
import os, pathlib, signal

import pytest

from net import BUILD, wait_for

POLICY = "include(conf.d/*.conf)\nservice smtp { ports = {25} max-connections-per-source = 5 }\n"
OTHER = "interfaces = {s0}\ninclude(conf.d/*.conf)\nservice smtp { ports = {25} max-connections-per-source = 3 }\n"


def fails(sluice):
    """Starts a daemon that must fail, and returns what it said."""
    sluice.daemon = sluice.popen()
    assert sluice.daemon.wait(60) == 1, sluice.logged()
    return sluice.logged()


def attached(net):
    return "xdp" in net.run(net.server, "ip", "link", "show", "s0").stdout


def loaded(sluice):
    return os.path.exists(f"/sys/fs/bpf/sluice/{sluice.instance}")


@pytest.fixture
def stopped(make):
    """A host on which nothing is loaded. Its loopback does not support native XDP."""
    net, sluice = make(POLICY)
    sluice.kill(signal.SIGTERM)
    sluice.do("unload")
    assert not attached(net) and not loaded(sluice)
    return net, sluice


def test_first_start_that_cannot_attach_everywhere_leaves_nothing_behind(stopped):
    net, sluice = stopped
    net.run(net.server, "ip", "link", "add", "x0", "type", "veth", "peer", "x1")
    net.run(net.server, "ip", "link", "set", "x0", "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
    sluice.file.write_text("interfaces = {s0, x0}\n" + POLICY)
    said = fails(sluice)
    assert "x0: another XDP program is attached" in said and "removed again" in said, said
    assert not attached(net) and not loaded(sluice) and not os.path.exists(f"/run/sluice/{sluice.instance}.sock")
    sluice.write(POLICY)
    sluice.start()
    assert attached(net)


def test_a_start_that_could_not_attach_loads_nothing(stopped):
    net, sluice = stopped
    sluice.file.write_text("interfaces = {s0, lo}\nxdp-mode = native\n" + POLICY)
    assert "interface lo: no native XDP" in fails(sluice)
    assert not attached(net) and not loaded(sluice)


def test_first_start_that_cannot_listen_leaves_nothing_behind(stopped):
    net, sluice = stopped
    where = pathlib.Path(f"/run/sluice/{sluice.instance}.sock")
    where.mkdir(parents=True)
    try:
        assert "cannot listen on" in fails(sluice)
        assert not attached(net) and not loaded(sluice)
    finally:
        where.rmdir()


def test_start_that_fails_over_an_existing_gate_leaves_that_in_force(make):
    net, sluice = make(POLICY)
    sluice.kill()
    sluice.file.write_text("interfaces = {s0, lo}\nxdp-mode = native\n" + POLICY)
    assert "removed again" not in fails(sluice)
    assert attached(net) and loaded(sluice)
    sluice.write(POLICY)
    sluice.start()


def test_status_says_that_it_is_attached_to_nothing(make):
    net, sluice = make(POLICY)
    assert sluice.json("status")["attached"] is True and "to nothing" not in sluice.do("status")
    net.unplug()
    assert wait_for(lambda: sluice.json("status")["attached"] is False)
    assert "attached    to nothing: no packet is judged" in sluice.do("status")
    sluice.kill()
    code, told, _ = sluice.ctl("status")
    assert code == 3 and "attached    to nothing" in told
    sluice.start()
    assert sluice.json("status")["attached"] is False, "a start waits for an interface that is only away"
    net.plug()
    assert wait_for(lambda: sluice.json("status")["attached"])


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.conf"
    path.write_text(OTHER)
    return path


def test_apply_says_that_it_stays_until_the_next_start(make, other):
    _, sluice = make(POLICY)
    assert "until the next start or reload: --save makes it permanent" in sluice.do("apply", other)
    assert sluice.service()["max_connections_per_source"] == 3
    assert "--save" not in sluice.do("apply", sluice.file), "the next start reads that file anyway"
    assert sluice.service()["max_connections_per_source"] == 5


def test_apply_save_keeps_it_and_the_old_file_with_the_rights_it_had(make, other):
    _, sluice = make(POLICY)
    old = sluice.file.read_text()
    sluice.file.chmod(0o640)
    os.chown(sluice.file, 0, 12)
    assert f"saved as {sluice.file}" in sluice.do("apply", other, "--save")
    assert sluice.file.read_text() == OTHER and pathlib.Path(f"{sluice.file}.bak").read_text() == old
    assert (sluice.file.stat().st_mode & 0o7777, sluice.file.stat().st_gid) == (0o640, 12)
    assert sluice.json("status")["policy"] == os.path.realpath(sluice.file)
    sluice.kill()
    sluice.start()
    assert sluice.service()["max_connections_per_source"] == 3
    assert "already the file" in sluice.do("apply", sluice.file, "--save")
    assert pathlib.Path(f"{sluice.file}.bak").read_text() == old
    assert sorted(p.name for p in sluice.file.parent.glob("sluice.conf*")) == ["sluice.conf", "sluice.conf.bak"]


def test_a_policy_that_was_edited_during_its_trial_is_not_saved(make, other):
    _, sluice = make(POLICY)
    old = sluice.file.read_text()
    sluice.do("apply", other, "--confirm", "5m")
    other.write_text(OTHER.replace("= 3", "= 1"))
    code, _, err = sluice.ctl("confirm", "--save")
    assert code == 1 and f"{other} says something else than what is in force, so it is not saved" in err, err
    assert sluice.file.read_text() == old and sluice.service()["max_connections_per_source"] == 3
    other.write_text(OTHER)
    assert f"saved as {sluice.file}" in sluice.do("apply", other, "--save")


def test_what_a_reload_takes_away_is_said_before_and_after(make):
    _, sluice = make(POLICY)
    sluice.do("mode", "observe")
    assert ", or the next reload" in sluice.do("limit", "192.0.2.1", "max-connections-per-source", "9", "--for", "1h")
    told = "mode, 1 limit of single senders"
    assert f"reload and apply also end what is set live: {told}" in sluice.ctl("diff")[2]
    assert sluice.do("reload").strip().endswith(f"; live settings dropped: {told}; the mode is enforce now")
    assert sluice.ctl("diff")[2] == ""


def test_unset_names_the_file_that_set_save_wrote(make):
    _, sluice = make(POLICY)
    kept = sluice.file.parent / "conf.d" / "zz-set-smtp-max-connections-per-source.conf"
    sluice.do("set", "service", "smtp", "max-connections-per-source", "9", "--save")
    code, _, err = sluice.ctl("unset", "service", "smtp", "max-connections-per-source")
    assert code == 0 and f"set --save wrote it to {kept}, which still counts: remove that, then run: sluicectl reload" in err, err
    sluice.do("reload")
    code, _, err = sluice.ctl("unset", "service", "smtp", "max-connections-per-source")
    assert code == 1 and str(kept) in err and sluice.service()["max_connections_per_source"] == 9
    kept.unlink()
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == 5


def test_apply_save_is_refused_if_the_policy_would_mean_something_else_there(make, tmp_path):
    _, sluice = make(POLICY)
    old = sluice.file.read_text()
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "conf.d").mkdir(parents=True)
    (elsewhere / "new.conf").write_text(OTHER)
    (elsewhere / "conf.d" / "more.conf").write_text("service imap { ports = {143} }\n")
    code, _, err = sluice.ctl("apply", elsewhere / "new.conf", "--save")
    assert code == 1 and "would not mean the same (service imap)" in err and "in force until the next start or reload, and not saved" in err, err
    assert sluice.file.read_text() == old and not list(sluice.file.parent.glob("sluice.conf.*"))
    assert sluice.service("imap")


def test_a_policy_on_trial_is_saved_when_it_is_confirmed(make, other):
    _, sluice = make(POLICY)
    code, _, err = sluice.ctl("apply", other, "--confirm", "1h", "--save")
    assert code == 2 and "confirm --save" in err
    sluice.do("apply", other, "--confirm", "1h")
    assert f"saved as {sluice.file}" in sluice.do("confirm", "--save")
    assert sluice.file.read_text() == OTHER
    sluice.write(POLICY)
    sluice.do("apply", other, "--confirm", "1h")
    assert "stays in force; it lasts until the next start or reload: --save makes it permanent" in sluice.do("confirm")


def test_apply_save_of_a_bad_policy_changes_nothing(make, tmp_path):
    _, sluice = make(POLICY)
    bad = tmp_path / "bad.conf"
    bad.write_text("interfaces = {s0}\nservice smtp { }\n")
    before = sluice.file.read_text()
    assert sluice.ctl("apply", bad, "--save")[0] == 2
    assert sluice.file.read_text() == before and not list(sluice.file.parent.glob("sluice.conf.*"))
