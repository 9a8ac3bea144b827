#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a scrape costs with no source tracked and with a million, in one run. As root; prints a table and the ratio."""
import contextlib, os, pathlib, statistics, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import net as network  # noqa: E402
import web  # noqa: E402

SOURCES, SCRAPES = 1_000_000, 500
POLICY = "".join(f"service s{i} {{ ports = {{{2000 + i}}} max-connections = 100 }}\n" for i in range(5))


class Side:
    """An instance of its own, and what scraping it took."""

    def __init__(self, name):
        self.name, self.took, self.sluice = name, [], None
        self.net = network.Net()
        try:
            self.sluice = network.Sluice(self.net, tempfile.mkdtemp(), POLICY)
        except BaseException:
            self.close()
            raise

    def scrape(self):
        start = time.perf_counter()
        self.text = web.request(self.net.server, 9798, "/metrics")[2]
        self.took.append((time.perf_counter() - start) * 1e3)

    def processor(self):
        fields = pathlib.Path(f"/proc/{self.sluice.daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def row(self, seconds):
        tracked = next(line.split()[1] for line in self.text.splitlines() if line.startswith("sluice_sources_tracked "))
        p99 = sorted(self.took)[int(len(self.took) * 0.99)]
        print(f"{self.name:<18} {tracked:>9} {statistics.median(self.took):>10.2f} {p99:>8.2f} {seconds / SCRAPES * 1e3:>14.2f} {len(self.text):>8}")

    def close(self):
        if self.sluice:
            self.sluice.close()
        self.net.close()


def main():
    with contextlib.ExitStack() as stack:
        sides = []
        for name in ("empty table", "a million sources"):
            sides.append(Side(name))
            stack.callback(sides[-1].close)
        empty, full = sides
        network.sh(network.BUILD / "tests/datapath/fill", full.sluice.instance, SOURCES)
        before = [side.processor() for side in sides]
        for _ in range(SCRAPES):  # in turn: what else the machine does meets both
            for side in sides:
                side.scrape()
        print(f"{'':<18} {'tracked':>9} {'median ms':>10} {'p99 ms':>8} {'CPU ms/scrape':>14} {'bytes':>8}")
        for side, since in zip(sides, before):
            side.row(side.processor() - since)
        print(f"ratio of the medians: {statistics.median(full.took) / statistics.median(empty.took):.2f}")


main()
