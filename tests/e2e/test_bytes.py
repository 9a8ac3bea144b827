# SPDX-License-Identifier: BSD-2-Clause
"""Names and reasons may have any bytes: they make no answer fail, no name is cut, and nothing in them controls root's terminal."""
import json, os, subprocess

from net import BUILD
from process import ask, socket_of

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
CONTROL = [chr(c) for c in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, 0x202E)]


def ctl(sluice, *words):
    argv = ["nsenter", f"--net=/run/netns/{sluice.net.server}", BUILD / "sluicectl", "-i", sluice.instance, *words]
    done = subprocess.run([os.fsencode(a) for a in argv], capture_output=True)
    return done.returncode, done.stdout, done.stderr


def harmless(text):
    return not set(text) & set(CONTROL)


def test_a_reason_of_any_bytes_loses_no_ban_and_reaches_no_terminal(make):
    _, sluice = make(FIVE)
    for i, reason in enumerate(("x\ny\x1b[2J\x9b31m\u202e", "ü" * 40, "x" + "ü" * 40, "\u20ac" * 30)):
        answer = ask(socket_of(sluice), json.dumps({"verb": "ban", "args": {"prefix": f"192.0.2.{i}", "reason": reason}}).encode() + b"\n")
        assert answer["ok"] and ("the rest is cut" in answer["warning"]) == (len(reason.encode()) > 63), answer
    bans = sluice.json("bans")
    assert [b["source"] for b in bans] == [f"192.0.2.{i}" for i in range(4)]
    assert all(harmless(b["reason"]) and "\ufffd" not in b["reason"] and "?" not in b["reason"] for b in bans), "a reason is cut only between two characters"
    assert bans[1]["reason"] == "ü" * 31 and bans[2]["reason"] == "x" + "ü" * 31
    for i in range(4):
        assert sluice.json("export", f"192.0.2.{i}")["ban"]["reason"] == bans[i]["reason"]
        assert sluice.json("explain", f"192.0.2.{i}", "--service", "smtp")["rule"].endswith(bans[i]["reason"])
    for verb in ("bans", "status"):
        code, out, err = ctl(sluice, verb)
        assert code == 0 and harmless(out.decode().replace("\n", ""))
    sluice.kill()
    assert all(harmless(line) for line in (sluice.state / f"{sluice.instance}.state").read_text().split("\n"))
    assert len(json.loads(sluice.ctl("--json", "bans")[1])) == 4, "without the daemon none is lost either"


def test_requests_in_bytes_that_are_no_text_are_refused_and_never_taken_for_others(make, tmp_path):
    _, sluice = make(FIVE)
    other = os.path.join(os.fsencode(tmp_path), b"caf\xe9.conf")
    with open(other, "w") as f:
        f.write("interfaces = {s0}\nservice imap { ports = {143} }\n")
    for words in (("diff", other), ("apply", other), ("ban", "192.0.2.1", "--reason", b"\xff"), ("ban", b"\xff"), ("set", "service", "smtp", b"max\xff", "1"),
                  ("sources", "--service", b"\xff"), ("explain", b"\xff", "--service", "smtp"), ("lookup", b"192.0.2.1\xff")):
        code, out, err = ctl(sluice, *words)
        assert code == 2 and b"UTF-8" in err and harmless(err.decode("utf-8").replace("\n", "")), (words, err)
    assert sluice.json("bans") == [] and sluice.json("status")["generation"] == 1
    assert ctl(sluice, "check", other)[0] == 0, "sluicectl itself reads this file, so it may have any name"


def test_every_verb_answers_although_the_policys_name_is_no_text(make, tmp_path):
    _, sluice = make(FIVE)
    odd = os.path.join(os.fsencode(tmp_path), b"ca\x1bf\xe9")
    os.mkdir(odd)
    with open(os.path.join(odd, b"list"), "w") as f:
        f.write("192.0.2.7\n")
    with open(os.path.join(odd, b"p.conf"), "wb") as f:
        f.write(b"interfaces = {s0}\nservice smtp { ports = {25} }\nsource-set s { file = list reading = strict action = deny }\n")
    sluice.kill()
    sluice.file.unlink()
    os.symlink(os.path.join(odd, b"p.conf"), sluice.file)
    sluice.start()
    for words in (("status",), ("dump",), ("diff",), ("explain", "192.0.2.7", "--service", "smtp"), ("export", "192.0.2.7"), ("lookup", "192.0.2.7")):
        code, out, err = ctl(sluice, *words)
        assert code == 0 and harmless(out.decode("utf-8").replace("\n", "")), (words, err)
    assert sluice.json("explain", "192.0.2.7", "--service", "smtp")["reason"] == "denied"
    os.unlink(os.path.join(odd, b"list"))
    code, _, err = ctl(sluice, "diff")
    assert code == 2 and b"cannot read" in err and harmless(err.decode("utf-8").replace("\n", ""))


def test_a_name_that_is_too_long_is_refused_wherever_it_comes_in(make):
    longest = "s" * 31
    _, sluice = make(FIVE + f"service {longest} {{ ports = {{143}} }}\n")
    for verb, args in (("set", {"service": longest + "yyyy", "key": "max-connections", "value": "7"}), ("explain", {"service": longest + "y", "address": "192.0.2.1"}),
                       ("sources", {"service": longest + "y"})):
        answer = ask(socket_of(sluice), json.dumps({"verb": verb, "args": args}).encode() + b"\n")
        assert not answer["ok"] and "no service" in answer["error"], (verb, answer)
    assert sluice.service(longest)["max_connections"] == 0
