# SPDX-License-Identifier: BSD-2-Clause
"""watch shows refusals as they happen. A flood is sampled, and does not hide other reasons."""
import json, re, signal, subprocess, time

import pytest

from net import BUILD, SERVER6, wait_for
from terminal import Screen
from tools import forge

POLICY = """service smtp { ports = {25} max-connections-per-source = 2 }
service imap { ports = {143} max-connections-per-source = 1 on-excess = reset }
source-set foes { prefixes = {10.77.1.0/24} action = deny }
"""


class Watch:
    """Runs `sluicectl --json watch`, and reads its lines as they come."""

    def __init__(self, net, sluice, *words):
        argv = net.enter(net.server, [BUILD / "sluicectl", "-i", sluice.instance, *words, "watch"])
        self.out = open(sluice.file.parent / f"watch{len(net.started)}", "w+")
        self.process = subprocess.Popen(argv, stdout=self.out, stderr=subprocess.STDOUT)
        net.started.append(self.process)

    def text(self):
        return open(self.out.name).read()

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines(keepends=True) if line.endswith("\n")]

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.out.close()


def refuse(net, source, n=1, port=25, held=0):
    h = net.hold(source, port=port)
    h("open", n)
    return h


def watching(net, sluice, *words):
    """Returns a Watch that has started for certain, since it has seen a refusal."""
    w = Watch(net, sluice, *words)
    h = net.hold("10.77.1.1")

    def seen():
        h("open", 1)
        return "denied" in w.text()

    assert wait_for(seen, 10, 0.3), w.text()
    return w


def test_watch_shows_each_refusal_and_why(make):
    net, sluice = make("privacy { addresses = full }\n" + POLICY)
    net.serve("::", 25)
    net.serve("::", 143)
    w, plain = watching(net, sluice, "--json"), watching(net, sluice)
    for port, n in ((25, 3), (143, 2)):
        h = net.hold("10.77.0.2", port=port)
        h("open", n)
    assert wait_for(lambda: {"smtp", "imap"} <= {l["service"] for l in w.lines() if l["source"] == "10.77.0.2"}), w.text()
    by = {l["service"]: l for l in w.lines() if l["source"] == "10.77.0.2"}
    assert by["smtp"]["reason"] == "source-connections" and by["smtp"]["verdict"] == "drop"
    assert by["imap"]["verdict"] == "reset" and by["imap"]["port"] == 143 and by["imap"]["sampled"] >= 1
    assert abs(by["smtp"]["time"] - time.time()) < 60
    assert wait_for(lambda: "10.77.0.2" in plain.text() and "1 in 1" in plain.text()), plain.text()
    w.end(), plain.end()


def test_flood_is_sampled_and_hides_no_other_reason(make):
    net, sluice = make("privacy { addresses = full }\n" + POLICY)
    net.serve("::", 25)
    w = watching(net, sluice, "--json")
    flood = forge(net, 25, "10.77.1.1+50", "syn", 100000)
    h = net.hold("10.77.0.2")
    h("open", 3)
    assert wait_for(lambda: any(l["reason"] == "source-connections" for l in w.lines())), w.text()[-300:]
    flood.finish()
    sent = sluice.reason("denied")
    denied = lambda: [l for l in w.lines() if l["reason"] == "denied"]
    told = lambda: sum(l["sampled"] for l in denied())
    assert wait_for(lambda: told() > sent * 0.5), (len(denied()), told(), sent)
    assert len(denied()) < 500
    assert told() <= sluice.reason("denied"), "told() comes first, since the last of the flood may arrive only now"
    assert max(l["sampled"] for l in denied()) > 100
    w.end()


def test_nothing_is_told_while_nobody_watches(make):
    net, sluice = make(POLICY + "privacy { addresses = full }\n")
    w = watching(net, sluice, "--json")
    w.end()
    time.sleep(0.3)
    h = net.hold("10.77.1.2")
    h("open", 5)
    assert wait_for(lambda: sluice.reason("denied") >= 5)
    again = watching(net, sluice, "--json")
    assert {l["source"] for l in again.lines()} == {"10.77.1.1"}, "it does not show what was refused earlier"
    again.end()


def test_watch_ends_with_the_daemon_and_a_watcher_that_stops_reading_holds_up_nobody(make):
    net, sluice = make(POLICY)
    stuck, w = watching(net, sluice, "--json"), watching(net, sluice, "--json")
    stuck.process.send_signal(signal.SIGSTOP)
    forge(net, 25, "10.77.1.1+50", "syn", 50000).finish()
    assert sluice.json("status")["daemon"] == "running"
    before = len(w.lines())
    h = net.hold("10.77.1.3")
    h("open", 1)
    assert wait_for(lambda: len(w.lines()) > before)
    stuck.process.send_signal(signal.SIGCONT)
    sluice.kill(signal.SIGTERM)
    assert w.process.wait(10) == 1 and stuck.process.wait(10) == 1
    w.end(), stuck.end()


LONG = "a-service-with-the-longest-name"  # 31 letters
WHOLE6 = "fd77:aaaa:bbbb:cccc:dddd:eeee:ffff:1111"
LONG_POLICY = f"""privacy {{ addresses = full }}
service {LONG} {{ ports = {{25}} max-connections-per-source = 1 }}
service imap {{ ports = {{143}} max-connections-per-source = 1 on-excess = reset }}
source-set foes {{ prefixes = {{10.77.1.0/24}} action = deny }}
"""


@pytest.mark.parametrize("width, height, source, service", [(80, 24, 23, 12), (120, 40, 39, 31), (200, 50, 39, 31)])
def test_watch_is_whole_at_every_size_also_under_a_flood(make, width, height, source, service):
    net, sluice = make(LONG_POLICY)
    net.serve("::", 25), net.serve("::", 143)
    net.addresses(net.client, "c0", f"{WHOLE6}/32")
    screen = Screen(net, sluice, width, height, ["watch"])
    try:
        h, g = net.hold(WHOLE6, SERVER6), net.hold("10.77.0.2", port=143)

        def seen():
            h("open", 1), g("open", 1)
            return screen.shows("source-connections  drop", "source-connections  reset", seconds=1)

        assert wait_for(seen), screen.text()
        calm = screen.text()
        print("\n" + calm)
        title, *rows = calm.split("\n\n")[0].splitlines()
        assert re.fullmatch(rf"[A-Z0-9+-]+ +SOURCE {{{source - 5}}}SERVICE {{{service - 6}}}{' PORT ' * (width == 200)}REASON {{14}}VERDICT +1 IN", title), title
        port = lambda number: f"{number:5} " if width == 200 else ""
        cut = lambda text, room: (text if len(text) <= room else text[:room - 1] + "~").ljust(room)
        long = f" {cut(WHOLE6, source)} {cut(LONG, service)} {port(25)}source-connections  drop         1"
        assert any(line[8:] == long for line in rows), (long, rows)
        assert any(line[8:] == f" {cut('10.77.0.2', source)} {'imap'.ljust(service)} {port(143)}source-connections  reset        1" for line in rows)

        flood = forge(net, 25, "10.77.1.1+50", "syn", 10**9)
        full = lambda text: re.search(r"denied +drop +\d{2,}", text) and text.split("\n")[height - 2]
        assert wait_for(lambda: full(screen.text()), 20), screen.text()
        text = screen.text()
        flood.process.kill()
        print("\n" + text)
        lines = [line for line in text.splitlines() if line and line != title]
        row = re.compile(rf"\d\d:\d\d:\d\d [0-9a-f:.~ ]{{{source}}} [a-z~ -]{{{service}}} {' *[0-9]+ ' * (width == 200)}[a-z -]{{19}} (drop|reset|observed) +\d+[kMG]?")
        assert [line for line in lines if not row.fullmatch(line)] == [], "no line wraps or is cut"
    finally:
        screen.close()
