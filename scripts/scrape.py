#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a scrape costs with no source tracked and with a million, in one run. As root; prints a table and the ratio."""
import os, pathlib, statistics, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import net as network  # noqa: E402
import web  # noqa: E402

SOURCES, SCRAPES = 1_000_000, 300
POLICY = "".join(f"service s{i} {{ ports = {{{2000 + i}}} max-connections = 100 }}\n" for i in range(5))


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(net, sluice, what):
    took, before = [], processor_seconds(sluice.daemon.pid)
    for _ in range(SCRAPES):
        start = time.perf_counter()
        text = web.request(net.server, 9798, "/metrics")[2]
        took.append((time.perf_counter() - start) * 1e3)
    cost = (processor_seconds(sluice.daemon.pid) - before) / SCRAPES * 1e3
    tracked = next(line.split()[1] for line in text.splitlines() if line.startswith("sluice_sources_tracked "))
    took.sort()
    print(f"{what:<22} {tracked:>9} {statistics.median(took):>10.2f} {took[int(SCRAPES * 0.99)]:>8.2f} {cost:>14.2f} {len(text):>8}")
    return statistics.median(took)


def main():
    net = network.Net()
    sluice = None
    try:
        sluice = network.Sluice(net, tempfile.mkdtemp(), POLICY)
        print(f"{'':<22} {'tracked':>9} {'median ms':>10} {'p99 ms':>8} {'CPU ms/scrape':>14} {'bytes':>8}")
        empty = measure(net, sluice, "empty table")
        network.sh(network.BUILD / "tests/datapath/fill", sluice.instance, SOURCES)
        full = measure(net, sluice, "a million sources")
        print(f"ratio of the medians: {full / empty:.2f}")
    finally:
        if sluice:
            sluice.close()
        net.close()


main()
