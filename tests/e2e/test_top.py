# SPDX-License-Identifier: BSD-2-Clause
"""top, driven in tmux: what stands on its screen, and what its keys do."""
import pytest

from net import BUILD, sh, wait_for

POLICY = """service smtp { ports = {25} max-connections = 20 max-connections-per-source = 4 }
service imap { ports = {143} }
"""


class Screen:
    """A tmux server of its own, with one window that runs top."""

    def __init__(self, net, sluice):
        self.socket = str(sluice.file.parent / "tmux")
        argv = net.enter(net.server, [BUILD / "sluicectl", "-i", sluice.instance, "top"])
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", "100", "-y", "30", *argv)

    def tmux(self, *words, check=True):
        return sh("tmux", "-S", self.socket, *words, check=check)

    def text(self):
        return self.tmux("capture-pane", "-p", "-t", "t", check=False).stdout

    def shows(self, *words, seconds=10):
        return wait_for(lambda: all(w in self.text() for w in words), seconds, 0.1)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def ended(self):
        return wait_for(lambda: self.tmux("list-sessions", check=False).returncode != 0)


@pytest.fixture
def top(make):
    made = []

    def build(policy):
        net, sluice = make(policy)
        made.append(Screen(net, sluice))
        return net, sluice, made[0]

    yield build
    for screen in made:
        screen.tmux("kill-server", check=False)


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
    assert wait_for(lambda: float(row_of(screen, "source-connections").split()[1]) > 0), "clients try again: a rate"

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


def test_top_ends_with_a_word_when_the_daemon_does(top):
    _, sluice, screen = top(POLICY)
    assert screen.shows("SERVICE")
    sluice.kill()
    assert screen.ended()
