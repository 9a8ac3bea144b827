# SPDX-License-Identifier: BSD-2-Clause
"""sluiced as a process: how it starts, what it tells systemd, how it takes signals, where it attaches, and who may read."""
import grp, json, os, signal, socket, subprocess

import pytest

from net import BUILD, sh, wait_for

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"


def pid_of(sluice):
    path = f"/run/sluice/{sluice.instance}.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        return int.from_bytes(s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")


def test_start_in_the_background_returns_when_it_works(make):
    net, sluice = make(FIVE)
    sluice.kill(signal.SIGTERM)
    argv = [BUILD / "sluiced", "-c", sluice.file, "-i", sluice.instance]
    assert net.run(net.server, *argv).returncode == 0
    assert sluice.json("status")["daemon"] == "running", "at once"
    again = net.run(net.server, *argv, check=False)
    assert again.returncode == 1 and "in use by another sluiced" in again.stderr
    os.kill(pid_of(sluice), signal.SIGTERM)
    assert wait_for(lambda: sluice.ctl("status")[0] == 3)


def test_start_in_the_background_says_what_failed(make):
    net, sluice = make(FIVE)
    sluice.kill()
    for policy, status, says in (
        ("interfaces = {nowhere0}\n" + FIVE, 1, "nowhere0"),
        ("interfaces = {s0}\nservice smtp { ports = {25} max-connections = -1 }\n", 2, "sluice.conf:2"),
    ):
        sluice.file.write_text(policy)
        done = net.run(net.server, BUILD / "sluiced", "-c", sluice.file, "-i", sluice.instance, check=False)
        assert done.returncode == status and says in done.stderr, done
    assert sluice.ctl("status")[0] == 3, "the kernel keeps enforcing what was in force"
    assert sluice.service()["max_connections_per_source"] == 5


def test_systemd_is_told(make, tmp_path):
    net, sluice = make(FIVE)
    sluice.kill(signal.SIGTERM)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(10)
        argv = net.enter(net.server, [BUILD / "sluiced", "-c", sluice.file, "-i", sluice.instance])
        sluice.daemon = subprocess.Popen(argv, env={**os.environ, "NOTIFY_SOCKET": s.getsockname()}, stderr=sluice.log)
        net.started.append(sluice.daemon)
        assert s.recv(200) == b"READY=1"
        sluice.daemon.send_signal(signal.SIGHUP)
        assert s.recv(200).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert s.recv(200) == b"READY=1"
        sluice.daemon.terminate()
        assert s.recv(200) == b"STOPPING=1"
        assert sluice.daemon.wait(10) == 0


def test_systemd_is_asked_for_patience_with_a_start_that_attaches_to_many_interfaces(make, tmp_path):
    net, sluice = make(FIVE)
    sluice.kill(signal.SIGTERM)
    many = [f"d{i}" for i in range(4)]
    net.run(net.server, "ip", "-batch", "-", input="".join(f"link add {d} type veth peer p{d}\n" for d in many))
    sluice.file.write_text(sluice.file.read_text().replace("{s0}", f"{{s0, {', '.join(many)}}}"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(60)
        sluice.daemon = sluice.popen(env={"NOTIFY_SOCKET": s.getsockname()})
        assert s.recv(200) == b"EXTEND_TIMEOUT_USEC=160000000", "20 s for each, and a minute for the rest"
        assert s.recv(200) == b"READY=1"


def test_gate_that_was_attached_and_not_yet_pinned_is_not_taken_for_a_stranger(make):
    net, sluice = make(FIVE)
    gate = lambda: json.loads(net.run(net.server, "ip", "-j", "link", "show", "s0").stdout)[0]["xdp"]["prog"]["id"]
    before = gate()
    sluice.kill()
    os.unlink(f"/sys/fs/bpf/sluice/{sluice.instance}/gate@s0")
    sluice.start()
    assert gate() == before and sluice.json("status")["interfaces"][0]["xdp_mode"] == "native"


def test_interface_that_goes_away_and_comes_back_is_guarded_again(make):
    net, sluice = make(FIVE.replace("5 }", "5 on-excess = reset }"))
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5)
    for change in ("down", "up"):
        net.run(net.server, "ip", "link", "set", "s0", change)
    assert sluice.json("status")["interfaces"][0]["xdp_mode"] == "native"
    mode = lambda: sluice.json("status")["interfaces"][0]["xdp_mode"]
    for times in range(3):
        net.unplug()
        assert wait_for(lambda: mode() == "detached")
        code, _, said = sluice.ctl("set", "service", "smtp", "max-connections-per-source", 6 + times)
        assert code == 0 and "s0 is absent" in said, "the reload does not wait for it"
        net.plug()
        assert wait_for(lambda: mode() == "native")
        assert net.established() == sluice.connections() == 5 + times, "connections that were open still are, and count"
        h("open", 3)
        assert h.greeted(6 + times), "one more, by the limit that was set meanwhile"
        h.settle()
        assert net.established() == sluice.connections() == 6 + times
    assert sluice.logged().count("interface s0 is back") == 3
    assert sluice.json("status")["drift"] == 0


def test_sighup_reloads_and_a_bad_policy_changes_nothing(make):
    _, sluice = make(FIVE)
    sluice.write(FIVE.replace("5", "6", 1).replace("{26}", "{25}").replace("source = 5", "source = 6"))
    sluice.daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: sluice.service()["max_connections_per_source"] == 6)
    sluice.write("service smtp { ports = {25} max-connections-per-source = }\n")
    sluice.daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: "reload failed, the old policy stays in force" in sluice.logged())
    assert "sluice.conf:2" in sluice.logged()
    assert sluice.service()["max_connections_per_source"] == 6


def test_driver_without_native_xdp_gets_generic_with_a_warning(make):
    net, sluice = make(FIVE)
    sluice.file.write_text("interfaces = {s0, lo}\n" + FIVE)
    sluice.do("reload")
    modes = {i["name"]: i["xdp_mode"] for i in sluice.json("status")["interfaces"]}
    assert modes == {"s0": "native", "lo": "generic"}
    assert "lo: generic   warning: slower than native" in sluice.do("status")
    sluice.file.write_text("interfaces = {s0}\n" + FIVE)
    sluice.do("reload")
    assert [i["name"] for i in sluice.json("status")["interfaces"]] == ["s0"]
    assert "xdp" not in net.run(net.server, "ip", "link", "show", "lo").stdout
    sluice.file.write_text("xdp-mode = native\ninterfaces = {lo}\n" + FIVE)
    code, _, err = sluice.ctl("reload")
    assert code == 1 and "lo" in err
    assert [i["name"] for i in sluice.json("status")["interfaces"]] == ["s0"]


@pytest.fixture
def group():
    """Returns the group `sluice`, which it makes if the host has none."""
    try:
        yield grp.getgrnam("sluice").gr_gid
        return
    except KeyError:
        sh("groupadd", "--system", "sluice")
    try:
        yield grp.getgrnam("sluice").gr_gid
    finally:
        sh("groupdel", "sluice", check=False)


def test_group_may_read_and_nothing_else(make, group):
    _, sluice = make(FIVE)
    os.chmod("/run/sluice", 0o755)
    ctl = lambda *words, gid=group: subprocess.run(
        [BUILD / "sluicectl", "-i", sluice.instance, "--json", *words], user=65534, group=gid, extra_groups=[], text=True, capture_output=True)
    if os.stat(BUILD).st_mode & 0o005 != 0o005 or any(not os.stat(d).st_mode & 1 for d in BUILD.parents):
        pytest.skip("other users cannot enter the folder of the build")
    got = ctl("status")
    assert got.returncode == 0 and json.loads(got.stdout)["daemon"] == "running"
    refused = ctl("ban", "192.0.2.1")
    assert refused.returncode == 1 and "'ban' needs root" in refused.stderr
    stranger = ctl("status", gid=65534)
    assert stranger.returncode == 1 and "permission denied: be root, or in the group sluice" in stranger.stderr
