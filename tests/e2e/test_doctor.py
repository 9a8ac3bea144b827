# SPDX-License-Identifier: BSD-2-Clause
"""sluicectl doctor has one test for each kind of finding that namespaces can bring about. It needs no daemon."""
import json, os, signal

import pytest

from net import BUILD, LIB, Net

SMTP = "service smtp { ports = {25} }\n"


class Patient:
    """Runs doctor in a server namespace."""

    def __init__(self, net, directory):
        self.net, self.file = net, directory / "doctor.conf"

    def run(self, *argv, ns=None):
        return self.net.run(ns or self.net.server, *argv)

    def ctl(self, *words, prefix=()):
        return self.net.run(self.net.server, *prefix, BUILD / "sluicectl", "-i", self.net.tag, *words, check=False)

    def findings(self, policy="interfaces = {s0}\n" + SMTP, exits=None):
        self.file.write_text(policy)
        done = self.ctl("--json", "doctor", self.file)
        found = json.loads(done.stdout)
        assert all(f.keys() == {"level", "check", "finding", "remedy"} for f in found)
        assert all(f["level"] == "good" or f["remedy"] for f in found), "each finding that is not good has a remedy"
        assert done.returncode == (1 if any(f["level"] == "bad" for f in found) else 0), done
        return found

    def finds(self, level, words, **more):
        found = self.findings(**more)
        hits = [f for f in found if f["level"] == level and words in f["finding"]]
        assert len(hits) == 1, found
        return hits[0]


@pytest.fixture
def host(tmp_path):
    net = Net()
    try:
        yield Patient(net, tmp_path)
    finally:
        net.close()


def test_a_host_that_fits_has_nothing_bad_and_no_warning(host):
    host.net.serve("::", 25)
    for f in host.findings():
        if "receive queues" in f["finding"]:
            assert f["remedy"].endswith(f"(or rx {os.cpu_count()})")
            host.run("ethtool", "-L", "s0", "rx", os.cpu_count())
    found = host.findings()
    assert {f["level"] for f in found} <= {"good", "note"}, found
    said = [f["finding"] for f in found if f["level"] == "good"]
    for what in ("all 2 program types work, by probe", "helpers work, by probe", "map types work, by probe", "BTF", "tp_btf program at inet_sock_set_state",
                 "tp_btf program at tcp_destroy_sock", "tp_btf program at tcp_retransmit_synack", "iterator over TCP sockets"):
        assert any(what in s for s in said), (what, said)
    done = host.ctl("doctor", host.file)
    assert done.returncode == 0 and "0 bad, 0 warnings" in done.stdout


def test_no_database_of_countries_is_noted(host, tmp_path):
    host.finds("note", "no country database is in force")
    (tmp_path / "countries.csv").write_text("192.0.2.0/24,DE\n")
    found = host.findings(policy=f"interfaces = {{s0}}\ngeoip {{ database = {{{tmp_path}/countries.csv}} }}\n" + SMTP)
    assert not [f for f in found if "no database" in f["finding"]]


def test_a_bad_policy_gives_status_2(host):
    host.file.write_text("interfaces = {s0}\nservice smtp { prots = {25} }\n")
    done = host.ctl("doctor", host.file)
    assert done.returncode == 2 and "doctor.conf:2" in done.stderr
    assert host.ctl("doctor", "/nowhere.conf").returncode == 2


def test_it_says_that_it_is_not_root(host):
    if any(not os.stat(d).st_mode & 1 for d in BUILD.parents):
        pytest.skip("other users cannot enter the folder of the build")
    host.file.write_text("interfaces = {s0}\n" + SMTP)
    host.file.chmod(0o644)
    readable = "/run/sluice-doctor-" + host.net.tag
    host.run("cp", host.file, readable)
    try:
        done = host.ctl("doctor", readable, prefix=("setpriv", "--reuid", "65534", "--clear-groups"))
    finally:
        os.unlink(readable)
    assert done.returncode == 0 and "not root" in done.stdout and "run this as root" in done.stdout


def test_an_interface_that_is_not_there_is_bad(host):
    assert "ip link" in host.finds("bad", "nowhere0: no such interface", policy="interfaces = {nowhere0}\n" + SMTP)["remedy"]


def test_native_xdp_is_told_by_the_driver(host):
    if host.net.run(host.net.server, "genl", "ctrl", "get", "name", "netdev", check=False).returncode:  # as in Linux 6.1
        host.finds("note", "on this kernel drivers do not say")
        return
    host.finds("good", "s0 (driver veth): native XDP")
    assert host.finds("warning", "lo (driver", policy="interfaces = {lo}\n" + SMTP)
    host.finds("bad", "no native XDP, which xdp-mode = native asks for", policy="xdp-mode = native\ninterfaces = {lo}\n" + SMTP)
    host.finds("note", "generic XDP, as the policy asks", policy="xdp-mode = generic\ninterfaces = {s0}\n" + SMTP)


def test_frames_larger_than_a_page_are_a_warning(host):
    host.run("ip", "tuntap", "add", "tap0", "mode", "tap")
    host.run("ip", "link", "set", "tap0", "mtu", "9000", "up")
    policy = "interfaces = {tap0}\n" + SMTP
    hit = host.finds("warning", "tap0: MTU 9000", policy=policy)
    assert "ip link set tap0 mtu 3498" in hit["remedy"]
    assert not any(f["level"] == "good" and "tap0" in f["finding"] for f in host.findings(policy)), "doctor does not call it good"


def test_a_driver_with_frames_of_several_buffers_is_attached_in_native_mode(make):
    net, sluice = make(SMTP)
    sluice.kill(signal.SIGTERM)
    sluice.ctl("unload")
    net.run(net.client, "ip", "link", "set", "c0", "xdp", "off")
    for ns, nic in ((net.client, "c0"), (net.server, "s0")):
        net.run(ns, "ip", "link", "set", nic, "mtu", "9000")
    told = [f for f in json.loads(sluice.ctl("--json", "doctor", sluice.file)[1]) if f["finding"].startswith("s0")]
    assert not any("MTU" in f["finding"] for f in told) or not any("native XDP" in f["finding"] and f["level"] == "good" for f in told), told
    sluice.start()
    assert [i["xdp_mode"] for i in sluice.json("status")["interfaces"]] == ["native"]
    told = json.loads(sluice.ctl("--json", "doctor", sluice.file)[1])
    assert any(f["finding"] == "s0: native XDP, as attached" for f in told) and not any("MTU" in f["finding"] for f in told), told


def test_fewer_queues_than_processors_are_noted(host):
    if os.cpu_count() < 2:
        pytest.skip("one queue is enough for one processor")
    host.run("ip", "link", "add", "q0", "numrxqueues", "1", "numtxqueues", "1", "type", "veth", "peer", "name", "q1")
    host.finds("note", "q0: receive queues: 1", policy="interfaces = {q0}\n" + SMTP)


def test_bridges_their_ports_and_interfaces_that_are_down_are_found(host):
    host.run("ip", "link", "add", "br0", "type", "bridge")
    host.run("ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1")
    host.run("ip", "link", "set", "p0", "master", "br0")
    assert "not judged" in host.finds("note", "p0 is a port of the bridge br0", policy="interfaces = {p0}\n" + SMTP)["remedy"]
    host.finds("warning", "br0 is a bridge", policy="interfaces = {br0}\n" + SMTP)
    host.finds("warning", "p0 is down", policy="interfaces = {p0}\n" + SMTP)


@pytest.mark.parametrize("kind, level, words", [("vlan", "warning", "v0 is a VLAN device"), ("bond", "note", "v0 is a bond"), ("macvlan", "note", "v0 is a macvlan device"), ("vrf", "bad", "v0: no packet arrives at a VRF itself: sluiced refuses to guard it")])
def test_devices_above_others_are_found(host, kind, level, words):
    more = {"vlan": ("link", "s0", "name", "v0", "type", "vlan", "id", "7"), "bond": ("name", "v0", "type", "bond"), "macvlan": ("link", "s0", "name", "v0", "type", "macvlan"), "vrf": ("name", "v0", "type", "vrf", "table", "107")}[kind]
    if host.net.run(host.net.server, "ip", "link", "add", *more, check=False).returncode:
        pytest.skip(f"this kernel has no {kind}")
    host.finds(level, words, policy="interfaces = {v0}\n" + SMTP)


def test_another_xdp_program_without_the_dispatcher_is_bad(host):
    host.run("ip", "link", "set", "s0", "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
    hit = host.finds("bad", "s0: another XDP program is attached (pass")
    assert "ip link set s0 xdp off" in hit["remedy"]
    host.run("ip", "link", "set", "s0", "xdp", "off")
    assert not [f for f in host.findings() if f["level"] == "bad"], "the remedy helps"


@pytest.mark.parametrize("value, level", [(0, "note"), (1, "good"), (2, "note")])
def test_the_value_of_tcp_syncookies_is_judged(host, value, level):
    host.run("sh", "-c", f"echo {value} > /proc/sys/net/ipv4/tcp_syncookies")
    host.finds(level, f"net.ipv4.tcp_syncookies is {value}")


def test_services_without_a_listener_and_listeners_without_a_service_are_found(host):
    host.net.serve("::", 143)
    host.net.serve("127.0.0.1", 110)
    host.finds("warning", "service smtp: nothing listens on port 25")
    hit = host.finds("note", "port 143: serve.py listens, but no service names the port")
    assert "ports = {143}" in hit["remedy"]
    assert not any("110" in f["finding"] for f in host.findings()), "listeners on loopback do not matter"
    host.finds("warning", "nothing listens on port 25", policy="interfaces = {s0}\nservice smtp { ports = {25} }\nservice imap { ports = {143} }\n")


def test_a_container_engines_proxy_on_a_protected_port_is_found(host):
    named = ("import runpy, sys; open('/proc/self/comm', 'w').write('docker-proxy'); sys.argv = sys.argv[1:]; "
             "runpy.run_path(sys.argv[0], run_name='__main__')")
    host.net.ready(host.net.popen(host.net.server, "/usr/bin/python3", "-c", named, LIB / "serve.py", "::", 25))
    hit = host.finds("warning", "port 25 of service smtp is taken by docker-proxy")
    assert hit["check"] == "proxy" and "userland-proxy" in hit["remedy"]


def test_its_own_program_is_known_as_its_own(make):
    net, sluice = make(SMTP)
    found = json.loads(sluice.ctl("--json", "doctor", sluice.file)[1])
    assert any(f["level"] == "good" and f["finding"] == "s0: sluice is attached" for f in found), found


def test_a_daemon_that_was_killed_is_found(make):
    _, sluice = make(SMTP)
    found = lambda: [f["level"] for f in json.loads(sluice.ctl("--json", "doctor", sluice.file)[1]) if "sluiced does not run" in f["finding"]]
    assert not found()
    sluice.kill()
    assert found() == ["bad"]
    sluice.start()
    assert not found(), "the remedy helps"
