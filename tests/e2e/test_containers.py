# SPDX-License-Identifier: BSD-2-Clause
"""Sockets of containers that publish mail ports by DNAT count as the host's own, exactly, and whatever becomes of the container."""
import json
import os
import time

import pytest

import tools
from boxes import Box, Engine
from mail import smtp_source
from net import BUILD, LIB, SERVER, SERVER6, Holder, Net, sh, wait_for
from pressure import PRESSED, syncookies
from test_limits import hold_ten_of_500

TEN = "service smtp { ports = {25} max-connections-per-source = 10 }\n"
SUBMISSION = "service submission { ports = {587} max-connections-per-source = 3 }\n"


def container(name, box, ports='"25"', netns=None, addresses=True):
    where = f'addresses = {{{box.address}, "{box.address6}"}} ' if addresses else ""
    return f'container {name} {{ netns = "{netns or box.path}" {where}ports = {{{ports}}} }}\n'


@pytest.fixture
def boxed(make):
    """boxed(policy of the boxes, ports, rtt) -> (net, sluice, boxes). Each port is (HOST PORT, NUMBER OF BOX, PORT THERE)."""

    def build(policy, ports=((25, 10, 25),), rtt=0):
        net, sluice = make(TEN, rtt)
        engine = Engine(net)
        boxes = {number: Box(engine, number) for number in {p[1] for p in ports}}
        engine.publish(*((host, boxes[number], port) for host, number, port in ports))
        sluice.write(policy(boxes))
        sluice.do("reload")
        return net, sluice, boxes

    return build


@pytest.fixture
def box(boxed):
    """Yields (net, sluice, box), with one container, which serves port 25."""
    net, sluice, boxes = boxed(lambda b: TEN + container("mail", b[10]))
    boxes[10].serve()
    return net, sluice, boxes[10]


def quiet(sluice, services=("smtp",)):
    """Whether nothing is held, and nothing is wrong."""
    of = lambda s: s["connections"] + s["reserved"]
    done = lambda: sum(of(sluice.service(name)) for name in services) == 0
    return wait_for(done, 15) and sluice.json("sources") == [] and wait_for(lambda: sluice.json("status")["drift"] == 0)


def rows(sluice, name):
    return json.loads(sh("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/sluice/{sluice.instance}/{name}").stdout)


def remembered(sluice):
    """Returns how many handshakes the kernel side remembers, in progress or not."""
    return sum(r["formatted"]["value"] for r in rows(sluice, "handshake_load"))


def container_of(sluice, name="mail"):
    return next(c for c in sluice.json("status")["containers"] if c["name"] == name)


@pytest.mark.parametrize("rtt", [0, 40])
@pytest.mark.parametrize("target, source", [(SERVER, "10.77.0.2"), (SERVER6, "fd77:0:1::2,fd77:0:1::3")])
def test_ten_of_500_connections_at_once_get_into_a_container(boxed, target, source, rtt):
    net, sluice, boxes = boxed(lambda b: TEN + container("mail", b[10]), rtt=rtt)
    boxes[10].serve()
    net.established = lambda: Net.established(net, 25, boxes[10].name)
    hold_ten_of_500(net, sluice, target, source)
    assert rows(sluice, "halves") == [], "each went with its reservation"


def test_limits_of_services_and_rates_hold_at_containers(boxed):
    policy = "service smtp { ports = {25} max-connections = 7 max-rate-per-source = 5/1h on-excess = reset }\n"
    net, sluice, boxes = boxed(lambda b: policy + container("mail", b[10], '"25:2525"'), ((25, 10, 2525),))
    boxes[10].serve(2525)
    first, second = net.hold("10.77.0.2"), net.hold("10.77.0.3")
    first("open", 8)
    assert wait_for(lambda: first("count")["greeted"] == 5 and first("count")["refused"] == 3)
    second("open", 8)
    assert second.greeted(2) and sluice.connections() == 7
    assert sluice.reason("source-rate") and sluice.reason("service-connections")


def test_reservation_becomes_the_connection_and_is_not_late(box):
    """If the reservation ran out beside the connection, which is idle for more than 3 s, its next segment would need a slot of its own."""
    net, sluice, box = box
    h = net.hold("10.77.0.2")
    h("open", 10)
    assert h.greeted(10)
    time.sleep(4)
    status = sluice.json("status")
    assert status["reservations"] == 0 and sluice.connections() == 10 and remembered(sluice) == 0
    assert sluice.json("sources") == [{**sluice.json("sources")[0], "source": "10.77.0.2", "connections": 10, "limit": 10}]
    h("say", "F")
    assert wait_for(lambda: h("count")["ended"] == 10) and quiet(sluice)


def test_real_mail_passes_through_a_container(boxed):
    net, sluice, boxes = boxed(lambda b: TEN + container("mail", b[10]))
    box = boxes[10]
    sink = net.popen(box.name, "smtp-sink", "-u", "nobody", f"{box.address}:25", 1000)
    box.servers.append(sink)
    assert wait_for(lambda: net.run(box.name, "ss", "-Htln", "sport = :25").stdout)
    code, said = smtp_source(net, sessions=8, messages=400, options=("-d",))
    assert code == 0, said
    assert sluice.service()["admitted"] >= 8 and quiet(sluice)


def test_connections_older_than_sluice_are_counted_in_containers(box):
    net, sluice, box = box
    sluice.kill()
    sluice.do("unload")
    for source, target in (("10.77.0.2", SERVER), ("fd77:0:1::2", SERVER6)):
        h = net.hold(source, target)
        h("open", 4)
        assert h.greeted(4)
    sluice.start()
    assert sluice.connections() == 8 and sorted(s["connections"] for s in sluice.json("sources")) == [4, 4]
    h("open", 12)
    assert h.greeted(10) and h.settle()["greeted"] == 10
    assert sluice.json("status")["drift"] == 0


def test_container_that_restarts_is_found_again(box):
    net, sluice, box = box
    for again in range(3):
        h = net.hold("10.77.0.2")
        h("open", 5)
        assert h.greeted(5) and sluice.connections() == 5
        box.stop()
        assert wait_for(lambda: container_of(sluice)["namespaces"] == 0)
        assert quiet(sluice), "what it held is given back"
        assert wait_for(lambda: "container mail is away" in sluice.logged())
        box.start()
        box.serve()
        assert wait_for(lambda: container_of(sluice)["namespaces"] == 1)
        assert len({r["key"][0] for r in rows(sluice, "published")}) >= 1
    h = net.hold("10.77.0.2")
    h("open", 12)
    assert h.greeted(10) and h.settle()["greeted"] == 10 and sluice.connections() == 10
    assert sluice.json("status")["drift"] == 0


def test_container_that_crashes_with_connections_leaves_nothing_behind(box):
    """Its interface vanishes before it is killed, so that no FIN reaches anybody, and its sockets linger where nobody finds them."""
    net, sluice, box = box
    h = net.hold("10.77.0.2")
    h("open", 6)
    assert h.greeted(6) and sluice.connections() == 6
    net.run(net.server, "ip", "link", "del", "v10")
    box.stop()
    box.start()
    box.serve()
    assert quiet(sluice)
    again = net.hold("10.77.0.2")
    again("open", 12)
    assert again.greeted(10) and sluice.connections() == 10


def test_namespace_that_no_policy_names_does_not_count(box):
    """A namespace of somebody else has the same address and port, and a source that exists."""
    net, sluice, box = box
    other = net.tag + "x"
    sh("ip", "netns", "add", other)
    net.names.append(other)
    net.run(other, "ip", "link", "set", "lo", "up")
    net.addresses(other, "lo", f"{box.address}/32", "10.77.0.2/32")
    net.ready(net.popen(other, LIB / "serve.py", "::", 25))
    stranger = Holder(net.popen(other, LIB / "hold.py", box.address, 25, "10.77.0.2"))
    stranger("open", 6)
    assert stranger.greeted(6) and net.established(25, other) == 6
    h = net.hold("10.77.0.2")
    h("open", 4)
    assert h.greeted(4)
    assert sluice.connections() == 4 and sluice.json("status")["drift"] == 0


def test_two_containers_with_the_same_port_inside_are_told_apart(boxed):
    ports = ((25, 10, 25), (587, 11, 25))
    net, sluice, boxes = boxed(lambda b: TEN + SUBMISSION + container("mail", b[10]) + container("submit", b[11], '"587:25"'), ports)
    for b in boxes.values():
        b.serve()
    smtp, submission = net.hold("10.77.0.2"), net.hold("10.77.0.2", port=587)
    smtp("open", 12), submission("open", 12)
    assert smtp.greeted(10) and submission.greeted(3)
    assert (sluice.connections(), sluice.connections("submission")) == (10, 3)
    assert (boxes[10].established(), boxes[11].established()) == (10, 3)
    boxes[11].stop()
    assert wait_for(lambda: sluice.connections("submission") == 0) and sluice.connections() == 10


def test_pattern_finds_the_container_with_the_address_among_all(boxed):
    """Namespaces have random names, as some engines make them. The host's own namespace matches, too, and is not counted twice."""
    ports = ((25, 10, 25), (587, 11, 587))
    everything = lambda b: f"/run/netns/{b[10].net.tag}*"
    policy = lambda b: TEN + SUBMISSION + container("mail", b[10], netns=everything(b)) + container("submit", b[11], '"587"', netns=everything(b))
    net, sluice, boxes = boxed(policy, ports)
    boxes[10].serve(), boxes[11].serve(587)
    net.serve("10.77.0.1", 2525)
    smtp, submission = net.hold("10.77.0.2"), net.hold("10.77.0.3", port=587)
    smtp("open", 5), submission("open", 2)
    assert smtp.greeted(5) and submission.greeted(2)
    assert (sluice.connections(), sluice.connections("submission")) == (5, 2)
    assert [c["namespaces"] for c in sluice.json("status")["containers"]] == [1, 1]
    assert sluice.json("status")["drift"] == 0


def test_service_at_an_address_of_the_host_counts_its_container(boxed):
    policy = lambda b: f'service smtp {{ ports = {{25}} addresses = {{{SERVER}, "{SERVER6}"}} max-connections-per-source = 4 }}\n' + container("mail", b[10])
    net, sluice, boxes = boxed(policy)
    boxes[10].serve()
    for source, target in (("10.77.0.2", SERVER), ("fd77:0:1::2", SERVER6)):
        h = net.hold(source, target)
        h("open", 9)
        assert h.greeted(4) and h.settle()["greeted"] == 4
    assert sluice.connections() == 8 and sluice.json("status")["reservations"] == 0 and remembered(sluice) == 0


def test_ban_refuses_and_kill_ends_connections_of_a_container(box):
    net, sluice, box = box
    friend, foe, foe6 = net.hold("10.77.0.2"), net.hold("10.77.0.3"), net.hold("fd77:0:1::2", SERVER6)
    for h in (friend, foe, foe6):
        h("open", 3)
        assert h.greeted(3)
    listed = sluice.json("ban", "10.77.0.3", "--kill", "--dry-run")
    assert [(c["source"], c["service"], c["port"], c["state"]) for c in listed] == [("10.77.0.3", "smtp", 25, "established")] * 3
    assert "3 connections ended" in sluice.do("ban", "10.77.0.3", "--kill")
    assert "3 connections ended" in sluice.do("ban", "fd77:0:1::/64", "--kill")
    assert wait_for(lambda: foe("count")["ended"] == 3 and foe6("count")["ended"] == 3)
    foe("open", 2)
    assert foe.settle()["greeted"] == 0 and friend("count")["greeted"] == 3
    assert wait_for(lambda: sluice.connections() == box.established() == 3) and sluice.json("status")["drift"] == 0


def test_flood_harms_neither_established_nor_new_sessions_of_a_container(boxed):
    """There is pressure, the host listens on the same port (as an engine's proxy does), and segments are forged: no cookie is sent, nobody is cut off."""
    net, sluice, boxes = boxed(lambda b: PRESSED + TEN + container("mail", b[10]))
    boxes[10].serve()
    net.serve("::", 25)
    before = net.hold("10.77.0.2")
    before("open", 8)
    assert before.greeted(8)
    tools.forge(net, 25, "10.77.3.1+40", "syn", 400).finish()
    assert wait_for(lambda: sluice.service()["pressure"])
    for kind in ("ack", "any"):
        tools.forge(net, 25, "10.77.4.1+250", kind, 20000).finish(60)
    during, during6 = net.hold("10.77.0.3"), net.hold("fd77:0:1::2", SERVER6)
    for h in (during, during6):
        h("open", 12)
        assert h.greeted(10) and h.settle()["greeted"] == 10
    assert before("count")["greeted"] == 8 and before("say", "H")
    time.sleep(4)
    assert before("count")["greeted"] + before("count")["ended"] == 8
    assert sluice.reason("cookie-sent") == sluice.reason("cookie-forged") == 0 and syncookies(net) == 1
    assert boxes[10].established() == sluice.connections()
    for h in (before, during, during6):
        h.process.stdin.close()
        h.process.wait()
    assert wait_for(lambda: sluice.connections() == 0, 15) and sluice.json("status")["drift"] == 0


def test_killed_daemon_leaves_limits_at_containers_in_force(box):
    net, sluice, box = box
    h = net.hold("10.77.0.2")
    h("open", 6)
    assert h.greeted(6)
    sluice.kill()
    h("open", 9)
    assert h.greeted(10) and h.settle()["greeted"] == 10
    assert sluice.connections() == 10 and container_of(sluice)["namespaces"] is None
    h("abandon")  # or they would take the slots that become free
    h("close", 3)
    assert wait_for(lambda: sluice.connections() == 7)
    sluice.start()
    assert sluice.connections() == 7 and sluice.json("status")["drift"] == 0
    assert container_of(sluice)["namespaces"] == 1
    h("close", 7)
    assert quiet(sluice)


def test_container_that_the_policy_drops_no_longer_counts(box):
    net, sluice, box = box
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5) and sluice.connections() == 5
    named = sluice.file.read_text()
    sluice.file.write_text("interfaces = {s0}\n" + TEN)
    assert "removed  container mail" in sluice.do("diff", sluice.file)
    sluice.do("reload")
    assert wait_for(lambda: sluice.connections() == 0) and sluice.json("status")["drift"] == 0
    assert sluice.json("status")["containers"] == [] and rows(sluice, "published") != []
    sluice.file.write_text(named)
    sluice.do("reload")
    assert sluice.connections() == 5 and sluice.json("status")["drift"] == 0
    assert f'netns = "{box.path}"' in sluice.do("dump") and 'ports = {"25"}' in sluice.do("dump")


def test_policy_that_names_a_container_and_is_not_confirmed_is_reverted(box):
    net, sluice, box = box
    sluice.write(TEN)
    sluice.do("reload")
    h = net.hold("10.77.0.2")
    h("open", 5)
    assert h.greeted(5) and wait_for(lambda: sluice.connections() == 0)
    sluice.write(TEN + container("mail", box))
    sluice.do("apply", sluice.file, "--confirm", "3s")
    assert sluice.connections() == 5
    assert wait_for(lambda: sluice.json("status")["confirm"]["state"] == "reverted")
    assert wait_for(lambda: sluice.connections() == 0) and wait_for(lambda: sluice.json("status")["drift"] == 0)


def test_a_path_that_is_no_namespace_is_reported_and_harms_nothing(box, tmp_path):
    net, sluice, box = box
    (tmp_path / "odd").write_text("nothing")
    sluice.write(TEN + container("mail", box) + "service imap { ports = {143} }\n" + f'container odd {{ netns = "{tmp_path}/odd" ports = {{"143"}} }}\n')
    sluice.do("reload")
    h = net.hold("10.77.0.2")
    h("open", 3)
    assert h.greeted(3) and sluice.connections() == 3
    odd = container_of(sluice, "odd")
    assert odd["namespaces"] == 0 and "is not a network namespace" in odd["why"]
    said = sluice.do("status")
    assert "container   mail: 1 network namespace" in said and "container   odd: away" in said
    assert wait_for(lambda: "is not a network namespace" in sluice.logged())


def test_events_that_were_missed_in_a_container_are_healed(box):
    """The trackers are removed, so that only the audits count."""
    net, sluice, box = box
    pins = [f"/sys/fs/bpf/sluice/{sluice.instance}/{name}" for name in ("link_track", "link_retrack", "link_end", "link_reend")]
    trackers = {json.loads(sh("bpftool", "-j", "link", "show", "pinned", pin).stdout)["prog_id"] for pin in pins}
    h = net.hold("10.77.0.2")
    h("open", 6)
    assert h.greeted(6)
    for pin in pins:
        os.remove(pin)
    assert wait_for(lambda: not trackers & {prog["id"] for prog in json.loads(sh("bpftool", "-j", "prog", "show").stdout)})
    h("close", 4)
    h("open", 1)
    assert h.greeted(3) and wait_for(lambda: box.established() == 3)
    assert wait_for(lambda: sluice.connections() == 3)
    status = sluice.json("status")
    assert (status["drift"], status["healed"]) == (0, 4)


def test_doctor_looks_for_listeners_in_the_container(box, tmp_path):
    net, sluice, box = box
    file = tmp_path / "doctor.conf"
    file.write_text("interfaces = {s0}\n" + TEN + SUBMISSION + container("mail", box, '"25", "587:2525"'))

    def found():
        return json.loads(net.run(net.server, BUILD / "sluicectl", "--json", "doctor", file, check=False).stdout)

    said = [f["finding"] for f in found()]
    assert "container mail: nothing listens on its port 2525, port 587 of the host" in said
    assert not any("nothing listens on port" in s for s in said), said
    box.serve(2525)
    assert {"good"} == {f["level"] for f in found() if f["check"] == "container"}
    box.stop()
    away = next(f for f in found() if f["check"] == "container")
    assert away["level"] == "warning" and "container mail is away" in away["finding"]
