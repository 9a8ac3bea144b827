# SPDX-License-Identifier: BSD-2-Clause
"""top, run in tmux: what its screen shows, and what its keys do."""
import re

import pytest

from net import sh, wait_for
from terminal import Screen, printed

POLICY = """service smtp { ports = {25} max-connections = 20 max-connections-per-source = 4 }
service imap { ports = {143} }
"""


@pytest.fixture
def top(make):
    made = []

    def build(policy):
        net, sluice = make(policy)
        made.append(Screen(net, sluice))
        return net, sluice, made[0]

    yield build
    for screen in made:
        screen.close()


def row_of(screen, word):
    return next((line for line in screen.text().splitlines() if word in line), "")


def test_top_shows_services_sources_and_refusals_and_bans_after_a_yes(top):
    net, sluice, screen = top(POLICY)
    net.serve("::", 25)
    busy, other = net.hold("10.77.0.2"), net.hold("10.77.0.3")
    busy("open", 6), other("open", 1)
    assert busy.greeted(4) and other.greeted(1)
    assert screen.shows("10.77.0.2", "10.77.0.3", "source-connections", "5/20"), screen.text()
    assert "[######                  ] 5/20" in row_of(screen, "smtp"), screen.text()
    assert "[########################] 4/4" in row_of(screen, "10.77.0.2") and "0/-" in row_of(screen, "imap")
    text = screen.text()
    assert text.index("10.77.0.2") < text.index("10.77.0.3"), "most connections first"
    assert wait_for(lambda: float(row_of(screen, "source-connections").split()[1]) > 0), "clients try again, so there is a rate"

    screen.keys("/", "0.3", "Enter")
    assert screen.shows("with 0.3") and wait_for(lambda: "10.77.0.2" not in screen.text()), screen.text()
    screen.keys("b")
    assert screen.shows("ban 10.77.0.3 for 1h? (y/n)")
    screen.keys("n", "Enter")
    assert screen.shows("not banned") and sluice.json("bans") == []
    screen.keys("b", "y", "Enter")
    assert screen.shows("10.77.0.3 is banned")
    assert sluice.json("bans")[0]["source"] == "10.77.0.3"

    screen.keys("/", "Escape")
    assert screen.shows("10.77.0.2")
    screen.keys("Up", "s")
    assert screen.shows("by share of limit")
    screen.keys("s", "s")
    assert screen.shows("by source")
    screen.keys("Down")
    assert wait_for(lambda: row_of(screen, "10.77.0.3").startswith(">")), screen.text()
    screen.keys("q")
    assert screen.ended()


def test_top_ends_with_a_message_when_the_daemon_ends(top):
    _, sluice, screen = top(POLICY)
    assert screen.shows("SERVICE")
    sluice.kill()
    assert screen.ended()


LONG = [f"a-service-with-the-longest-name{i:02}"[-31:] for i in range(64)]
MANY = "".join(f"service {name} {{ ports = {{{2500 + i}}} max-connections = 4000000 max-connections-per-source = {i + 1} }}\n" for i, name in enumerate(LONG))


@pytest.mark.parametrize("width, height", [(80, 24), (120, 40), (200, 50)])
def test_top_is_whole_at_every_size_and_marks_what_it_cuts(make, width, height):
    net, sluice = make(MANY)
    net.serve("::", 2540)
    h = net.hold("fd77:0:1::2", "fd77::1", 2540)
    h("open", 3)
    assert h.greeted(3)
    screen = Screen(net, sluice, width, height)
    try:
        assert screen.shows("3/41"), screen.text()
        lines = screen.text().splitlines()
        print("\n" + screen.text())
        assert len(lines) == height and lines[-1].startswith("q quit  s sort") and max(map(len, lines)) <= width
        assert [sum(title in line for line in lines) for title in ("EACH", "REFUSED FOR", "SOURCE  ")] == [1, 1, 1]
        shown = [line for line in lines if "/4000k" in line]
        left_out = next(line for line in lines if line.startswith("... and "))
        assert len(shown) >= height // 3 and len(shown) + int(left_out.split()[2]) == 64, left_out
        assert any(line.startswith(LONG[40][:15]) and "3/4000k" in line for line in shown), "the busy one is among them"
        assert all(("~" in line.split()[0]) == (width == 80) for line in shown)
        row = next(line for line in lines if line.startswith("> "))
        assert "fd77:0:1::/64" in row and "3/41" in row and all((title in screen.text()) == (width == 200) for title in ("COUNTRY", "REFUSED  A SECOND", "PEAK", "SINCE"))
        assert width < 200 or re.search(r" 3/41 +-? +[0-9]+  [0-9]+m [0-9]+s$", row), row
    finally:
        screen.close()


def test_the_screen_goes_on_while_it_asks_and_help_goes_by_any_key(top):
    net, sluice, screen = top(POLICY)
    net.serve("::", 25)
    screen.keys("/")
    assert screen.shows("show only: _")
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2) and screen.shows("2/20", "show only: _"), screen.text()
    screen.keys("Escape", "?")
    assert screen.shows("Keys", "any key goes back")
    screen.keys("x")
    assert screen.shows("2/20") and "Keys" not in screen.text()


def test_top_without_a_terminal_says_what_prints_the_same(make):
    net, sluice = make(POLICY)
    for argv in (["top"], ["--json", "top"]):
        code, _, said = sluice.ctl(*argv)
        assert code == 2 and "top draws on a terminal" in said and "sluicectl status" in said, said
    for term in ("dumb", "", "nothing-like-it"):
        assert "top draws on a terminal" in printed(net, sluice, 80, "top", TERM=term, status=2), term


def test_top_ends_with_its_terminal(top):
    net, sluice, screen = top(POLICY)
    assert screen.shows("q quit")
    pid = int(screen.tmux("display-message", "-p", "#{pane_pid}").stdout)
    screen.tmux("kill-server", check=False)
    assert wait_for(lambda: sh("ps", "-p", pid, check=False).returncode)
