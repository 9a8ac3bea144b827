# SPDX-License-Identifier: BSD-2-Clause
"""A policy that check, sluiced -n, doctor and --dry-run call good starts and reloads; of one that would not, they name all faults and their places."""
import json, os

import pytest

from net import BUILD, wait_for

SMTP = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
CROWD = "interfaces = {s0}\n" + "".join(f"service s{i} {{ ports = {{{i + 1000}}} }}\n" for i in range(64)) + "".join(
    f"source-set n{i} {{ prefixes = {{10.0.{i}.0/24}} max-connections-per-source = 5 }}\n" for i in range(130))


def secret(directory):
    """Returns a policy with a list that can be read only with root's right to ignore permissions."""
    path = directory / "secret.txt"
    path.write_text("192.0.2.1\n")
    os.chown(path, 65534, 65534)
    path.chmod(0o600)
    return f"interfaces = {{s0}}\n{SMTP}source-set a {{ file = {path} reading = strict action = deny }}\n"


def webpage(directory):
    """Returns a policy whose database is what a failed fetch left, and there was none before."""
    path = directory / "countries.csv"
    path.write_text("<html>not found</html>\n")
    return f"interfaces = {{s0}}\n{SMTP}geoip {{ database = {{{path}}} }}\nsource-set a {{ countries = {{DE}} action = deny }}\n"


FAULTS = {
    "a missing interface": (lambda _: "interfaces = {s0, nic7}\n" + SMTP, "nic7: no such interface"),
    "no native XDP": (lambda _: "interfaces = {s0, lo}\nxdp-mode = native\n" + SMTP, "lo"),
    "too many rules": (lambda _: CROWD, "8192 rules"),
    "a list the daemon may not read": (secret, "secret.txt"),
    "no database": (webpage, "countries.csv"),
}


def judges(net, sluice, path):
    """Yields (name, exit status, all that was said) of each command that judges the policy without putting it in force."""
    for name, argv in (("check", ["sluicectl", "-i", sluice.instance, "check", path]), ("-n", ["sluiced", "-i", sluice.instance, "-n", "-c", path]),
                       ("doctor", ["sluicectl", "-i", sluice.instance, "doctor", path]), ("--dry-run", ["sluicectl", "-i", sluice.instance, "apply", path, "--dry-run"])):
        done = net.run(net.server, BUILD / argv[0], *argv[1:], check=False)
        yield name, done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_policy_that_would_not_start_or_reload_is_bad_for_all_four(make, tmp_path, fault):
    net, sluice = make(SMTP)
    text, words = FAULTS[fault]
    path = tmp_path / "new.conf"
    path.write_text(text(tmp_path))
    for name, code, said in judges(net, sluice, path):
        assert code in (1, 2) and words in said, (name, code, said)
    good = sluice.file.read_text()
    sluice.file.write_text(path.read_text())
    code, _, err = sluice.ctl("reload")
    assert code and words in err, "a reload fails for that reason"
    sluice.kill()
    sluice.do("unload")
    sluice.daemon = sluice.popen()
    assert sluice.daemon.wait(60) and words in sluice.logged(), "a start fails for that reason"
    sluice.file.write_text(good)
    sluice.start()


def test_a_policy_that_all_four_call_good_reloads_and_starts(make, tmp_path):
    net, sluice = make(SMTP)
    path = tmp_path / "new.conf"
    path.write_text("interfaces = {s0, lo}\n" + SMTP + "service imap { ports = {143} }\n")
    for name, code, said in judges(net, sluice, path):
        assert code == 0, (name, code, said)
    sluice.file.write_text(path.read_text())
    sluice.do("reload")
    sluice.kill()
    sluice.do("unload")
    sluice.start()


def test_all_that_is_wrong_is_said_in_one_run_with_its_place(make, tmp_path):
    net, sluice = make(SMTP)
    path = tmp_path / "new.conf"
    path.write_text(CROWD.replace("{s0}", "{nic7, s0, nic8}"))
    answer = json.loads(sluice.ctl("--json", "check", path)[1])
    assert not answer["ok"] and len(answer["errors"]) == 3, answer
    of_interfaces = [e for e in answer["errors"] if e["key"] == "interfaces"]
    assert [(e["file"], e["line"], e["column"]) for e in of_interfaces] == [(str(path), 1, 1)] * 2
    assert [e["text"] for e in of_interfaces] == ["interface nic7: no such interface", "interface nic8: no such interface"]
    told = sluice.ctl("check", path)[2]
    assert f"{path}:1:1: interface nic7" in told and "interfaces = {nic7, s0, nic8}\n" in told and "^" in told, told
    assert sluice.ctl("check", path, "--elsewhere")[2].count("nic7") == 0


def test_a_policy_for_another_host_is_checked_by_its_files_alone(make, tmp_path):
    net, sluice = make(SMTP)
    path = tmp_path / "new.conf"
    path.write_text("interfaces = {nic7}\n" + SMTP)
    assert sluice.ctl("check", path)[0] == 2
    assert "good: 1 services" in sluice.do("check", path, "--elsewhere")


def test_an_interface_that_is_in_force_but_absent_prevents_no_dry_run(make):
    net, sluice = make(SMTP)
    net.unplug()
    assert wait_for(lambda: sluice.json("status")["attached"] is False)
    sluice.do("set", "service", "smtp", "max-connections", "9", "--dry-run")
    sluice.do("set", "service", "smtp", "max-connections", "9")


def test_an_address_for_metrics_that_is_taken_or_absent_is_reported_beside_a_running_daemon(make, tmp_path):
    net, sluice = make(SMTP)
    net.serve("127.0.0.1", 9799)
    path = tmp_path / "new.conf"
    for where, why in (("127.0.0.1:9799", "something listens there already"), ("203.0.113.77:9798", "this host has no such address"), ("127.0.0.1:9798", None)):
        path.write_text("interfaces = {s0}\n" + SMTP + f"metrics {{ listen = {where} }}\n")
        for name, code, said in judges(net, sluice, path):
            assert code == 0 and (f"{where}: {why}" in said if why else f"{where}: " not in said), (name, code, said)
        told = [f["finding"] for f in sluice.json("doctor", path) if f["check"] == "metrics"]
        assert told == ([f"no metrics will be served at {where}: {why}"] if why else [])


def test_an_address_for_metrics_that_is_taken_is_a_warning(make, tmp_path):
    net, sluice = make(SMTP)
    sluice.kill()
    sluice.do("unload")
    net.serve("127.0.0.1", 9798)
    path = tmp_path / "new.conf"
    path.write_text("interfaces = {s0}\n" + SMTP)
    for name, code, said in judges(net, sluice, path):
        if name != "--dry-run":
            assert code == 0 and "127.0.0.1:9798: something listens there already" in said, (name, code, said)
    assert [w["key"] for w in json.loads(sluice.ctl("--json", "check", path)[1])["warnings"]] == [""]
    sluice.start()
