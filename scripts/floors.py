#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the rooms of bpf/ and userspace/ and the arrows between them. `make check` calls it after a build (SLUICE_BUILD names its folder).

A file depends on another one if it includes its header, or if its object needs a symbol of the other's; in bpf/, which is one object, if
it uses a name of the other's. A room may depend only on rooms that come before it in FLOORS, and no files may depend on each other in a
circle, whichever room they are in. A room has at most MOST units: a source with the header of its name, or one of them alone. The script
prints the rooms, what each depends on, the number of circles and the fullest rooms; it fails if an arrow points the wrong way, if there is
a circle, or if a room is too full.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("SLUICE_BUILD", "build")
TOP = ROOT / "userspace"
KERNEL = ROOT / "bpf"
MOST = 15
# From the bottom up. Of two rooms in one line, neither depends on the other.
FLOORS = """
bpf/parse
bpf/source
bpf/report
bpf/charge
bpf/flow
bpf/cookie
bpf/answer
bpf/admission
bpf/track
bpf/sweep
bpf
core/data
core/base
core/file
core/fleet
core/values
core/lists core/geo
core/policy
core/read core/compile
core/show
core/memory
kern/floor
kern/object
kern/gate
kern/containers
kern/policy
kern/read
kern/fleet
kern/instance
kern/doctor
api
daemon/log
daemon/standing
daemon/base
daemon/fleet_base
daemon/fleet
daemon/memory
daemon/http
daemon/answers
daemon/orders
daemon/run
fleet
import/model
import/formats
cli/ask
cli/show
cli/top
cli/commands
cli/help
cli/run
"""
GENERATED = {"scanner": "core/read/scanner", "grammar": "core/read/grammar"}
ONE = {"core/read/scanner": "core/read/grammar"}  # flex and bison: each calls the other by design


def kernel_units():
    """{unit: its file} of bpf/. A unit is a header, or the only source, as bpf/ROOM/NAME."""
    return {str(f.relative_to(ROOT)).split(".")[0]: f for f in sorted(KERNEL.rglob("*.bpf.[ch]"))}


def kernel_names(files):
    """{(unit, unit): which names of the second the first uses}. Members of structs do not count; a type counts only after struct, union or enum."""
    listed = subprocess.run(["ctags", "--language-force=C", "--kinds-C=defgsuv", "-x", "-u", "--_xformat=%N %K %F", *files.values()],
                            capture_output=True, text=True, check=True).stdout
    home = {}
    for name, kind, path in (line.split() for line in listed.splitlines()):
        word = f"{kind} {name}" if kind in ("struct", "union", "enum") else name
        home[word] = str(pathlib.Path(path).relative_to(ROOT)).split(".")[0]
    for unit, file in files.items():
        home |= {name: unit for name in re.findall(r"^MAP\(\w+, (\w+)", file.read_text(), re.M)}
    arrows = collections.defaultdict(set)
    for unit, file in files.items():
        code = re.sub(r'/\*.*?\*/|"[^"\n]*"', " ", file.read_text(), flags=re.S)
        for word in re.findall(r"(?:\b(?:struct|union|enum) |(?<!\.)(?<!->)\b)\w+", code):
            if home.get(word, unit) != unit:
                arrows[unit, home[word]].add(word)
    return arrows


def units():
    """{unit: its files} of userspace/. A unit is a source with the header of its name, as ROOM/NAME."""
    found = collections.defaultdict(list)
    for file in sorted(TOP.rglob("*.[chly]")):
        unit = str(file.relative_to(TOP).with_suffix(""))
        found[ONE.get(unit, unit)].append(file)
    return found


def includes(files):
    """{(unit, unit): what is included}. A header is known by its name alone, so no two headers may have the same name."""
    home = {}
    for unit, sources in files.items():
        for header in (f for f in sources if f.suffix == ".h"):
            if header.name in home:
                sys.exit(f"two headers are called {header.name}: {home[header.name]} and {unit}")
            home[header.name] = unit
    arrows = collections.defaultdict(set)
    for unit, sources in files.items():
        for name in (n for f in sources for n in re.findall(r'^#include "([^"]+)"', f.read_text(), re.M)):
            if home.get(name, unit) != unit:
                arrows[unit, home[name]].add(name)
    return arrows


def symbols():
    """{(unit, unit): which symbols of the second one's object the first one's needs}."""
    defined, needed = {}, collections.defaultdict(set)
    objects = [*(BUILD / "userspace").rglob("*.o"), *(BUILD / f"{name}.o" for name in GENERATED)]
    for path in objects:
        unit = GENERATED.get(path.stem) or str(path.relative_to(BUILD / "userspace").with_suffix(""))
        unit = ONE.get(unit, unit)
        if not any((TOP / unit).with_suffix(end).exists() for end in (".c", ".y")):
            continue  # its file is gone
        for line in subprocess.run(["nm", "-g", path], capture_output=True, text=True, check=True).stdout.splitlines():
            kind, symbol = line.split()[-2:]
            if kind == "U":
                needed[unit].add(symbol)
            elif kind in "TDBRVWC":
                defined[symbol] = unit
    arrows = collections.defaultdict(set)
    for unit, wanted in needed.items():
        for symbol in wanted & defined.keys():
            if defined[symbol] != unit:
                arrows[unit, defined[symbol]].add(symbol)
    return arrows


def circles(arrows):
    """Returns the sets of units that can all reach each other (Tarjan)."""
    to = collections.defaultdict(list)
    for a, b in arrows:
        to[a].append(b)
    number, low, stack, found = {}, {}, [], []

    def visit(unit):
        number[unit] = low[unit] = len(number)
        stack.append(unit)
        for other in to[unit]:
            if other not in number:
                visit(other)
            if other in stack:
                low[unit] = min(low[unit], low[other])
        if low[unit] == number[unit]:
            at = stack.index(unit)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    sys.setrecursionlimit(10000)
    for unit in sorted(to):
        if unit not in number:
            visit(unit)
    return found


def main():
    files, kernel = units(), kernel_units()
    arrows = collections.defaultdict(set)
    for some in (includes(files), symbols(), kernel_names(kernel)):
        for arrow, why in some.items():
            arrows[arrow] |= why
    floor = {room: i for i, line in enumerate(FLOORS.split("\n")) for room in line.split()}
    room = {unit: os.path.dirname(unit) for unit in (*files, *kernel)}
    wrong = [f"{r} is not in FLOORS" for r in sorted(set(room.values()) - floor.keys())]
    leans = collections.defaultdict(set)
    for (a, b), why in sorted(arrows.items()):
        if room[a] != room[b]:
            leans[room[a]].add(room[b])
            if floor.get(room[b], 0) >= floor.get(room[a], 0):
                wrong.append(f"{a} depends on {b}, which is not below it: {', '.join(sorted(why)[:4])}")
    rings = circles(arrows)
    wrong += [f"a circle of {len(ring)} files: {' '.join(ring)}" for ring in rings]
    count = collections.Counter(room.values())
    for r in sorted(count, key=lambda r: (floor.get(r, 0), r)):
        print(f"{r:16} {count[r]:3} units  -> {' '.join(sorted(leans[r], key=lambda o: floor[o])) or '(nothing)'}")
    wrong += [f"{r} holds {n} units, more than {MOST}: split it by what its files are about" for r, n in count.items() if n > MOST]
    most = max(count.values())
    fullest = " ".join(r for r in floor if count[r] == most)
    print(f"{len(arrows)} arrows, {len(rings)} circles; the fullest rooms ({fullest}) have {most} units, each a source with its header, or one of them alone")
    if wrong:
        sys.exit("\n".join(wrong))


main()
