# SPDX-License-Identifier: BSD-2-Clause
"""What people read fits the terminal that they have, cut words have a mark, and a pipe gets everything."""
import contextlib, datetime, re

import pytest

from net import BUILD, Net, Sluice
from terminal import on_terminal

LONG = "a-service-with-the-longest-name"  # 31 letters
POLICY = f"""service {LONG} {{ ports = {{25, 587, 465, 2525, 10025, 20025}} max-connections = 4000000 max-connections-per-source = 400 }}
service imap {{ ports = {{143}} }}
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    with contextlib.closing(Net()) as net, contextlib.closing(Sluice(net, tmp_path_factory.mktemp("screens"), POLICY)) as sluice:
        fill(net, sluice)
        yield net, sluice


def fill(net, sluice):
    net.serve("::", 25)
    h = net.hold("fd77:0:1::2", "fd77::1")
    h("open", 2)
    assert h.greeted(2)
    h("open", 500)
    sluice.do("ban", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "--for", "90000s", "--by", "the-owner-with-the-longest-name", "--reason", "r" * 60)
    sluice.do("ban", "192.0.2.7", "--observe", "--reason", "short")
    sluice.do("allow", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0", "--for", "90000s")


@pytest.mark.parametrize("words", [["status"], ["sources"], ["counters"], ["bans"], ["allows"], ["lookup", "192.0.2.1"], ["refusals"],
                                   ["set", "service", LONG, "max-connections-per-source", "1", "--dry-run"], ["kill", "fd77:0:1::2", "--dry-run"]], ids=lambda w: w[0])
def test_80_columns_hold_the_longest_names_and_a_pipe_gets_them_whole(busy, words):
    net, sluice = busy
    narrow, wide, piped = (on_terminal(net, sluice, 80, *words), on_terminal(net, sluice, 200, *words), sluice.do(*words).splitlines())
    print("\n".join(narrow))
    table = [line for line in narrow if not line.startswith(("policy", "interface", " "))]
    assert max(map(len, table)) <= 80, max(table, key=len)
    if words[0] in ("status", "sources", "counters", "lookup", "refusals", "set", "kill"):
        assert any(LONG in line for line in wide) and any(LONG in line for line in piped)
        assert any("~" in line and line.lstrip().startswith(("a-service", "fd77")) for line in narrow) or any(LONG in line for line in narrow)
    if words[0] == "status":
        assert any("25,587,465,~" in line for line in narrow) and any("25,587,465,2525,10025,20025" in line for line in piped)
    if words[0] in ("bans", "allows"):
        whole = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff"
        assert any(line.startswith(whole) for line in narrow), "a ban that is to be taken back must be shown whole"
    if words[0] == "bans":
        assert any(line == "    " + "r" * 60 for line in narrow) and any(line == "    (only counted) short" for line in narrow)
        assert any("0  " + "r" * 60 in line for line in piped) and any("the-owner-w~" in line for line in narrow)
    if words[0] == "allows":
        assert any("1d 0h" in line for line in narrow) or any("1d 1h" in line for line in narrow), "durations are written as people say them"


def test_80_columns_hold_what_observe_mode_says(busy):
    net, sluice = busy
    sluice.do("mode", "observe")
    try:
        narrow = on_terminal(net, sluice, 80, "status")
        table = [line for line in narrow if not line.startswith(("policy", "interface", " "))]
        assert any("WOULD REFUSE" in line for line in table) and max(map(len, table)) <= 80, max(table, key=len)
    finally:
        sluice.do("mode", "enforce")


INDIA = "TZ=IND-5:30"


def test_people_read_times_of_their_zone_with_its_name_and_programs_utc(busy):
    """Times are those of the mail log next to it: a ban that ends at 12:00 UTC ends at 17:30 there, and each table names its zone."""
    net, sluice = busy
    ends = datetime.datetime.strptime(next(b["ends"] for b in sluice.json("bans") if b["ends"]), "%Y-%m-%dT%H:%M:%SZ") + datetime.timedelta(hours=5, minutes=30)
    there = lambda *words: net.run(net.server, "env", INDIA, BUILD / "sluicectl", "-i", sluice.instance, *words).stdout
    bans = there("bans")
    assert "ENDS (IND)" in bans and f"{ends:%Y-%m-%d %H:%M:%S}" in bans
    assert "FIRST (IND)" in there("refusals") and "HOUR (IND)" in there("history") and "BUILT (IND)" in there("geo", "status")
    sluice.do("set", "service", "imap", "max-connections", "9", "--for", "1h")
    live = sluice.json("status")["live"][0]["until"]
    until = datetime.datetime.strptime(live, "%Y-%m-%dT%H:%M:%SZ") + datetime.timedelta(hours=5, minutes=30)
    assert "times are IND" in there("status") and f"{until:%Y-%m-%d %H:%M:%S}" in there("status")
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z+-]", sluice.do("set", "service", "imap", "max-connections", "9", "--for", "1h")), "answers use the host's zone"
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    for words in (("ban", "192.0.2.9"), ("allow", "192.0.2.8"), ("limit", "192.0.2.7", "max-connections-per-source", "9"), ("set", "service", "imap", "max-connections", "9")):
        assert re.search(r"until \S+ \S+ IND", there(*words, "--for", "1h")), "or that of the terminal"
        assert re.search(f"until {stamp}", sluice.json(*words, "--for", "1h")["text"]), "also within a text, programs read UTC"
    asked = ("explain", "192.0.2.9", "--service", "imap")
    assert re.search(r"written +live, by uid 0 at \S+ \S+ IND\n", there(*asked)) and re.search(f"at {stamp}$", sluice.json(*asked)["written"])
    sluice.do("ban", "192.0.2.9", "--by", "jail", "--for", "1h")
    told = net.run(net.server, "env", INDIA, BUILD / "sluicectl", "-i", sluice.instance, "unban", "192.0.2.9").stderr
    assert re.search(r"still banned by jail until \S+ \S+ IND:", told), told
    assert re.search(r"seen since \S+ \S+ IND,", there("suggest"))
    assert re.search(r"order: ban .* done: banned until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z+-]", sluice.logged()), "the log has the host's zone"
