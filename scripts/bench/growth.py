# SPDX-License-Identifier: BSD-2-Clause
"""Measures how packets per second, memory and the time to apply a policy change as sources, entries, services and processors grow in number."""
import contextlib

import peers
from cases import beds
from report import Table, number, ratios
from testbed import BUILD, network

FILLED = "11.0.0.0"  # where tests/datapath/fill.c begins
COLUMNS = [["mpps", "Mpps", 2], ["ratio", "of XDP_DROP", 2], ["of_first", "of the first", 2], ["mb", "MB", 0], ["apply_s", "s to apply", 2]]


def refuse_all(limit):
    return peers.QUIET + peers.SERVICE.format(f"max-connections-per-source = 1 max-connections = {limit}")


class Growth:
    """Measures one instance as it grows, in turn with a bare drop, and fills a table."""

    def __init__(self, mode, name, title, policy, flood):
        self.mode, self.flood, self.table = mode, flood, Table(f"growth-{name}", title, COLUMNS)
        self.rows, self.first = {"XDP_DROP": peers.bare("drop"), "sluice": peers.sluice(policy)}, None

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.drop, self.sluice = self.stack.enter_context(beds(self.rows, self.flood))
        return self

    def __exit__(self, *what):
        self.stack.close()

    def measure(self, name, apply_s=None, options=None, sources=0):
        pair = (self.drop, self.sluice)
        for bed in pair:
            bed.turns = []
            bed.restart_floods(options if options is not None else self.flood)
            bed.flood(0.1)
        self.sluice.warm(sources, self.mode.seconds)
        for _ in range(self.mode.growth_rounds):
            for bed in pair:
                bed.turns.append(bed.flood(self.mode.seconds))
        figures = {"mpps": number([t["pps"] / 1e6 for t in self.sluice.turns]), "ratio": number(ratios(self.sluice.turns, self.drop.turns, "pps"))}
        self.first = self.first or figures["ratio"]["median"]
        figures["of_first"] = number([r / self.first for r in figures["ratio"]["all"]])
        figures["mb"] = number([self.sluice.megabytes()])
        if apply_s is not None:
            figures["apply_s"] = number([apply_s])
        self.table.row(name, figures)


def sources(mode):
    title = "Sources that are tracked, each with a connection; SYNs from all of them, refused"
    with Growth(mode, "sources", title, refuse_all(2_000_000), ()) as g:
        for n in mode.sizes:
            network.sh(BUILD / "tests/datapath/fill", g.sluice.sluice.instance, n, 1)
            g.measure(f"{n:,} sources", g.sluice.apply(refuse_all(2_000_000 + n)), ("-s", f"{FILLED}+{n}"), n)
        return g.table


def entries(mode):
    title = "Entries of a deny list; random sources of the whole address space, refused"
    with Growth(mode, "entries", title, peers.SERVICE.format(""), ("-a",)) as g:
        for n in mode.sizes:
            g.measure(f"{n:,} entries", g.sluice.apply(peers.sluice_list(n)(g.sluice)))
        return g.table


def services_policy(n):
    return peers.REST + peers.SERVICE.format("max-connections-per-source = 10") + "".join(
        f"service s{i} {{ ports = {{{1000 + i}}} max-connections-per-source = 10 max-connections = {100 + n} }}\n" for i in range(1, n)
    )


def services(mode):
    with Growth(mode, "services", "Services of the policy; random sources, refused", services_policy(1), ("-a",)) as g:
        for n in mode.services:
            g.measure(f"{n} service{'s' * (n > 1)}", g.sluice.apply(services_policy(n)))
        return g.table


def processors(mode):
    """Each processor sends, and receives what it sent, on a queue of its own."""
    out = Table("growth-processors", "Processors that send and receive, each on its own queue; SYNs of sources over their limit", COLUMNS[:3])
    rows = {"XDP_DROP": peers.bare("drop"), "sluice": peers.sluice(peers.everything(mode.lists[0]))}
    first = None
    with beds(rows, ("-s", f"{FILLED}+{mode.held}"), queues=2) as made:
        network.sh(BUILD / "tests/datapath/fill", made[1].sluice.instance, mode.held, 1)
        for processors_ in ((0,), (0, 1)):
            for bed in made:
                bed.turns = []
                bed.restart_floods(bed.flood_options, processors_)
                bed.flood(0.1)
            for _ in range(mode.growth_rounds):
                for bed in made:
                    bed.turns.append(bed.flood(mode.seconds))
            rate = number([t["pps"] / 1e6 for t in made[1].turns])
            first = first or rate["median"]
            figures = {"mpps": rate, "ratio": number(ratios(made[1].turns, made[0].turns, "pps")), "of_first": number([r / first for r in rate["all"]])}
            out.row(f"{len(processors_)} processor{'s' * (len(processors_) > 1)}", figures)
    return out


TABLES = {"growth-sources": sources, "growth-entries": entries, "growth-services": services, "growth-processors": processors}
