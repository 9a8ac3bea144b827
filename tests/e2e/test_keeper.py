# SPDX-License-Identifier: BSD-2-Clause
"""What is still done when a client has gone, or when the keeper is dead or does not answer."""
import json, os, signal, socket, subprocess, time

import tools
from net import wait_for
from process import ask, keeper_of, socket_of, status_of

FIVE = "service smtp { ports = {25} max-connections-per-source = 5 }\n"


def asked_and_gone(path, verb, **args):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")


def test_a_request_whose_client_has_gone_is_not_carried_out(make):
    _, sluice = make(FIVE)
    sluice.daemon.send_signal(signal.SIGSTOP)  # as if it were busy, so that the client gives up first
    assert wait_for(lambda: status_of(sluice.daemon.pid)["State"].startswith("T"))
    asked_and_gone(socket_of(sluice), "ban", prefix="192.0.2.1")
    with socket.socket(socket.AF_UNIX) as s:  # sends no more, but still reads
        s.connect(socket_of(sluice))
        s.sendall(json.dumps({"verb": "ban", "args": {"prefix": "192.0.2.2"}}).encode() + b"\n")
        s.shutdown(socket.SHUT_WR)
        sluice.daemon.send_signal(signal.SIGCONT)
        assert json.loads(s.makefile().readline())["ok"]
    assert [b["source"] for b in sluice.json("bans")] == ["192.0.2.2"]


def test_a_keeper_that_does_not_answer_blocks_nobody_for_ever(make):
    _, sluice = make(FIVE)
    keeper = keeper_of(sluice.daemon.pid)
    os.kill(keeper, signal.SIGSTOP)
    sluice.file.write_text("interfaces = {s0, lo}\n" + FIVE)
    code, _, err = sluice.ctl("reload")
    assert code == 1 and "has not answered" in err and "restart sluiced" in err
    assert sluice.json("status")["generation"] == 1
    began = time.monotonic()
    assert sluice.ctl("reload")[0] == 1 and time.monotonic() - began < 10, "sluiced does not wait for it again"
    sluice.kill(signal.SIGTERM)
    assert not os.path.exists(f"/proc/{keeper}"), "the keeper ends with its daemon"
    sluice.start()
    assert {i["name"] for i in sluice.json("status")["interfaces"]} == {"s0", "lo"}


def test_an_unload_that_cannot_be_done_leaves_everything_as_it_was(make):
    _, sluice = make(FIVE)
    os.kill(keeper_of(sluice.daemon.pid), signal.SIGKILL)
    code, _, err = sluice.ctl("unload")
    assert code == 1 and "restart sluiced" in err
    assert sluice.json("status")["daemon"] == "running" and sluice.daemon.poll() is None
    sluice.do("set", "service", "smtp", "max-connections-per-source", "3")


def test_readers_who_watch_do_not_keep_root_from_watching(make):
    _, sluice = make(FIVE)
    path = socket_of(sluice)
    os.chmod(path, 0o666)  # as if the group let it in
    flood = ("import os,socket,sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); held=[]\n"
             "for i in range(20):\n s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'{\"verb\":\"watch\"}\\n'); s.makefile().readline(); held.append(s)\n"
             "print('ready', flush=True); sys.stdin.read()")
    reader = subprocess.Popen(["/usr/bin/python3", "-c", flood, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert reader.stdout.readline() == "ready\n"
        assert ask(path, b'{"verb":"watch"}\n')["ok"]
    finally:
        reader.communicate("")


def test_no_event_that_comes_after_an_unload_reaches_freed_memory(make):
    """The daemon reads the order, and in the same turn of its loop the request for cookies that a flood has made."""
    net, sluice = make("syn-flood { pressure-syn-rate = 1/1s calm-after = 60s }\n" + FIVE)
    net.serve("::", 25)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(socket_of(sluice))
        assert sluice.json("status"), "it is accepted"
        sluice.daemon.send_signal(signal.SIGSTOP)
        assert wait_for(lambda: status_of(sluice.daemon.pid)["State"].startswith("T"))
        s.sendall(b'{"verb":"unload"}\n')
        tools.forge(net, 25, "10.77.3.1", "syn", 100).finish()
        sluice.daemon.send_signal(signal.SIGCONT)
        assert json.loads(s.makefile().readline())["ok"]
    assert wait_for(lambda: sluice.daemon.poll() is not None)
    assert sluice.daemon.returncode == 0
