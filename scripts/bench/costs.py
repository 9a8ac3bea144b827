# SPDX-License-Identifier: BSD-2-Clause
"""Measures what each stage of the gate takes, how many instructions the verifier follows, and what a lookup, `sluicectl watch` and a scrape cost."""
import contextlib, json, statistics, subprocess, tempfile, time

import peers
from cases import beds
from report import Table, number
from testbed import BUILD, SERVER, network, web

DATAPATH = BUILD / "tests" / "datapath"
FOES = "source-set foes { prefixes = {192.0.2.0/24} action = deny }\n"


def program(*argv):
    return json.loads(network.sh(*argv).stdout)


def stages(mode):
    """Returns two tables: nanoseconds by stage, and programs by size."""
    got = program(DATAPATH / "bench_stages", mode.repeat)
    of = {s["name"]: s["ns"] for s in got["stages"]}
    columns = [["ns", "ns", 0], ["more_ns", "more than the stage before", 0], ["mean_ns", "mean of single packets; ns is their median", 0]]
    out = Table("stages", "A packet that ends at this stage", columns)
    for s in got["stages"]:
        figures = {key: number(s[key]) for key in ("ns", "mean_ns") if key in s}
        if s["after"]:
            before = statistics.median(of[s["after"]])
            figures["more_ns"] = number([ns - before for ns in s["ns"]])
        out.row(s["name"], figures)
    sizes = Table("programs", "What the verifier follows (its limit is 1,000,000)", [["verified", "instructions verified", 0], ["instructions", "instructions", 0], ["bytes", "bytes of code", 0]])
    for p in got["programs"]:
        sizes.row(p["name"], {key: number([p[key]]) for key in ("verified", "instructions", "bytes")})
    return [out, sizes]


LOOKUP = [
    ["v4_ns", "IPv4 ns", 1], ["v4_lpm_ns", "LPM trie", 1], ["v6_ns", "IPv6 ns", 1], ["v6_lpm_ns", "LPM trie", 1],
    ["mb", "MB", 1], ["read_ms", "ms to read", 0], ["compile_ms", "compile", 0], ["copy_ms", "copy", 1], ["lpm_ms", "to fill the LPM trie", 0],
]  # fmt: skip


def lookups(mode):
    out = Table("lookups", "Address to class, random addresses: the gate's table and the kernel's LPM trie with the same data", LOOKUP)
    for line in network.sh(DATAPATH / "bench_lookup", *mode.sizes, 0).stdout.splitlines():
        got = json.loads(line)
        out.row(got.pop("name"), {key: number([value]) for key, value in got.items()})
    return [out]


def inserts(mode):
    out = Table("inserts", "A new key in a hash of the kernel; an admitted SYN of a new source makes one, a counter", [["ns", "ns", 0]])
    for line in network.sh(DATAPATH / "bench_insert").stdout.splitlines():
        got = json.loads(line)
        out.row(got["name"], {"ns": number(got["ns"])})
    return [out]


def hammer(bed, seconds):
    return json.loads(bed.run(DATAPATH / "hammer", bed.sluice.instance, "192.0.2.9", SERVER, 25, seconds).stdout)


def watched(bed, seconds):
    """Measures while somebody watches, and /metrics is asked for once."""
    argv = bed.net.enter(bed.net.server, [BUILD / "sluicectl", "-i", bed.sluice.instance, "watch"])
    with tempfile.TemporaryFile() as out:
        watch = subprocess.Popen(argv, stdout=out)
        try:
            time.sleep(0.3)
            before = network.processor_seconds(bed.sluice.daemon.pid) + network.processor_seconds(watch.pid)
            web.request(bed.net.server, 9798, "/metrics")
            got = hammer(bed, seconds)
            busy = network.processor_seconds(bed.sluice.daemon.pid) + network.processor_seconds(watch.pid) - before
            return got | {"busy": busy / got["seconds"] * 100, "mpps": got["packets"] / got["seconds"] / 1e6}
        finally:
            watch.terminate()
            watch.wait()


def watch(bed, mode):
    columns = [["ns", "ns", 0], ["ratio", "of unwatched", 2], ["mpps", "million refusals a second", 2], ["busy", "% of a processor for watch and sluiced", 2]]
    out = Table("watch", "A refused packet, and the same while `sluicectl watch` runs and /metrics is asked for", columns)
    off, on = [], []
    for _ in range(mode.rounds):
        off.append(hammer(bed, mode.watch)["ns"])
        on.append(watched(bed, mode.watch))
    out.row("unwatched", {"ns": number(off)})
    ratio = number([b["ns"] / a for a, b in zip(off, on)])
    out.row("watched", {"ns": number([b["ns"] for b in on]), "ratio": ratio, **{key: number([b[key] for b in on]) for key in ("mpps", "busy")}})
    return out


def scrape(bed, mode):
    """Measures a scrape with no source in the table, then with many: the daemon's processor time, and how long the scraper waits."""
    out = Table("scrape", "A scrape of /metrics", [["ms", "ms", 2], ["cpu_ms", "ms of the daemon's processor", 2], ["bytes", "bytes", 0]])
    for name, fill in (("no source", 0), (f"{mode.sizes[-1]:,} sources", mode.sizes[-1])):
        if fill:
            network.sh(DATAPATH / "fill", bed.sluice.instance, fill)
        took, before = [], network.processor_seconds(bed.sluice.daemon.pid)
        for _ in range(mode.scrapes):
            began = time.perf_counter()
            text = web.request(bed.net.server, 9798, "/metrics")[2]
            took.append((time.perf_counter() - began) * 1e3)
        busy = (network.processor_seconds(bed.sluice.daemon.pid) - before) / mode.scrapes * 1e3
        took.sort()
        took = took[: len(took) * 99 // 100 or 1]
        out.row(name, {"ms": number(took), "cpu_ms": number([busy]), "bytes": number([len(text)])})
    return out


def watching(mode):
    with contextlib.ExitStack() as stack:
        (bed,) = stack.enter_context(beds({"sluice": peers.sluice("log { refusals = none }\nservice smtp { ports = {25} }\n" + FOES)}, ()))
        return [watch(bed, mode), scrape(bed, mode)]
