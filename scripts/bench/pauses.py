# SPDX-License-Identifier: BSD-2-Clause
"""Measures for how long sluice holds a processor up at a time, with tables of different fill. It reads the kernel's own tracing: each run of a
BPF timer (the sweeper), and each program that the daemon makes the kernel run (the reaper, the end of an audit). Interrupts and the hypervisor may
come in between, so the last row tells for how long they held up a loop that does nothing."""
import contextlib, pathlib, re, subprocess, tempfile, time

import peers
from cases import beds
from report import Table, number
from testbed import BUILD, Missing, network

COLUMNS = [
    ["timer_us", "us, the longest run of the timer", 0], ["timer_99", "99 of 100", 0], ["timer_runs", "runs", 0],
    ["asked_us", "us, the longest run that the daemon asked for", 0], ["asked_99", "99 of 100", 0], ["asked_runs", "runs", 0],
    ["idle_us", "us, the longest pause of the loop", 0],
]  # fmt: skip
TEST_RUN = 10  # BPF_PROG_TEST_RUN
EVENTS = {
    "timer/hrtimer_expire_entry": None,
    "timer/hrtimer_expire_exit": None,
    "syscalls/sys_enter_bpf": f"common_pid == {{pid}} && cmd == {TEST_RUN}",
    "syscalls/sys_exit_bpf": "common_pid == {pid}",
    "sched/sched_switch": "prev_pid == {pid} || next_pid == {pid}",
}
LINE = re.compile(r"\[(\d+)\]\s+\S+\s+(\d+\.\d+): (\w+)(.*)")
FORGOTTEN_WITHIN = 120  # seconds


@contextlib.contextmanager
def tracing(pid):
    """Starts a trace of our own: of all timers, and of the bpf() calls of this process that run a program. Yields its folder."""
    with tempfile.TemporaryDirectory() as where:
        done = subprocess.run(["mount", "-t", "tracefs", "tracefs", where], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"tracefs: {done.stderr.strip()}")
        mine = pathlib.Path(where, "instances", f"sluice-{pid}")
        try:
            mine.mkdir()
            (mine / "trace_clock").write_text("mono")
            (mine / "buffer_size_kb").write_text("16384")
            for event, only in EVENTS.items():
                if only:
                    (mine / "events" / event / "filter").write_text(only.format(pid=pid))
                (mine / "events" / event / "enable").write_text("1")
            yield mine
        finally:
            if mine.exists():
                mine.rmdir()
            subprocess.run(["umount", where], check=False)


class Asked:
    """Times the programs that one process runs, without the time for which it was off the processor meanwhile."""

    def __init__(self):
        self.took, self.began, self.off, self.away = [], None, None, 0.0

    def enter(self, at):
        self.began, self.away = at, 0.0

    def switch(self, at, leaves):
        if leaves:
            self.off = at
        elif self.off is not None:
            self.away, self.off = self.away + at - self.off, None

    def leave(self, at):
        if self.began is not None:
            self.took.append((at - self.began - self.away) * 1e6)
        self.began = None


def runs(trace, pid):
    """Returns (microseconds of each run of a BPF timer, of each program that `pid` asked for). An interrupt counts as part of the run."""
    began, timers, asked = {}, [], Asked()
    for line in trace.splitlines():
        found = LINE.search(line)
        if not found:
            continue
        cpu, at, event, rest = found[1], float(found[2]), found[3], found[4]
        if event == "hrtimer_expire_entry" and "function=bpf_timer_cb" in rest:
            began[cpu] = at
        elif event == "hrtimer_expire_exit" and cpu in began:
            timers.append((at - began.pop(cpu)) * 1e6)
        elif event == "sched_switch":
            asked.switch(at, f"prev_pid={pid} " in rest)
        elif event == "sys_bpf" and "->" in rest:
            asked.leave(at)
        elif event == "sys_bpf":
            asked.enter(at)
    return timers, asked.took


def measure(bed, work):
    """Calls work(), and returns both lists of runs() for that time."""
    with tracing(bed.sluice.daemon.pid) as mine:
        work()
        (mine / "tracing_on").write_text("0")
        return runs((mine / "trace").read_text(), bed.sluice.daemon.pid)


def tracked(bed):
    return next(t["entries"] for t in bed.sluice.json("status")["tables"] if t["name"] == "sources")


def forget(bed):
    """Waits until the reaper has freed every idle source."""
    if not network.wait_for(lambda: tracked(bed) == 0, FORGOTTEN_WITHIN):
        raise Missing(f"{tracked(bed)} sources are still there after {FORGOTTEN_WITHIN} seconds")


def row(out, name, got):
    figures = {}
    for kind, took in zip(("timer", "asked"), got):
        figures[f"{kind}_runs"] = number([len(took)])
        if took:
            figures[f"{kind}_us"] = number([max(took)])
            figures[f"{kind}_99"] = number([sorted(took)[len(took) * 99 // 100]])
    out.row(name, figures)


def table(mode):
    out = Table("pauses", "The longest time for which sluice holds a processor up (aim: 2,000 us)", COLUMNS)
    policy = peers.QUIET + peers.SERVICE.format("max-connections-per-source = 10")
    with beds({"sluice": peers.sluice(policy)}, ("-a",)) as (bed,):
        bed.sink()
        bed.start_floods()
        row(out, "nothing is tracked", measure(bed, lambda: time.sleep(mode.seconds)))
        row(out, "a flood of SYNs: handshakes fill their table, and run out", measure(bed, lambda: (bed.flood(1), time.sleep(4))))
        forget(bed)
        for n in mode.sizes:
            network.sh(BUILD / "tests/datapath/fill", bed.sluice.instance, n, 0, "idle")
            row(out, f"{n:,} idle sources are forgotten", measure(bed, lambda: forget(bed)))
    seconds = mode.client * 5
    out.row(f"a loop that does nothing, for {seconds:g} s", {"idle_us": number([float(network.sh(BUILD / "tests/lib/idle", seconds).stdout)])})
    return out
