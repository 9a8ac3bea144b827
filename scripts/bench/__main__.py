# SPDX-License-Identifier: BSD-2-Clause
"""
python3 scripts/bench [-o FILE] [TABLE...]: measures sluice side by side with what a user would pick instead, in one run. It needs root, and the
build that `make bench` makes. It makes all tables, or those named. BENCH=quick (90 s) or tiny (seconds, for the test of FILE's shape) replaces
full. BEFORE=REVISION (of git) also measures the build of that revision in each flood.
"""
import argparse, dataclasses, datetime, json, os, pathlib, signal, sys, time

sys.dont_write_bytecode = True

import cases, costs, growth, lane, pauses, report, testbed, traffic  # noqa: E402


@dataclasses.dataclass
class Mode:
    rounds: int = 5
    growth_rounds: int = 3
    seconds: float = 0.3  # of a flood's turn
    client: float = 2
    megabytes: int = 400  # of a turn of iperf3
    sessions: int = 3000
    held: int = 65_536
    warm_rate: float = 2
    lists: tuple = (100_000, 1_000_000)
    sizes: tuple = (1_000, 10_000, 100_000, 1_000_000)
    lane: tuple = (1_000, 65_536, 1_000_000)
    services: tuple = (1, 8, 64)
    scrapes: int = 200
    repeat: int = 500_000
    left_out: tuple = ()  # tables that are made only if they are named
    watch: float = 2  # seconds of a turn that somebody watches


QUICK_WITHOUT = ("limit", "port", "address", "growth-services", "growth-processors", "lane", "lookups", "watch", "pauses")
MODES = {
    "full": Mode(),
    "quick": Mode(3, 2, 0.1, 0.5, 200, 1000, 16_384, 1, (100_000,), (1_000, 100_000), (1_000, 65_536), (1, 64), 50, 100_000, QUICK_WITHOUT),
    "tiny": Mode(1, 1, 0.02, 0.1, 10, 50, 256, 0.1, (1_000,), (1_000, 2_000), (1_000, 2_000), (1, 2), 3, 1_000, watch=0.1),
}


def producers(mode):
    """{name of the (first) table: the function that makes the tables}, in the order of the output."""
    flood = lambda case: lambda: [report.flood_table(case, cases.measure(case, mode))]
    made = {case.name: flood(case) for case in cases.cases(mode)}
    made["established"] = lambda: [traffic.table(mode)]
    made.update({name: lambda make=make: [make(mode)] for name, make in growth.TABLES.items()})
    made.update({"stages": lambda: costs.stages(mode), "inserts": lambda: costs.inserts(mode), "lookups": lambda: costs.lookups(mode), "watch": lambda: costs.watching(mode)})
    made["lane"] = lambda: [lane.table(mode)]
    made["pauses"] = lambda: [pauses.table(mode)]
    return made


PER = {"processor": "of the processors that send and receive", "wall": "on the wall"}


def heading(command, per, m):
    return "  \n".join(
        (
            f"{datetime.date.today()}, `{command}`, commit {m['commit']}.",
            f"{m['processors']} x {m['cpu']} ({m['virtual']}), {', '.join(map(str, m['mhz']))} MHz, {m['memory_gb']} GB; Linux {m['kernel']}; governor: {m['governor']}; clock: {m['clock']}; JIT: {m['jit']}.",
            f"Generator and receiver share a processor; a second is one {PER[per]}. Medians ± half the spread; ratios are taken round by round.\n",
        )
    )


def closing(document, left_out):
    said = [f"Took {document['seconds']:.0f} s."]
    if left_out:
        said.append(f"Left out by BENCH={document['mode']}: {', '.join(left_out)}.")
    return "  \n".join(said + [f"Odd: {sentence}." for sentence in document["odd"]])


def run(name, mode, wanted):
    """Measures, prints each table when it is made, and returns the document."""
    began, watch, tables = time.monotonic(), testbed.Watch(), {}
    made, machine = producers(mode), testbed.machine()
    left_out = [t for t in mode.left_out if not wanted]
    before = f"BEFORE={os.environ['BEFORE']} " if os.environ.get("BEFORE") else ""
    command = before + ("" if name == "full" else f"BENCH={name} ") + "make bench" + (f' TABLES="{" ".join(wanted)}"' if wanted else "")
    per = "wall" if testbed.IRQ_TIME else "processor"
    print(heading(command, per, machine))
    for table in wanted or [t for t in made if t not in left_out]:
        watch.glance()
        print(f"bench: {time.monotonic() - began:4.0f} s: {table}", file=sys.stderr, flush=True)
        for t in made[table]():
            tables[t.name] = t
            print(t.markdown(), flush=True)
    watch.glance()
    document = {
        "schema": 1,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": command,
        "mode": name,
        "seconds": round(time.monotonic() - began, 1),
        "per": per,
        "machine": machine,
        "odd": watch.odd(),
        "tables": [t.document() for t in tables.values()],
        "aims": report.aims(tables),
    }
    report.validate(document)
    print(report.summary(tables))
    if document["aims"]:
        print(report.aims_markdown(document["aims"]))
    print(closing(document, left_out))
    return document


def main():
    name = os.environ.get("BENCH") or "full"
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.strip())
    parser.add_argument("-o", metavar="FILE", default=testbed.BUILD / "bench.json", help="default: build/bench.json")
    parser.add_argument("tables", nargs="*", metavar="TABLE")
    ask = parser.parse_args()
    if name not in MODES:
        parser.error(f"BENCH={name}: must be one of {', '.join(MODES)}")
    unknown = set(ask.tables) - set(producers(MODES[name]))
    if unknown:
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(producers(MODES[name]))}")
    if os.geteuid():
        parser.error("needs root: it makes network namespaces and loads programs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was made is removed
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    testbed.prepare()
    document = run(name, MODES[name], ask.tables)
    pathlib.Path(ask.o).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


main()
