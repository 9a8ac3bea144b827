#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The whole IPv4 country table before packets from everywhere: sluice, an nftables interval map with the same data, and programs that
only drop or pass, in one run. Every packet is refused for its country. As root, after `make tests`. SECONDS (5) is how long each
figure is measured, ROUNDS (3) how often, in turn. Prints medians; writes build/bench-lists.json."""
import json, os, pathlib, resource, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import tools
from net import BUILD, SERVER, Net, Sluice

SECONDS, ROUNDS = float(os.environ.get("SECONDS", 5)), int(os.environ.get("ROUNDS", 3))
TABLE = "/usr/share/tor/geoip"
POLICY = "service smtp { ports = {25} allow-countries = {AQ} }\n"  # nobody floods from Antarctica


def ruleset():
    """The same: address -> country, and all but one country dropped, as early as nftables can."""
    numbers, elements = {}, []
    for line in open(TABLE, encoding="utf-8"):
        first, _, rest = line.strip().partition(",")
        last, _, country = rest.partition(",")
        if not first.isdigit() or country == "??":
            continue
        number = numbers.setdefault(country, len(numbers) + 1)
        dotted = lambda n: ".".join(str(int(n) >> shift & 255) for shift in (24, 16, 8, 0))
        elements.append(f"{dotted(first)}-{dotted(last)} : {number}")
    return f"""
table netdev bench {{
	map countries {{ type ipv4_addr : mark; flags interval; elements = {{ {", ".join(elements)} }} }}
	chain in {{
		type filter hook ingress device "s0" priority 0;
		tcp dport 25 meta mark set ip saddr map @countries
		tcp dport 25 meta mark != {numbers["AQ"]} drop
	}}
}}
"""


def bpftool(*words):
    return json.loads(subprocess.run(["bpftool", "-j", "map", *map(str, words)], capture_output=True, text=True, check=True).stdout)


def prepare(net, what, where):
    """The defence; what is to be closed, its load time in s and its memory in MB."""
    began = time.monotonic()
    if what == "sluice":
        sluice = Sluice(net, where, POLICY)
        took = time.monotonic() - began
        tries = bpftool("dump", "pinned", f"/sys/fs/bpf/sluice/{sluice.instance}/tries")
        return sluice, took, sum(bpftool("show", "id", int.from_bytes(bytes(int(b, 16) for b in slot["value"]), "little"))["bytes_memlock"] for slot in tries) / 1e6
    if what == "nftables":
        net.run(net.server, "ip", "link", "set", "s0", "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
        began = time.monotonic()
        net.run(net.server, "/usr/sbin/nft", "-f", "-", input=ruleset())
        took = time.monotonic() - began
        return None, took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "obj", BUILD / f"tests/lib/{what}.bpf.o", "sec", "xdp")
    return None, time.monotonic() - began, 0


def measure(what):
    net, defence = Net(), None
    try:
        with tempfile.TemporaryDirectory() as where:
            defence, took, megabytes = prepare(net, what, where)
            flood = tools.flood(net, 25, "-a", "-c", 0)
            flood.ask("start")
            time.sleep(0.5)
            first = flood.ask("count")
            time.sleep(SECONDS)
            last = flood.ask("count")
            flood.ask("stop")
            if defence:
                assert defence.reason("country") > 0.9 * last["sent"] * SECONDS / (SECONDS + 1), "refused for their country"
                defence.close()
            return {"packets_per_s": (last["sent"] - first["sent"]) / (last["seconds"] - first["seconds"]), "load_s": took, "mb": megabytes}
    finally:
        net.close()


if len(os.sched_getaffinity(0)) > 1:
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})  # the flood has the first processor to itself
names = sys.argv[1:] or ("drop", "sluice", "nftables", "pass")
rows = {name: [] for name in names}
for _ in range(ROUNDS):
    for name in names:
        rows[name].append(measure(name))
median = {name: {key: statistics.median(r[key] for r in of) for key in of[0]} for name, of in rows.items()}
base = median.get("drop", median[names[0]])["packets_per_s"]
print(f"{'':10} {'packets/s':>10} {'of drop':>8} {'load s':>7} {'MB':>6}")
for name, m in median.items():
    print(f"{name:10} {m['packets_per_s']:10.0f} {m['packets_per_s'] / base:8.2f} {m['load_s']:7.2f} {m['mb']:6.0f}")
(BUILD / "bench-lists.json").write_text(json.dumps({"median": median, "all": rows}, indent=2) + "\n")
