#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
fleet_table.py [faults|far|hour|scale]... measures on this machine, and prints, the tables of docs/fleet.md. `make fleet PARTS="faults far"` calls
it, as root. It runs all parts unless some are named (that takes half an hour). FLEET_MINUTES says how long the part `hour` lasts (default: 6).
"""
import contextlib, os, sys, tempfile

import fleet_faults, fleet_hour, fleet_load, fleet_rtt
from hosts import Hosts

CONFIGURATIONS = (("local", False), ("share", True), ("closed", True))
SCALE = ((4, 10000, 100000), (4, 5000, 1000000), (20, 10000, 100000))  # hosts, rows a second, keys


@contextlib.contextmanager
def fleet(text, rtt=0):
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as directory:
        hosts = Hosts(directory, fleet_faults.COUNT, text, rtt)
        try:
            hosts.together(60)
            yield hosts
        finally:
            hosts.close()


def say(*lines):
    print(*lines, sep="\n", flush=True)


def named(partition, exact):
    return f"`on-partition = {partition}`{', `exact = true`' if exact else ''}"


def faults():
    for partition, exact in CONFIGURATIONS:
        say(f"\n{named(partition, exact)}:\n", fleet_load.head(("fault", "peak", "refused wrongly", "let in late", "right again after")))
        with fleet(fleet_faults.policy(partition, exact)) as hosts:
            servers = hosts.serve()
            for kind in fleet_faults.FAULTS:
                got = fleet_faults.run(kind, hosts, servers, partition, exact)
                after = f"{got.seconds:.1f} s" if got.seconds >= 0 else f"not in {fleet_faults.GIVEN_UP} s"
                say(fleet_load.line((kind.name, got.peak, f"{got.refused} of {got.attempts}", got.late, after)))


def far():
    say("", fleet_load.head(("round trip", "exact", "greatest sum", "bound", "held after 0.9 s", "after 2.5 s", "20 reached after")))
    for rtt in (0, 40):
        for exact in (False, True):
            with fleet(fleet_rtt.text(exact), rtt) as hosts:
                got = fleet_rtt.rush(hosts, hosts.serve())
                bound = fleet_faults.LIMIT + got.over
                say(fleet_load.line((f"{rtt} ms", "yes" if exact else "no", got.most, bound, got.first, got.second, f"{got.full:.1f} s")))


def hour():
    minutes = float(os.environ.get("FLEET_MINUTES", 6))
    with fleet(fleet_faults.policy("local", False)) as hosts:
        of, done = fleet_hour.run(hosts, minutes * 60)
    say(f"\n{minutes:g} minutes: {dict(of)}; {dict(done)}; at the end 0 connections, 0 reserved, 0 records, 0 leases on each host and in the store")


def scale():
    say("", fleet_load.head(fleet_load.HEAD))
    for asked in SCALE:
        say(fleet_load.line(fleet_load.row(fleet_load.simulate(*asked))))
    rows, used = fleet_load.shard(4, 10000, 100000)
    say(f"\nThree fleets of 4 hosts at a Cluster of three masters: {rows:,.0f} rows a second, {', '.join(f'{u:.1%}' for u in used)} of a processor")


PARTS = {"faults": faults, "far": far, "hour": hour, "scale": scale}


def main():
    asked = sys.argv[1:] or list(PARTS)
    if set(asked) - set(PARTS):
        sys.exit(f"fleet: no part {', '.join(set(asked) - set(PARTS))}; there are {', '.join(PARTS)}")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for part in asked:
        PARTS[part]()


if __name__ == "__main__":
    main()
