# SPDX-License-Identifier: BSD-2-Clause
"""Colour is for terminals only, marks what needs attention, and says nothing that the words do not say."""
import contextlib
import re

import pytest

from net import Net, Sluice
from terminal import Screen, printed

GREEN, YELLOW, RED, END = "\033[32m", "\033[33m", "\033[31m", "\033[0m"
POLICY = """service smtp { ports = {25} max-connections = 5 max-connections-per-source = 4 }
service imap { ports = {143} }
"""
WORDS = (["status"], ["sources"], ["bans"], ["lookup", "192.0.2.7"], ["explain", "10.77.0.2", "--service", "smtp"], ["refusals"])


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    with contextlib.closing(Net()) as net, contextlib.closing(Sluice(net, tmp_path_factory.mktemp("colour"), POLICY)) as sluice:
        net.serve("::", 25)
        h = net.hold("10.77.0.2")
        h("open", 5)
        assert h.greeted(4)
        sluice.do("ban", "192.0.2.7", "--observe", "--reason", "on trial")
        yield net, sluice


def shown(busy, *words, **env):
    return printed(*busy, 100, *words, **{"TERM": "xterm-256color", **env})


def test_what_is_full_near_full_or_refused_is_coloured(busy):
    net, sluice = busy
    status = shown(busy, "status")
    assert f"daemon      {GREEN}running{END}\nmode        {GREEN}enforce{END}\n" in status
    assert re.search(rf"smtp +25 +{re.escape(YELLOW)} +4/5{re.escape(END)}", status), "four fifths are near the limit"
    assert re.search(rf"10\.77\.0\.2 .*smtp +{re.escape(RED)} +4/4{re.escape(END)}\n", shown(busy, "sources")), "this is full"
    explained = shown(busy, "explain", "10.77.0.2", "--service", "smtp")
    assert f"verdict     {RED}drop{END}\n" in explained and f"source      {RED}4/4{END} connections" in explained
    assert f"verdict     {GREEN}pass{END}\n" in shown(busy, "explain", "10.77.0.3", "--service", "smtp")
    found = printed(net, sluice, 100, "doctor", sluice.file, TERM="xterm")
    assert f"{GREEN}good    {END} " in found and f"{YELLOW}warning {END} " in found


@pytest.mark.parametrize("words", WORDS, ids=lambda w: w[0])
def test_without_its_colour_it_is_word_for_word_what_no_color_prints(busy, words):
    plain = lambda text: re.sub(r"\d\d:\d\d:\d\d|\d+ +1 of|PACKETS|\d+$", "#", text, flags=re.M)
    bare = shown(busy, *words, NO_COLOR="1")
    assert "\033" not in bare
    assert plain(re.sub(r"\033\[\d+m", "", shown(busy, *words))) == plain(bare)


@pytest.mark.parametrize("words", WORDS, ids=lambda w: w[0])
def test_pipes_json_no_color_and_dumb_terminals_have_none(busy, words):
    _, sluice = busy
    assert "\033" not in sluice.do(*words)
    assert "\033" not in sluice.do("--json", "--color", "always", *words)
    for said in (shown(busy, "--json", *words), shown(busy, *words, TERM="dumb"), shown(busy, *words, TERM=""),
                 shown(busy, *words, NO_COLOR="1"), shown(busy, "--color", "never", *words)):
        assert "\033" not in said


def test_the_option_color_overrides_all_that(busy):
    _, sluice = busy
    for words in (["--color", "always", "status"], ["status", "--color=always"]):
        assert f"{GREEN}running{END}" in sluice.do(*words), "for a pager"
    assert f"{GREEN}running{END}" in shown(busy, "--color", "always", "status", NO_COLOR="1"), "the option counts for more than the environment"
    assert f"{GREEN}running{END}" in shown(busy, "status", NO_COLOR=""), "empty is not set: no-color.org"
    code, _, err = sluice.ctl("--color", "blue", "status")
    assert code == 2 and err == "sluicectl: --color blue: write auto, always or never\n"


def test_top_has_the_same_colours(busy, monkeypatch):
    net, sluice = busy
    for name, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", name)
        screen = Screen(net, sluice)
        try:
            assert screen.shows("4/5", "4/4"), screen.text()
            text = screen.text("-e")
            assert (re.search(r"\033\[33m[^\033]* 4/5", text) is not None) == coloured, text
            assert (re.search(r"\033\[[0-9;]*31m[^\033]* 4/4", text) is not None) == coloured, text
            assert "10.77.0.2" in text
        finally:
            screen.close()
