# SPDX-License-Identifier: BSD-2-Clause
"""What sluiced may still do once it runs, and how it bears garbage, stalls, floods and too many readers on the control socket."""
import contextlib, json, os, pathlib, random, re, signal, socket, subprocess

from net import ROOT, SANITIZED, sh, wait_for
from process import ask, keeper_of, socket_of, status_of

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"
KILL, SETGID, SETUID, NET_ADMIN, SYS_ADMIN, PERFMON, BPF = (1 << n for n in (5, 6, 7, 12, 21, 38, 39))
NOBODY = 65534


def rights_of(pid):
    s = status_of(pid)
    return {name: int(s[f"Cap{name}"], 16) for name in ("Prm", "Eff", "Bnd", "Inh", "Amb")} | {n: int(s[n]) for n in ("NoNewPrivs", "Seccomp")}


def test_the_daemon_keeps_three_capabilities_and_its_keeper_what_it_needs_to_enter_and_to_start(make):
    _, sluice = make(FIVE)
    ours = BPF | NET_ADMIN | PERFMON
    for pid, left in ((sluice.daemon.pid, ours), (keeper_of(sluice.daemon.pid), ours | SYS_ADMIN | SETUID | SETGID | KILL)):
        assert rights_of(pid) == {"Prm": left, "Eff": left, "Bnd": 0, "Inh": 0, "Amb": 0, "NoNewPrivs": 1, "Seccomp": 0 if SANITIZED else 2}  # no filter, since LeakSanitizer traces


def test_the_keeper_ends_with_its_daemon_however_that_ends(make):
    _, sluice = make(FIVE)
    for number in (signal.SIGKILL, signal.SIGTERM):
        keeper = keeper_of(sluice.daemon.pid)
        sluice.kill(number)
        assert wait_for(lambda: not os.path.exists(f"/proc/{keeper}"))
        sluice.start()


def test_without_its_keeper_the_daemon_goes_on_and_says_what_it_cannot_do(make):
    _, sluice = make(FIVE)
    os.kill(keeper_of(sluice.daemon.pid), signal.SIGKILL)
    assert [(i["name"], i["xdp_mode"]) for i in sluice.json("status")["interfaces"]] == [("s0", "native")]
    sluice.file.write_text("interfaces = {s0, lo}\n" + FIVE)
    code, _, err = sluice.ctl("reload")
    assert code == 1 and "restart sluiced" in err
    assert sluice.json("status")["generation"] == 1, "the old policy stays in force"
    sluice.do("set", "service", "smtp", "max-connections-per-source", "3")
    sluice.kill(signal.SIGTERM)
    sluice.start()
    assert {i["name"] for i in sluice.json("status")["interfaces"]} == {"s0", "lo"}


def writing_verbs():
    table = (ROOT / "userspace/api/verbs.def").read_text()
    verbs = re.findall(r'^VERB\(\w+, "([a-z-]+)", (READ|WRITE), ', table, re.M)
    assert len(verbs) > 20
    return [name for name, right in verbs if right == "WRITE"]


AS_NOBODY = """
import json, os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(65534)
for line in sys.stdin:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[2])
        s.sendall(line.encode())
        print(s.makefile().readline(), end="", flush=True)
try:
    os.kill(int(sys.argv[3]), 9)
except PermissionError:
    print("not allowed to kill", flush=True)
"""


def test_a_reader_of_the_group_can_change_nothing_by_any_verb(make):
    _, sluice = make(FIVE)
    group = os.stat(socket_of(sluice)).st_gid
    if not group:  # there was no group sluice when it started, so the socket is opened for this reader alone
        group = NOBODY
        os.chown(socket_of(sluice), 0, group)
        os.chmod(socket_of(sluice), 0o660)
    before = [sluice.do(word) for word in ("dump", "bans", "allows")]
    args = {"prefix": "192.0.2.1", "address": "192.0.2.1", "service": "smtp", "key": "max-connections", "value": "1", "mode": "observe",
            "path": str(sluice.file), "dry_run": True, "for": "1h"}
    verbs = writing_verbs()
    asked = "".join(json.dumps({"verb": v, "args": args}) + "\n" for v in verbs + ["diff", "dump"])
    done = sh("/usr/bin/python3", "-c", AS_NOBODY, group, socket_of(sluice), sluice.daemon.pid, input=asked)
    *answers, dumped, killed = done.stdout.splitlines()
    for verb, answer in zip(verbs + ["diff"], map(json.loads, answers), strict=True):
        assert not answer["ok"] and f"'{verb}' needs root" in answer["error"], (verb, answer)
    assert killed == "not allowed to kill"
    assert [sluice.do(word) for word in ("dump", "bans", "allows")] == before
    assert sluice.json("status")["generation"] == 1


def test_the_control_socket_survives_a_thousand_mutated_requests(make):
    _, sluice = make(FIVE)
    seeds = [json.dumps({"verb": v, "args": {"prefix": "192.0.2.1", "for": "1h", "service": "smtp", "key": "max-rate", "value": "6/1m",
                                             "address": "::1", "top": 3, "path": "/etc", "port": 25}}).encode() for v in
             ("status", "sources", "ban", "unban", "allow", "set", "mode", "apply", "diff", "lookup", "explain", "export", "erase", "nothing")]
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    for i in range(1000):
        said = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(said))
            what = rng.randrange(4)
            if what == 0:
                said[at] = rng.randrange(256)
            elif what == 1:
                del said[at : at + rng.randrange(1, 9)]
                said = said or bytearray(b" ")
            elif what == 2:
                said[at:at] = bytes(rng.choice((b'"', b"{", b"[", b"]", b"-1", b"1e999", b"\0", b"\\u0000", b"99999999999999999999")))
            else:
                said[at:at] = rng.randbytes(rng.randrange(1, 40))
        answer = ask(socket_of(sluice), bytes(said).replace(b"\n", b" ") + b"\n")
        assert isinstance(answer["ok"], bool), (seed, said)
        assert answer["ok"] or answer["error"], (seed, said)
    assert sluice.daemon.poll() is None
    assert sluice.json("status")["drift"] == 0


def test_clients_that_stall_or_vanish_are_let_go_and_others_are_served(make):
    _, sluice = make(FIVE)
    path, fds = socket_of(sluice), pathlib.Path(f"/proc/{sluice.daemon.pid}/fd")
    before, stalled = len(os.listdir(fds)), []
    for said in (b"", b'{"verb":"sta', b'{"verb":"dump"}\n' * 2, b'{"verb":"privacy"}\n'):
        for _ in range(10):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.sendall(said)
            stalled.append(s)
    assert ask(path, b'{"verb":"status"}\n')["ok"], "others are served while these stall"
    for i in range(500):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            with contextlib.suppress(BrokenPipeError):  # sluiced refuses some, since there are too many at once
                s.send(b'{"verb":"dump"}\n'[: i % 17])
    assert wait_for(lambda: ask(path, b'{"verb":"status"}\n')["ok"]), "others are served after 500 have vanished"
    for s in stalled:
        s.close()
    assert wait_for(lambda: len(os.listdir(fds)) <= before), "sluiced closes their descriptors"


def test_the_number_of_clients_is_bounded_and_readers_cannot_keep_root_out(make):
    _, sluice = make(FIVE)
    path = socket_of(sluice)
    os.chmod(path, 0o666)  # as if the group let it in
    flood = ("import os,socket,sys,time; os.setgroups([]); os.setgid(65534); os.setuid(65534); held=[]\n"
             "for i in range(200):\n s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)\n"
             "s.settimeout(20); print(s.makefile().readline().strip(), flush=True); sys.stdin.read()")
    reader = subprocess.Popen(["/usr/bin/python3", "-c", flood, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert "too many" in json.loads(reader.stdout.readline())["error"]
        assert sluice.json("status")["daemon"] == "running", "root is served"
        root = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for s in root:
            s.connect(path)
        assert "too many" in ask(path, b"")["error"]
        assert len(os.listdir(f"/proc/{sluice.daemon.pid}/fd")) < 200
        for s in root:
            s.close()
    finally:
        reader.communicate("")
    assert wait_for(lambda: sluice.ctl("status")[0] == 0)
    assert sluice.daemon.poll() is None
