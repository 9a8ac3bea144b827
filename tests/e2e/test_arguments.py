# SPDX-License-Identifier: BSD-2-Clause
"""A command line means what it says, or is refused; output that could not be written is no success."""
import json, subprocess

import pytest

from net import BUILD
from process import ask, socket_of

FIVE = "service smtp { ports = {25, 26} max-connections-per-source = 5 }\n"


def test_no_argument_is_half_understood(make):
    _, sluice = make(FIVE)
    for words in (("explain", "192.0.2.1", "--service", "smtp", "--port", "25x"), ("explain", "192.0.2.1", "--service", "smtp", "--port", ""),
                  ("explain", "192.0.2.1", "--service", "smtp", "--port", "65561"), ("sources", "--top", "abc"), ("sources", "--top", "-1"), ("sources", "--top", "4294967297"),
                  ("geo", "update", "--for", "1h"), ("ban", "192.0.2.1", "--for", ""), ("apply", sluice.file, "--confirm", ""), ("geo", "status", "--force"),
                  ("geo", "status", "--dry-run")):
        code, out, err = sluice.ctl(*words)
        assert code == 2 and "--" in err, (words, code, out, err)
    for verb, args in (("explain", {"address": "192.0.2.1", "service": "smtp", "port": "25"}), ("sources", {"top": "3"}), ("sources", {"top": -1}), ("sources", {"service": 3}),
                       ("ban", {"prefix": "192.0.2.1", "for": 3600}), ("apply", {"path": str(sluice.file), "dry_run": "yes"}), ("ban", {"prefix": "192.0.2.1", "kill": 1})):
        answer = ask(socket_of(sluice), json.dumps({"verb": verb, "args": args}).encode() + b"\n")
        assert not answer["ok"] and answer["exit"] == 2, (verb, args, answer)
    assert sluice.json("bans") == [] and sluice.json("status")["generation"] == 1
    sluice.do("explain", "192.0.2.1", "--service", "smtp", "--port", "26")
    sluice.do("sources", "--top", "3")


def test_a_slip_of_the_fingers_is_answered_by_what_was_meant(make):
    _, sluice = make(FIVE + "source-set friends { prefixes = {192.0.2.0/24} action = allow }\n")
    for words, meant in ((("statsu",), "status"), (("help", "unbann"), "unban"), (("explain", "192.0.2.1", "--service", "smpt"), "smtp"), (("sources", "--service", "smt"), "smtp"),
                         (("refusals", "--service", "smtpp"), "smtp"), (("kill", "192.0.2.1", "--service", "smttp"), "smtp"),
                         (("set", "service", "smpt", "max-connections-per-source", "3"), "smtp"), (("set", "source-set", "freinds", "action", "deny"), "friends"),
                         (("limit", "192.0.2.1", "max-connections-per-source", "3", "--service", "smpt"), "smtp"),
                         (("limit", "192.0.2.1", "max-conections-per-source", "3"), "max-connections-per-source"), (("history", "--service", "smpt"), "smtp"),
                         (("refusals", "--reason", "source-conections"), "source-connections")):
        code, _, err = sluice.ctl(*words)
        assert code in (1, 2) and f"did you mean '{meant}'?" in err, (words, code, err)
    code, _, err = sluice.ctl("explain", "192.0.2.1", "--service", "webmail")
    assert code and "did you mean" not in err and "no service 'webmail'" in err
    for words in (("ban", "--help"), ("--help", "ban"), ("help", "ban"), ("ban", "--for", "1h", "-h")):
        code, out, _ = sluice.ctl(*words)
        assert code == 0 and out.startswith("usage: sluicectl ban ADDRESS"), words


def test_a_message_names_the_command_once_the_time_in_quotes_and_the_word_that_is_no_option(make):
    _, sluice = make(FIVE + "source-set friends { prefixes = {192.0.2.0/24} action = allow }\n")
    for words, said in ((("ban", "192.0.2.1", "--by", "x" * 300), "ban: by: this takes a text of at most 255 bytes"),
                        (("ban", "192.0.2.1", "--for", "x y z"), "ban: --for: 'x y z' is not a time up to 49710d: write 90, 90s, 5m, 2h, 1d or never"),
                        (("set", "service", "smtp", "max-connections", "5", "--for", "49711d"), "set: --for: '49711d' is not a time up to 49710d: write 90, 90s, 5m, 2h or 1d"),
                        (("set", "source-set", "friends", "priority", "-1"), "-1 is read as an option: put -- before it if it is a value"),
                        (("set", "source-set", "friends", "priority", "-12"), "-12 is read as an option: put -- before it if it is a value"),
                        (("set", "source-set", "friends", "priority", "--", "-1"), "set: priority: '-1' is not a whole number from 0 to 1000000: write one, as 100"),
                        (("status", "--jsn"), "unrecognized option '--jsn': did you mean 'json'?"), (("status", "-xy"), "unrecognized option '-xy': did you mean 'by'?")):
        code, out, err = sluice.ctl(*words)
        assert (code, out, err.strip()) == (2, "", f"sluicectl: {said}"), words
    sluice.do("ban", "192.0.2.1", "--for", "49710d")
    assert sluice.json("bans")[0]["expires_in"] > 49709 * 86400


def test_a_question_means_the_same_while_no_daemon_runs(make):
    net, sluice = make("sources { translated-prefixes = {64:ff9b::/96} }\n" + FIVE)
    sluice.do("ban", "192.0.2.4/30", "--for", "1h")
    good = (("bans", "192.0.2.4-192.0.2.7"), ("bans", "64:ff9b::192.0.2.5"), ("bans", "198.51.100.1"))
    bad = (("bans", "192.0.2"), ("bans", "192.0.2.1-192.0.2.9"), ("sources", "--service", "nope"))
    found = [[b["source"] for b in sluice.json(*words)] for words in good]
    assert found == [["192.0.2.4/30"], ["192.0.2.4/30"], []]
    told = [sluice.ctl(*words) for words in bad]
    assert all(code == 2 for code, _, _ in told), told
    sluice.kill()
    assert [[b["source"] for b in sluice.json(*words)] for words in good] == found
    assert [sluice.ctl(*words) for words in bad] == told
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BUILD / "sluicectl"]
    done = net.run(net.server, *nobody, "-i", "no-such-instance", "status", check=False)
    assert done.returncode == 3 and "nothing is loaded" not in done.stderr, done.stderr
    assert "whether anything is loaded for instance no-such-instance is not known" in done.stderr and "run this as root" in done.stderr


@pytest.mark.parametrize("words", (("sluiced", "-n", "-c"), ("sluiced", "-h"), ("sluiced", "-V"), ("sluicectl", "check"), ("sluicectl", "help"), ("sluicectl", "--version"),
                                   ("sluicectl", "completion")), ids=" ".join)
def test_output_that_could_not_be_written_is_no_success(tmp_path, words):
    policy = tmp_path / "p.conf"
    policy.write_text("interfaces = {lo}\n" + FIVE)
    argv = [BUILD / words[0], *words[1:]] + ([policy] if words[-1] in ("-c", "check") else [])
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(a) for a in argv], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert words[0] == "sluiced" or "the answer could not be written: No space left on device" in done.stderr, "an empty file is not the answer"
    assert subprocess.run([str(a) for a in argv], stdout=subprocess.DEVNULL).returncode == 0
