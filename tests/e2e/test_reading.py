# SPDX-License-Identifier: BSD-2-Clause
"""The daemon reads files with the same rights at its start and on a reload, and nothing that could make it wait."""
import os

import pytest

from net import BUILD, wait_for

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
INCLUDING = "include(conf.d/*.conf)\n" + FIVE
NOBODY = 65534


@pytest.fixture
def folder(tmp_path):
    """Makes conf.d next to the policy, with a drop-in that sets the limit to 3."""
    where = tmp_path / "conf.d"
    where.mkdir()
    (where / "limit.conf").write_text("service smtp { max-connections-per-source = 3 }\n")
    return where


def mmdb(country):
    """Returns the smallest MaxMind DB, in which all of IPv4 is in the country."""
    text = lambda t: bytes([0x40 | len(t)]) + t.encode()
    number = lambda n: b"\xa1" + bytes([n])
    data = b"\xe1" + text("country") + b"\xe1" + text("iso_code") + text(country)
    about = {"binary_format_major_version": number(2), "binary_format_minor_version": number(0), "build_epoch": b"\x04\x02\x60\x00\x00\x00", "database_type": text("tests"),
             "description": b"\xe0", "ip_version": number(4), "languages": b"\x00\x04", "node_count": b"\xc1\x01", "record_size": number(24)}
    return b"\x00\x00\x11" * 2 + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + bytes([0xE0 | len(about)]) + b"".join(text(k) + v for k, v in about.items())


def take_away(path):
    """Gives the file to somebody else, without any permission, so that root can read it only by CAP_DAC_OVERRIDE."""
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o700 if path.is_dir() else 0o600)


def test_what_a_start_may_read_a_reload_may_read_and_check_says_what_neither_may(make, folder):
    net, sluice = make(INCLUDING)
    assert sluice.service()["max_connections_per_source"] == 3
    for path in (folder, folder / "limit.conf"):
        take_away(path)
        code, _, err = sluice.ctl("reload")
        assert code == 2 and str(path) in err and "Permission denied" in err, (path, err)
        assert sluice.service()["max_connections_per_source"] == 3, "the old limit stays in force"
        code, _, err = sluice.ctl("check", sluice.file)
        assert code == 2 and str(path) in err and "owner" in err, (path, err)
        done = net.run(net.server, BUILD / "sluiced", "-n", "-c", sluice.file, check=False)
        assert done.returncode == 2 and str(path) in done.stderr, "the start reads with the same rights as a reload"
        os.chown(path, 0, 0)
    assert sluice.ctl("check", sluice.file)[0] == 0
    sluice.do("reload")


def test_a_database_of_each_format_that_a_start_may_read_a_reload_may_read(make, tmp_path):
    _, sluice = make(FIVE)
    for name, content in (("one.csv", b"10.0.0.0,10.255.255.255,DE\n"), ("one.mmdb", mmdb("DE"))):
        (tmp_path / name).write_bytes(content)
        sluice.write(FIVE + f"geoip {{ database = {tmp_path / name} }}\nsource-set a {{ countries = {{DE}} action = deny }}\n")
        sluice.do("check", sluice.file)
        sluice.do("reload")
        sluice.do("geo", "update")
        assert sluice.json("explain", "10.77.0.2", "--service", "smtp")["country"] == "DE"


def test_a_folder_that_cannot_be_searched_is_an_error_that_names_it(make, folder):
    _, sluice = make("include(parts/*/limit.conf)\n" + FIVE)
    inner = folder.parent / "parts" / "a"
    inner.mkdir(parents=True)
    (folder / "limit.conf").rename(inner / "limit.conf")
    sluice.do("reload")
    assert sluice.service()["max_connections_per_source"] == 3
    for path in (inner, inner.parent):
        take_away(path)
        code, _, err = sluice.ctl("reload")
        assert code == 2 and f"{path}: Permission denied" in err, err
        os.chown(path, 0, 0)
    assert sluice.service()["max_connections_per_source"] == 3


def test_nothing_that_is_read_can_make_the_daemon_wait(make, tmp_path):
    _, sluice = make(FIVE)
    pipe = tmp_path / "pipe.mmdb"
    os.mkfifo(pipe)
    for text in (f"source-set a {{ file = {pipe} reading = strict action = deny }}\n", f"geoip {{ database = {pipe} }}\nsource-set a {{ countries = {{DE}} action = deny }}\n",
                 f"geoip {{ database = {tmp_path / 'pipe.csv'} }}\nsource-set a {{ countries = {{DE}} action = deny }}\n", f"include({pipe})\n"):
        if not os.path.exists(tmp_path / "pipe.csv"):
            os.mkfifo(tmp_path / "pipe.csv")
        sluice.write(FIVE + text)
        code, _, err = sluice.ctl("reload")
        assert code == 2 and "not a regular file" in err, err
        code, _, err = sluice.ctl("check", sluice.file)
        assert code == 2 and "not a regular file" in err, err
    huge = tmp_path / "huge.mmdb"
    huge.touch()
    os.truncate(huge, 1 << 40)
    sluice.write(FIVE + f"geoip {{ database = {huge} }}\nsource-set a {{ countries = {{DE}} action = deny }}\n")
    code, _, err = sluice.ctl("reload")
    assert code == 2 and "File too large" in err
    code, _, err = sluice.ctl("apply", pipe)
    assert code == 2 and "not a regular file" in err
    sluice.write(FIVE + "source-set a { file = /dev/null action = deny }\n")
    sluice.do("reload")


def test_a_state_file_that_is_no_file_does_not_hold_up_the_start(make):
    _, sluice = make(FIVE)
    sluice.do("ban", "192.0.2.1")
    state = sluice.state / f"{sluice.instance}.state"
    sluice.kill()
    state.unlink()
    os.mkfifo(state)
    os.mkfifo(f"{state}.new")
    sluice.start()
    assert "not a regular file" in sluice.logged()
    sluice.do("ban", "192.0.2.2")
    assert wait_for(lambda: state.is_file()) and "192.0.2.2" in state.read_text()


def test_a_set_that_is_not_enabled_reads_nothing(make, tmp_path):
    _, sluice = make(FIVE + f"source-set off {{ file = {tmp_path}/not-there countries = {{DE}} asns = {{64496}} action = deny enabled = false }}\n")
    assert sluice.service()["max_connections_per_source"] == 5


def test_a_folder_of_namespaces_that_cannot_be_read_is_named(make, tmp_path):
    where = tmp_path / "netns"
    where.mkdir()
    take_away(where)
    _, sluice = make(FIVE + f'container c {{ netns = {where}/* ports = {{"25"}} }}\n')
    (container,) = sluice.json("status")["containers"]
    assert f"{where}: Permission denied" in container["why"]


def test_a_policy_whose_path_would_be_cut_is_refused(make, tmp_path):
    _, sluice = make(FIVE)
    deep = tmp_path / ("d" * 200)
    deep.mkdir()
    (deep / ("p" * 60)).write_text(sluice.file.read_text())
    code, _, err = sluice.ctl("apply", deep / ("p" * 60), "--confirm", "1h")
    assert code == 2 and "at most 255 bytes" in err
