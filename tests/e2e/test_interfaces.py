# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces that are renamed, move away, lose their gate or are absent at a start: what is judged, and what is said of it."""
import json
import signal

from net import BUILD, SERVER, wait_for

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
PASS = (BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")


def gates(net):
    """Returns {interface: id} of the gates that the kernel has in the server's namespace."""
    links = json.loads(net.run(net.server, "ip", "-j", "link").stdout)
    return {link["ifname"]: link["xdp"]["prog"]["id"] for link in links if link.get("xdp", {}).get("prog", {}).get("name") == "sluice_gate"}


def modes(sluice):
    return {i["name"]: i["xdp_mode"] for i in sluice.json("status")["interfaces"]}


def ip(net, *lines):
    net.run(net.server, "ip", "-batch", "-", input="".join(f"{line}\n" for line in lines))


def rename(net, old, new):
    ip(net, f"link set {old} down", f"link set {old} name {new}", f"link set {new} up")


def two(make):
    net, sluice = make(FIVE)
    ip(net, "link add s1 type veth peer p1", "link set s1 up")
    sluice.file.write_text(sluice.file.read_text().replace("{s0}", "{s0, s1}"))
    sluice.do("reload")
    return net, sluice


def test_an_interface_that_is_renamed_keeps_its_gate_and_an_unload_finds_it(make):
    net, sluice = make(FIVE)
    before = gates(net)["s0"]
    rename(net, "s0", "s9")
    assert wait_for(lambda: "interface s0 is called s9 now, and is still guarded" in sluice.logged())
    status = sluice.json("status")
    assert status["attached"] and modes(sluice) == {"s9": "native"}, status
    code, _, said = sluice.ctl("set", "service", "smtp", "max-connections-per-source", 6)
    assert code == 0 and "s0 is called s9 now" in said and gates(net) == {"s9": before}
    sluice.kill()
    sluice.start()
    assert gates(net) == {"s9": before}, "a restart goes on with it"
    sluice.kill(signal.SIGTERM)
    assert "unloaded" in sluice.do("unload") and not gates(net)


def test_a_policy_that_follows_a_renamed_interface_keeps_the_gate_there(make):
    net, sluice = make(FIVE)
    before = gates(net)["s0"]
    rename(net, "s0", "s9")
    sluice.file.write_text(sluice.file.read_text().replace("{s0}", "{s9}"))
    sluice.do("reload")
    assert gates(net) == {"s9": before} and modes(sluice) == {"s9": "native"}
    sluice.do("unload")
    assert not gates(net)


def test_another_interface_under_the_name_of_a_renamed_one_is_guarded_in_its_place(make):
    net, sluice = make(FIVE)
    rename(net, "s0", "s9")
    ip(net, "link add s0 type veth peer p0", "link set s0 up")
    assert wait_for(lambda: set(gates(net)) == {"s0"}), gates(net)
    assert modes(sluice) == {"s0": "native"}
    sluice.do("unload")
    assert not gates(net)


def test_interfaces_that_exchange_their_names_stay_guarded(make):
    net, sluice = two(make)
    ip(net, "link set s0 down", "link set s1 down", "link set s0 name x", "link set s1 name s0", "link set x name s1", "link set s0 up", "link set s1 up")
    assert wait_for(lambda: modes(sluice) == {"s0": "native", "s1": "native"}), modes(sluice)
    assert set(gates(net)) == {"s0", "s1"}
    sluice.do("unload")
    assert not gates(net)


def test_a_gate_that_an_unload_cannot_find_refuses_nothing_any_more(make):
    net, sluice = make(FIVE.replace("5 }", "1 }"))
    net.serve("::", 25)
    net.run(net.server, "ip", "link", "set", "s0", "netns", net.client)
    assert wait_for(lambda: modes(sluice) == {"s0": "detached"})
    sluice.do("unload")
    net.run(net.client, "ip", "link", "set", "s0", "netns", net.server)
    ip(net, "link set s0 up", f"addr add {SERVER}/16 dev s0")
    assert set(gates(net)) == {"s0"}, "the kernel keeps it attached in the other namespace"
    h = net.hold("10.77.0.2")
    h("open", 8)
    assert h.greeted(8)


def test_a_gate_that_somebody_else_takes_off_is_said_in_the_log_and_by_doctor(make):
    net, sluice = make(FIVE)
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "off")
    assert wait_for(lambda: "interface s0: the gate is no longer attached" in sluice.logged())
    found = json.loads(sluice.ctl("--json", "doctor", sluice.file)[1])
    hit = next(f for f in found if f["level"] == "bad" and f["finding"].startswith("s0: the gate is not attached any more"))
    assert f"sluicectl -i {sluice.instance} reload" in hit["remedy"]
    sluice.do("reload")
    assert modes(sluice) == {"s0": "native"}
    found = json.loads(sluice.ctl("--json", "doctor", sluice.file)[1])
    assert not [f for f in found if f["level"] == "bad"], "the remedy helps"
    assert sluice.logged().count("no longer attached") == 1


def test_an_interface_that_cannot_be_guarded_again_stays_in_status(make):
    net, sluice = two(make)
    net.run(net.server, "ip", "-force", "link", "set", "s0", "xdp", "obj", *PASS)
    assert wait_for(lambda: "interface s0: the gate is no longer attached" in sluice.logged())
    code, _, said = sluice.ctl("reload")
    assert code == 1 and "s0: another XDP program is attached" in said
    assert modes(sluice) == {"s0": "detached", "s1": "native"}, "nobody takes s0 for guarded"
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "off")
    sluice.do("reload")
    assert modes(sluice) == {"s0": "native", "s1": "native"}


def test_an_interface_that_is_away_stays_in_status_and_holds_up_no_restart(make):
    net, sluice = two(make)
    ip(net, "link del s1")
    assert wait_for(lambda: modes(sluice)["s1"] == "detached")
    code, _, said = sluice.ctl("reload")
    assert code == 0 and "s1 is absent" in said
    assert modes(sluice) == {"s0": "native", "s1": "detached"}, "also after a reload"
    assert net.run(net.server, BUILD / "sluiced", "-n", "-c", sluice.file, "-i", sluice.instance, check=False).returncode == 0, "as the unit asks before a start"
    found = json.loads(sluice.ctl("--json", "doctor", sluice.file)[1])
    assert any(f["level"] == "warning" and f["finding"].startswith("s1 is absent") for f in found), found
    sluice.kill()
    sluice.start()
    assert modes(sluice) == {"s0": "native", "s1": "detached"} and "s1 is absent" in sluice.logged()
    ip(net, "link add s1 type veth peer p1", "link set s1 up")
    assert wait_for(lambda: modes(sluice) == {"s0": "native", "s1": "native"})


def test_the_gate_of_another_instance_is_named_and_so_is_what_helps(make, tmp_path):
    net, sluice = make(FIVE)
    file = tmp_path / "other.conf"
    file.write_text(sluice.file.read_text() + "metrics { listen = none }\n")
    other = [BUILD / "sluiced", "-f", "-c", file, "-i", sluice.instance + "b"]
    done = net.run(net.server, *other, check=False)
    assert done.returncode == 1 and f"s0: the gate of instance {sluice.instance} is attached and does not share: `sluicectl -i {sluice.instance} unload`" in done.stderr, done.stderr
    assert "xdp off" not in done.stderr, "which would leave that instance without its gate"
    found = json.loads(net.run(net.server, BUILD / "sluicectl", "-i", sluice.instance + "b", "--json", "doctor", file, check=False).stdout)
    assert any(f["level"] == "bad" and f"the gate of instance {sluice.instance} is attached" in f["finding"] for f in found), found


def test_a_restart_that_cannot_guard_an_interface_changes_nothing_and_says_what_becomes_of_the_gate(make):
    net, sluice = two(make)
    sluice.file.write_text("stop-grace = 1h\n" + sluice.file.read_text())
    sluice.do("reload")
    sluice.kill(signal.SIGTERM)
    before = gates(net), sluice.json("status")["generation"]
    text = sluice.file.read_text().replace("{s0, s1}", "{s0, absent0}").replace("source = 5", "source = 7")
    sluice.file.write_text(text)
    daemon = sluice.popen()
    assert daemon.wait(60) == 1
    said = sluice.logged()
    assert "interface absent0: no such interface" in said and "not started" in said and "then everything passes" in said, said
    assert before == (gates(net), sluice.json("status")["generation"]) and sluice.service()["max_connections_per_source"] == 5
