#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
fleet_table.py [faults|far|hour|scale|cost]... measures on this machine, and prints, the tables of docs/fleet.md. `make fleet PARTS="faults far"` calls
it, as root. It runs all parts unless some are named (that takes three quarters of an hour). FLEET_MINUTES says how long the part `hour` lasts (default:
6), FLEET_SCALE what is simulated, as fleet_load.py reads it.
"""
import contextlib, os, sys, tempfile

import fleet_cost, fleet_faults, fleet_hour, fleet_load, fleet_rtt
from hosts import Hosts

CONFIGURATIONS = (("local", False), ("share", True), ("closed", True))
SCALE = "4x10000x100000 4x10000x1000000 20x10000x1000000 50x10000x1000000 100x10000x1000000 100x10000x1000000x1000"


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
    for asked in fleet_load.asked(os.environ.get("FLEET_SCALE", SCALE).split()):
        say(fleet_load.line(fleet_load.row(fleet_load.simulate(*asked))))
    rows, used = fleet_load.shard(4, 10000, 100000)
    say(f"\nThree fleets of 4 hosts at a Cluster of three masters: {rows:,.0f} rows a second, {', '.join(f'{u:.1%}' for u in used)} of a processor")


def cost():
    say("", fleet_load.head(("packet", "without", "fleet", "ratio")))
    for g in fleet_cost.gate():
        say(fleet_load.line((g.name, f"{g.plain:.0f} ns", f"{g.fleet:.0f} ns", f"{g.ratio:.2f}")))
    with fleet(fleet_faults.policy("local", False)) as hosts:
        d = fleet_cost.daemon(hosts)
    say("", fleet_load.head(("rows/s", "connections/s", "each sluiced", "a row", "each sluice-fleet", "a row", "store", "a row", "wire, a row")))
    parts = [f"{share:.1%} | {us:.0f} us" for share, us in ((d.daemon, d.daemon_us), (d.helper, d.helper_us), (d.store, d.store_us))]
    say(fleet_load.line((f"{d.rows:,.0f}", f"{d.sessions:,.0f}", *parts, f"{d.wire:.0f} bytes")))


PARTS = {"faults": faults, "far": far, "hour": hour, "scale": scale, "cost": cost}


def main():
    asked = sys.argv[1:] or list(PARTS)
    if set(asked) - set(PARTS):
        sys.exit(f"fleet: no part {', '.join(set(asked) - set(PARTS))}; there are {', '.join(PARTS)}")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for part in asked:
        PARTS[part]()


if __name__ == "__main__":
    main()
