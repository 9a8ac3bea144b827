# SPDX-License-Identifier: BSD-2-Clause
"""Opens 500 connections at once over four hosts, near and far, for a table of docs/fleet.md. fleet_table.py (`make fleet`) and test_fleet_faults.py
call it."""
import concurrent.futures, dataclasses, time

from fleet_faults import COUNT, LIMIT, policy
from hosts import SOURCE, Sum
from net import PACE, wait_for

ATTEMPTS = 500
SECONDS = 60  # in which the limit must be reached


@dataclasses.dataclass
class Rush:
    most: int  # the most that all hosts together ever had
    over: int  # by how much the limit may be exceeded, as status says
    first: int  # held after 0.9 s, by first SYNs
    second: int  # held after 2.5 s, by first repetitions, too
    full: float  # seconds until the limit was reached; less than 0: never
    held: list


def held_at(total, when):
    return [n for at, n in total.changes if at <= when][-1]


def first_at(total, number, began):
    """Returns the seconds until so many were held, or -1."""
    return next((at - began for at, n in total.changes if n >= number), -1)


def rush(hosts, servers):
    """Opens all at once, from one source. Clients that are refused repeat their SYNs after 1, 3, 7 and 15 s; meanwhile a new one comes each second."""
    over = {s["name"]: s["over"] for s in hosts.status()["services"]}["smtp"]
    total, clients, began = Sum(servers, source=SOURCE), [], time.monotonic()
    each = ATTEMPTS // COUNT
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            clients += pool.map(lambda n: hosts.hold(n, each, wait_ms=2500 * PACE)[0], range(COUNT))
        while not wait_for(lambda: total.changes[-1][1] >= LIMIT, 1) and time.monotonic() - began < SECONDS * PACE:
            clients.append(hosts.hold(len(clients) % COUNT, 1, wait_ms=10)[0])
        time.sleep(1)
        held = hosts.held()
        return Rush(total.finish(), over, held_at(total, began + 0.9), held_at(total, began + 2.5), first_at(total, LIMIT, began), held)
    finally:
        total.finish()
        for c in clients:
            c.finish()


def text(exact):
    return policy("closed", exact)
