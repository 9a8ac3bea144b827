#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""fleet_load.py [HOSTS] [ROWS_A_SECOND] [KEYS]: what a fleet costs its store. Prints two tables; `make` first; as root. Other tests do not use it.

Hosts (sluice-fleet, each) tell rows as sluiced would, each 5 ms, for SECONDS; then one of them says all keys again, as after a restart.
"""
import os, pathlib, random, select, sys, tempfile, time

import fleet

SECONDS, TICK = 5, 0.005


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def steady(server, hosts, a_second, keys):
    """(rows answered, seconds of each exchange)"""
    rng, took = random.Random(1), []
    share, owed, waits = a_second * TICK / len(hosts), dict.fromkeys(hosts, 0.0), {h: [] for h in hosts}
    answered, end, tick = 0, time.monotonic() + SECONDS, time.monotonic()
    while time.monotonic() < end or any(waits.values()):
        select.select([h.end for h in hosts], [], [], max(0, tick - time.monotonic()))
        if time.monotonic() >= tick and time.monotonic() < end:
            tick += TICK
            for h in hosts:
                owed[h] += share
                rows = [(rng.randrange(keys), 20, rng.randrange(4), 0, 0) for _ in range(int(owed[h]))]
                owed[h] -= len(rows)
                if rows:
                    waits[h].append([time.monotonic(), len(rows)])
                    h.ask(rows)
        for h in hosts:
            h.drain()
            answered += len(h.leases)
            for _ in range(len(h.leases)):
                waits[h][0][1] -= 1
                if not waits[h][0][1]:
                    took.append(time.monotonic() - waits[h].pop(0)[0])
            h.leases.clear()
    return answered, sorted(took)


def all_again(host, keys):
    begin, sent = time.monotonic(), 0
    host.leases.clear()
    while len(host.leases) < keys:
        readable, writable, _ = select.select([host.end], [host.end] if sent < keys else [], [])
        if writable:
            count = min(fleet.LIMIT_ROWS, keys - sent)
            host.ask([(k, 20, 2, 0, 0) for k in range(sent, sent + count)])
            sent += count
        if readable:
            host.drain()
    return time.monotonic() - begin


def main():
    count, a_second, keys = (int(a) for a in (sys.argv[1:] + ["4", "10000", "100000"][len(sys.argv) - 1 :]))
    place = fleet.Place(tempfile.mkdtemp(prefix="sluice-test-"))
    try:
        server = place.server()
        hosts = [place.host(f"mx{i}") for i in range(count)]
        before, idle = [server.cpu_seconds(), *(cpu(h.process.pid) for h in hosts)], time.monotonic()
        hosts[0].drain(2)
        for h in hosts:
            h.drain()
        beats = (server.cpu_seconds() - before[0]) / (time.monotonic() - idle)
        before = [server.cpu_seconds(), *(cpu(h.process.pid) for h in hosts)]
        rows, took = steady(server, hosts, a_second, keys)
        after = [server.cpu_seconds(), *(cpu(h.process.pid) for h in hosts)]
        used = [b - a for a, b in zip(before, after)]
        print(f"{count} hosts, {rows / SECONDS:.0f} rows a second, {len(took) / SECONDS:.0f} exchanges a second, of {keys} keys")
        print(f"  server     {used[0] / SECONDS:.1%} of a processor, {beats:.1%} of it for beats; {(used[0] - beats * SECONDS) / rows * 1e6:.1f} us a row")
        print(f"  each host  {sum(used[1:]) / count / SECONDS:.1%} of a processor")
        print(f"  answer     {took[len(took) // 2] * 1e3:.2f} ms (p50), {took[len(took) * 99 // 100] * 1e3:.2f} ms (p99)")
        begin, seconds = server.cpu_seconds(), all_again(hosts[0], keys)
        print(f"all {keys} keys again from one host: {seconds:.2f} s, {(server.cpu_seconds() - begin) / keys * 1e6:.1f} us a row of the server")
        memory = int(server.cli("info", "memory").split("used_memory:")[1].split()[0])
        print(f"memory of the server: {memory >> 20} MB, {memory / keys:.0f} bytes a key")
    finally:
        place.close()
        os.rmdir(place.directory)


if __name__ == "__main__":
    main()
