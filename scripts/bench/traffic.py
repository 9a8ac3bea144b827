# SPDX-License-Identifier: BSD-2-Clause
"""Measures what established traffic pays: iperf3, and SMTP sessions of smtp-source with smtp-sink, on the same path with and without sluice."""
import json, os, pathlib, subprocess, time

import peers
from cases import beds
from report import Table, number, ratios
from testbed import IRQ_TIME, SERVER, ksoftirqd

PORT = 26  # of the protected ones


def run_ns(pids):
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


class Meter:
    """Adds up the processor time of processes that end, and of servers and the kernel's threads meanwhile."""

    def __init__(self, servers=()):
        self.lasting = [*servers, *ksoftirqd().values()]
        self.began, self.before, self.ended = time.monotonic(), run_ns(self.lasting), 0

    def wait(self, process):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{process.args}: exit status {process.returncode}")
        self.ended += usage.ru_utime + usage.ru_stime

    def read(self):
        wall = time.monotonic() - self.began
        return wall, wall if IRQ_TIME else self.ended + run_ns(self.lasting) - self.before


def iperf(bed, megabytes):
    server = subprocess.Popen(bed.net.enter(bed.net.server, ["iperf3", "-s", "-1", "-p", PORT]), stdout=subprocess.DEVNULL)
    while not bed.run("ss", "-Htln", f"sport = :{PORT}").stdout:
        time.sleep(0.01)
    meter = Meter()
    argv = ["iperf3", "-J", "-p", PORT, "-n", f"{megabytes}M", "-c", SERVER]
    client = subprocess.Popen(bed.net.enter(bed.net.client, argv), stdout=subprocess.PIPE, text=True)
    said = json.loads(client.stdout.read())
    client.stdout.close()
    meter.wait(client)
    meter.wait(server)
    _, cpu = meter.read()
    got = said["end"]["sum_received"]
    return {"gbits": got["bytes"] * 8e-9 / cpu, "wall_gbits": got["bits_per_second"] / 1e9}


def smtp(bed, sessions):
    sinks = bed.run("ss", "-Htlnp", "sport = :25").stdout
    sink = int(sinks.split("pid=")[1].split(",")[0])
    meter = Meter([sink])
    argv = ["smtp-source", "-s", 10, "-m", sessions, "-f", "a@sluice.test", "-t", "b@sluice.test", f"{SERVER}:25"]
    meter.wait(subprocess.Popen(bed.net.enter(bed.net.client, argv)))
    wall, cpu = meter.read()
    return {"sessions": sessions / cpu, "wall_sessions": sessions / wall}


def sink(bed):
    bed.sink()


def open_to_all(count):
    """A policy with everything on, and limits that nobody reaches here."""
    limits = "max-connections = 20000 max-connections-per-source = 10000 max-rate-per-source = 1000000/1m deny-countries = {AQ, BV}"
    return lambda bed: peers.SERVICE.format(limits) + f"source-set foes {{ file = {peers.list_file(bed, count)} action = deny }}\n"


COLUMNS = [
    ["gbits", "iperf3, Gbit", 2],
    ["gbits_ratio", "of no filter", 3],
    ["sessions", "SMTP sessions", 0],
    ["sessions_ratio", "of no filter", 3],
    ["wall_gbits", "Gbit/s on the wall", 2],
    ["wall_sessions", "sessions/s on the wall", 0],
]


def table(mode):
    def no_filter(bed):
        sink(bed)

    def bare_pass(bed):
        sink(bed)
        bed.xdp("pass")

    rows = {"no filter": no_filter, "bare XDP_PASS": bare_pass, "sluice, everything on": peers.sluice(open_to_all(mode.lists[0]), sink)}
    second = "second" if IRQ_TIME else "second of the processors"
    out = Table("established", f"Established traffic: what the innocent pay. Per {second}; frames of 1514 bytes, no offloads", COLUMNS)
    with beds(rows, ()) as made:
        for bed in made:
            smtp(bed, 100)
        for _ in range(mode.rounds + 2 if mode.rounds > 1 else 1):
            for bed in made:
                bed.turns.append({**iperf(bed, mode.megabytes), **smtp(bed, mode.sessions)})
        for bed in made:
            figures = {key: number([t[key] for t in bed.turns]) for key in ("gbits", "sessions", "wall_gbits", "wall_sessions")}
            for key in ("gbits", "sessions"):
                figures[f"{key}_ratio"] = number(ratios(bed.turns, made[0].turns, key))
            out.row(bed.name, figures)
    return out
