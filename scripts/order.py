#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares the order of checks in maps/steps.def with the gate's code and with the documents. `make check` calls it.

The functions of the gate on a SYN's way (WAY) must call the functions that ask the steps in the order of the list. In each, the first call
of a function counts, and a call of another function of the way counts as the last step in that one. docs/architecture.md must name the steps
in its picture, in order, and have them as a table. The script prints the table as it should be, and fails if something differs.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WAY = ("packet_judge", "limits_check", "admit_syn", "syn_note", "syn_begins")


def steps():
    """[(name, function, which packets are asked, question, [label of a reason])], in order."""
    labels = dict(re.findall(r'^(?:PASS|REFUSE)\((\w+), "([^"]+)"', (ROOT / "maps/reasons.def").read_text(), re.M))
    found = re.findall(r'^STEP\(\w+, "([^"]+)", (\w+), "([^"]+)", "([^"]+)",\s+((?:REASON\(\w+\)\s*)+)\)', (ROOT / "maps/steps.def").read_text(), re.M)
    return [(*row[:4], [labels[r] for r in re.findall(r"REASON\((\w+)\)", row[4])]) for row in found]


def bodies():
    """{function of the way: its text without comments}"""
    text = "\n".join(f.read_text() for f in sorted((ROOT / "bpf").rglob("*.[ch]")))
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    found = {}
    for name in WAY:
        body = re.search(rf"^\w[^;{{}}]*\b{name}\([^;{{}}]*\)\n\{{\n(.*?)^\}}", text, re.M | re.S)
        if not body:
            sys.exit(f"bpf/ has no function {name}, which is on a SYN's way: see WAY in scripts/order.py")
        found[name] = body[1]
    return found


def calls(body, known):
    """Returns the known functions that it calls, in the order of their first calls."""
    return list(dict.fromkeys(name for name in re.findall(r"\b(\w+)\(", body) if name in known))


def code(rows):
    """Yields a sentence for each mistake in the gate."""
    number = {row[1]: i for i, row in enumerate(rows)}
    way = bodies()
    called = {name: calls(body, number.keys() | way.keys()) for name, body in way.items()}

    def last(name):
        return number[name] if name in number else max(map(last, called[name]), default=-1)

    for name, some in called.items():
        for a, b in zip(some, some[1:]):
            if last(a) > last(b):
                yield f"{name}() calls {a}() before {b}(), but the list has them the other way round"
    everything = {call for some in called.values() for call in some}
    yield from (f"no function on a SYN's way calls {row[1]}(), which asks the step {row[0]}" for row in rows if row[1] not in everything)


def table(rows):
    lines = ["| step | asks | which packets | its reasons |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {question} | {asked} | {', '.join(f'`{r}`' for r in reasons)} |" for name, _, asked, question, reasons in rows])


def picture(text):
    """Returns the steps that the gate's box in the picture names."""
    box = re.search(r"sluice_gate.*?└─+┬", text, re.S)[0]
    lines = re.findall(r"^   │ ([a-z-]+(?:, [a-z-]+)*)[: ]", box, re.M)
    return [name for line in lines for name in line.split(", ")]


def main():
    rows = steps()
    wrong = list(code(rows))
    text = (ROOT / "docs/architecture.md").read_text()
    print(table(rows))
    if table(rows) not in text:
        wrong.append("docs/architecture.md has another table: the one above follows maps/steps.def")
    if picture(text) != [row[0] for row in rows]:
        wrong.append(f"the picture in docs/architecture.md has the steps {' '.join(picture(text))}")
    if wrong:
        sys.exit("\n".join(wrong))


main()
