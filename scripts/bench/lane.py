# SPDX-License-Identifier: BSD-2-Clause
"""Measures the express lane, and how much its cost grows in cache misses, with more and more full sources, on one processor and on two. Beside it are
a bare drop, xdp-filter with one rule, programs that read one random line of 8 MB, or of 1 MB, and drop, and reads that wait for one another: a
processor goes on while it waits for one read, so a read may cost less in a flood than it lasts."""
import time

import peers
from cases import beds
from growth import FILLED
from report import Table, number, ratios
from testbed import BUILD, network

COLUMNS = [["mpps", "Mpps", 2], ["ratio", "of XDP_DROP", 2], ["over_ns", "ns over it", 0], ["reads", "more than the fewest sources take, of a random read", 2], ["misses", "of one that waits", 2]]
WAITING = {"8 MB": 8 << 20, "1 MB": 1 << 20}
LIMIT = "max-connections = 2000000 max-connections-per-source = 1 max-rate-per-source = 60/1m max-syn-rate-per-source = 600/1m deny-countries = {AQ, BV}"


def policy(mode):
    return lambda bed: peers.SERVICE.format(LIMIT) + f"source-set list {{ file = {peers.list_file(bed, mode.lists[0])} action = deny }}\n"


def over(bed, floor):
    """Returns the ns over the floor, of each of the processors that work at the same time."""
    return number([(1e9 / t["pps"] - 1e9 / f["pps"]) * len(bed.processors) for t, f in zip(bed.turns, floor.turns)])


def chase(size, processor):
    return float(network.sh(BUILD / "tests/lib/chase", size, processor).stdout)


def flood_all(made, mode, sources, processors):
    """Floods all beds in turn. Returns how long a read of each size of memory lasted, round by round."""
    for bed in made:
        bed.turns = []
        bed.restart_floods(("-s", f"{FILLED}+{sources}"), processors)
    made[-1].warm(sources, mode.seconds)
    waits = {name: [] for name in WAITING}
    for _ in range(mode.rounds):
        for bed in made:
            bed.turns.append(bed.flood(mode.seconds))
        for name, size in WAITING.items():
            waits[name].append(chase(size, processors[0]))
    return waits


def table(mode):
    title = "The express lane: everything on, SYNs of sources that are each over their limit"
    out = Table("lane", title, COLUMNS)
    rows = {
        "XDP_DROP": peers.bare("drop"),
        "one random read of 8 MB": peers.bare("read"),
        "one random read of 1 MB": peers.bare("read_small"),
        "xdp-filter, one port": peers.xdp_filter("port 25 -m dst -p tcp"),
        "sluice": peers.sluice(policy(mode)),
    }
    least = None
    with beds(rows, (), queues=2) as made:
        made = [bed for bed in made if not bed.missing]
        for sources, processors in sorted([(n, (0,)) for n in mode.lane] + [(mode.lane[1], (0, 1))]):
            network.sh(BUILD / "tests/datapath/fill", made[-1].sluice.instance, sources, 1)
            time.sleep(1.5)  # the daemon fits the lane to them once a second
            waits = flood_all(made, mode, sources, processors)
            read, wait = over(made[1], made[0])["median"], number(waits["8 MB"])["median"]
            at = f"{sources:,} sources{', 2 processors' * (len(processors) > 1)}"
            for bed in made:
                ns = over(bed, made[0])
                figures = {"mpps": number([t["pps"] / 1e6 for t in bed.turns]), "ratio": number(ratios(bed.turns, made[0].turns, "pps")), "over_ns": ns}
                if bed is made[-1]:
                    least = ns["median"] if least is None else least
                    if ns["median"] != least and len(processors) == 1:
                        figures["reads"] = number([(x - least) / read for x in ns["all"]])
                        figures["misses"] = number([(x - least) / wait for x in ns["all"]])
                out.row(f"{at}: {bed.name}", figures)
            for name, ns in waits.items():
                out.row(f"{at}: one read of {name} that waits for the one before it", {"over_ns": number(ns)})
    return out
