# SPDX-License-Identifier: BSD-2-Clause
"""Runs the C programs of tests/lib on a network: many connections, every way to end one, forged segments, the kernel's own count."""
import contextlib
import json
import os
import pathlib
import select
import subprocess
import time

from net import BUILD, PACE, ROOT, SERVER, sh, wait_for

LIB = BUILD / "tests" / "lib"


def built(revision, there):
    """Builds another revision from this repository's own history. Returns its directory, or None if the history does not have it."""
    if sh("git", "-C", ROOT, "cat-file", "-e", f"{revision}^{{commit}}", check=False).returncode:
        return None
    sh("sh", "-c", f"git -C {ROOT} archive {revision} | tar x -C {there}")
    made = sh("make", "-C", there, check=False, env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "DEBUG")})
    assert made.returncode == 0, made.stderr[-2000:]
    return pathlib.Path(there) / "build"


def source(i=0):
    """Returns the i-th of the 32,512 IPv4 sources that any_source() adds. Consecutive ones differ by 1."""
    return f"10.77.{128 + (i + 1) // 256}.{(i + 1) % 256}"


def source6(i=0, host=1):
    """Returns an IPv6 address of any_source(), in a /64 of its own. The same i with another host is the same source to sluice."""
    return f"fd78:0:0:{i + 1:x}::{host:x}"


def any_source(net):
    """Makes the client answer for source() and source6() without an address for each."""
    for words in ("route replace local 10.77.128.0/17 dev lo table main", "-6 route replace local fd78::/48 dev lo table main"):
        net.run(net.client, "ip", *words.split())
    for words in ("route replace 10.77.128.0/17 via 10.77.0.2", "-6 route replace fd78::/48 via fd77:0:1::2"):
        net.run(net.server, "ip", *words.split())
    for key in ("ipv4/ip_nonlocal_bind=1", "ipv6/ip_nonlocal_bind=1", "ipv4/ip_local_port_range=1024 65000"):
        name, value = key.split("=")
        net.run(net.client, "sh", "-c", f"echo {value} > /proc/sys/net/{name}")


class Tool:
    """A program of tests/lib that answers in JSON lines. Every wait has an end."""

    def __init__(self, net, ns, name, *args):
        self.process = net.popen(ns, LIB / name, *args, text=False)
        self.name, self.rest = name, b""

    def json(self, timeout=30.0):
        end = time.monotonic() + timeout * PACE
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"{self.name}: no answer in {timeout * PACE} s"
            got = os.read(self.process.stdout.fileno(), 65536)
            assert got, f"{self.name}: ended instead of answering"
            self.rest += got
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ask(self, text, timeout=30.0):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self.json(timeout)

    def finish(self, timeout=30.0):
        """Closes its input, and waits. Returns the last thing that it says, if any."""
        out, _ = self.process.communicate(timeout=timeout * PACE)
        lines = (self.rest + out).decode().splitlines()
        return json.loads(lines[-1]) if lines else None


def serve(net, port, *options):
    """Runs tests/lib/serve.c on [::], for both families. Returns the process, which takes SIGUSR1 and SIGUSR2."""
    return net.ready(net.popen(net.server, LIB / "serve", *options, port))


def hold(net, to, port, count, sources, processes=2, wait_ms=1500 * PACE):
    """Opens `count` connections at once. Returns the tool, and its first report: ask("close N" | "open N" | "count" | "wait MS")."""
    tool = Tool(net, net.client, "hold", "-n", count, "-p", processes, "-t", wait_ms, "-s", sources, to, port)
    return tool, tool.json(30 + wait_ms / 1000)


def peak(net, port, *options):
    """Samples the server's kernel until finish(), which returns {"max", "last", "samples", "max_source"}."""
    tool = Tool(net, net.server, "peak", *options, port)
    tool.ask("now")
    return tool


def mix(net, to, port, sessions, sources, *options):
    """Runs sessions with serve() that end in every way. Returns the running tool: finish(timeout) gives the figures."""
    return Tool(net, net.client, "mix", "-n", sessions, "-s", sources, *options, to, port)


def server_mac(net):
    return json.loads(net.run(net.server, "ip", "-j", "link", "show", "s0").stdout)[0]["address"]


def flood(net, port, *options, to=SERVER):
    """Runs tests/lib/flood.c, a flood at full speed. Returns the tool: ask("start"), ask("count"), ask("stop")."""
    tool = Tool(net, net.client, "flood", "-i", "c0", "-m", server_mac(net), *options, to, port)
    assert tool.process.stdout.readline() == b"ready\n"
    return tool


def forge(net, port, sources, kind="mix", count=1000, *options, to=SERVER):
    """Sends forged segments of `kind` (syn, fin, rst, rstack, ack, mix). Returns the running tool."""
    args = ["-i", "c0", "-m", server_mac(net), "-s", sources, "-f", kind, "-n", count, *options, to, port]
    return Tool(net, net.client, "forge", *args)


@contextlib.contextmanager
def memory_disk(directory, size="16m"):
    """Mounts a file system of that size at the directory. A write there waits for no disk."""
    directory.mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory)
    try:
        yield
    finally:
        sh("umount", "-l", directory)


@contextlib.contextmanager
def full_disk(directory):
    """Mounts a file system without any room at the directory. Yields the file that fills it; there is room once that is unlinked."""
    with memory_disk(directory, "64k"):
        filler = directory / "filler"
        filler.write_bytes(b"x" * 65536)
        yield filler


@contextlib.contextmanager
def tampered(pid, calls, inject, log="/dev/null"):
    """Attaches strace to the process: it does to these system calls what `inject` says (strace(1)), and writes them to `log`."""
    strace = subprocess.Popen(["strace", "-qq", "-p", str(pid), "-o", str(log), "-e", f"trace={calls}", "-e", f"inject={calls}:{inject}"],
                              stderr=subprocess.DEVNULL)
    try:
        assert wait_for(lambda: f"TracerPid:\t{strace.pid}\n" in pathlib.Path(f"/proc/{pid}/status").read_text(), 10, 0.005)
        yield
    finally:
        strace.terminate()
        strace.wait()
