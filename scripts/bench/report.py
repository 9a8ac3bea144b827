# SPDX-License-Identifier: BSD-2-Clause
"""Computes medians and spread, prints tables in Markdown, makes the document build/bench.json (schema.json beside this file describes it), and
judges the aims."""
import json, pathlib, statistics

import jsonschema

SCHEMA = json.loads((pathlib.Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))


def number(values):
    """Makes a figure of the values, one of each round: their median, lowest and highest, and all of them."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "all": list(values)}


def ratios(turns, of, key):
    """Compares round by round, so that other work of the machine slows both."""
    return [a[key] / b[key] for a, b in zip(turns, of)]


class Table:
    """A table of figures. `columns` has a [key of the figure, heading, decimal places] for each."""

    def __init__(self, name, title, columns):
        self.name, self.title, self.columns, self.rows = name, title, columns, []

    def row(self, name, figures, missing=None):
        self.rows.append({"name": name, "missing": missing, "figures": figures})

    def figure(self, row, key):
        """Returns the median, or None."""
        found = next((r["figures"][key]["median"] for r in self.rows if r["name"] == row and key in r["figures"]), None)
        return found

    def document(self):
        return {"name": self.name, "title": self.title, "columns": [c[:2] for c in self.columns], "rows": self.rows}

    def markdown(self):
        used = [c for c in self.columns if any(c[0] in r["figures"] for r in self.rows)]
        lines = [f"**{self.title}**", "", "| |" + "".join(f" {c[1]} |" for c in used), "|---|" + "---:|" * len(used)]
        for row in self.rows:
            if row["missing"]:
                lines.append(f"| {row['name']} | not measured: {row['missing']} |" + " |" * (len(used) - 1))
            else:
                lines.append(f"| {row['name']} |" + "".join(f" {cell(row['figures'].get(c[0]), c[2])} |" for c in used))
        return "\n".join(lines) + "\n"


def cell(figure, places):
    """Returns the median, and half the spread unless it rounds to 0."""
    if figure is None:
        return ""
    text = f"{figure['median']:,.{places}f}"
    half = (figure["high"] - figure["low"]) / 2
    return text + (f" ±{half:,.{places}f}" if round(half, places) else "")


BEFORE = "sluice, the build before"  # the row of the build that BEFORE= names
FLOOD = [
    ["mpps", "Mpps", 2],
    ["ratio", "of the floor", 2],
    ["over_ns", "ns over it", 0],
    ["answers", "M SYN-ACK/s", 2],
    ["before", "of the build before", 2],
    ["sessions", "client sessions/s", 0],
    ["p50_ms", "p50 ms", 2],
    ["p99_ms", "p99 ms", 2],
    ["failed", "failed", 0],
    ["lost", "% lost in the ring", 0],
    ["load_s", "s to load", 2],
]


def flood_table(case, measured):
    """Makes the table of what cases.measure() returned."""
    out = Table(case.name, f"{case.title} (floor: {case.floor})", FLOOD)
    floor = measured[case.floor]["turns"]
    for name, got in measured.items():
        if got["missing"]:
            out.row(name, {}, got["missing"])
            continue
        turns = got["turns"]
        figures = {"mpps": number([t["pps"] / 1e6 for t in turns]), "wall_mpps": number([t["wall_pps"] / 1e6 for t in turns])}
        figures["ratio"] = number(ratios(turns, floor, "pps"))
        figures["over_ns"] = number([1e9 / t["pps"] - 1e9 / f["pps"] for t, f in zip(turns, floor)])
        if name == "sluice" and BEFORE in measured and not measured[BEFORE]["missing"]:
            figures["before"] = number(ratios(turns, measured[BEFORE]["turns"], "answered" if case.client else "pps"))
        if case.client:
            figures["answers"] = number([t["answered"] / 1e6 for t in turns])
        for key in ("sessions", "p50_ms", "p99_ms", "failed"):
            if key in turns[0]:
                figures[key] = number([t[key] for t in turns])
        if max(t["lost"] for t in turns) > 0.01:
            figures["lost"] = number([t["lost"] * 100 for t in turns])
        figures.update({key: number([value]) for key, value in got["facts"].items()})
        out.row(name, figures)
    return out


def summary(tables):
    """Makes the table that docs/performance.md shows first: each flood in one line, in Mpps."""
    lines = ["| Mpps of one processor, the generator's share included | sluice | instead | floor |", "|---|---:|---|---:|"]
    for t in tables.values():
        if not t.figure("sluice", "over_ns"):
            continue
        rate = lambda row: f"{t.figure(row, 'mpps'):.2f}" if t.figure(row, "mpps") else "not measured"
        (floor, *peers) = [r["name"] for r in t.rows if r["name"] != "sluice"]
        lines.append(f"| {t.title.partition(' (floor')[0]} | {rate('sluice')} | {', '.join(f'{p} {rate(p)}' for p in peers)} | {floor} {rate(floor)} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


# the aims of docs/performance.md


def aims(tables):
    """Returns [{"aim", "measured", "bound", "holds", "text"}] of those that were measured."""
    at = lambda table, row, key: tables[table].figure(row, key) if table in tables else None
    out = []

    def judge(aim, measured, bound, places=2, at_most=False):
        if measured is not None:
            holds = measured <= bound if at_most else measured >= bound
            out.append({"aim": aim, "measured": round(measured, 4), "bound": bound, "holds": holds, "text": f"{measured:.{places}f}"})

    def share(a, b):
        return a / b if a and b else None

    def stage_over(stage, bare):
        rows = tables["stages"].rows if "stages" in tables else []
        name = next((r["name"] for r in rows if r["name"].startswith(stage)), None)
        return at("stages", name, "ns") - at("stages", bare, "ns") if name else None

    sluice = at("everything", "sluice", "mpps")
    judge("everything on: at least 0.85 of XDP_DROP", at("everything", "sluice", "ratio"), 0.85)
    judge("the same as it was set, where XDP_DROP took 588 ns: at most 104 ns over it", at("everything", "sluice", "over_ns"), 104, 0, True)
    judge("everything on: faster than xdp-filter with one rule", share(sluice, at("everything", "xdp-filter, one port", "mpps")), 1)
    judge("everything on: at least 5 times nftables ct count", share(sluice, at("everything", "nftables ct count", "mpps")), 5, 1)
    judge("1,000 sources over their limits: at least 0.88 of XDP_DROP", at("lane", "1,000 sources: sluice", "ratio"), 0.88)
    judge("1,000 to 1,000,000 sources: at most 1.3 random reads of 8 MB more", at("lane", "1,000,000 sources: sluice", "reads"), 1.3, 2, True)
    judge("an established packet: at most 25 ns over XDP_PASS", stage_over("established", "bare XDP_PASS"), 25, 0, True)
    judge("an admitted SYN of a new source: at most 700 ns over XDP_PASS", stage_over("admitted: ", "bare XDP_PASS, singly"), 700, 0, True)
    judge("a SYN cookie: at most 450 ns over XDP_TX", at("cookies", "sluice", "over_ns"), 450, 0, True)
    judge("a SYN that finds no room for its handshake: at most 200 ns over XDP_PASS", stage_over("refused: its service", "bare XDP_PASS"), 200, 0, True)
    judge("country table, random sources: at least 0.75 of XDP_DROP", at("country", "sluice", "ratio"), 0.75)
    judge("the same as it was set: at most 196 ns over it", at("country", "sluice", "over_ns"), 196, 0, True)
    judge("SMTP sessions within 1 % of no filter", at("established", "sluice, everything on", "sessions_ratio"), 0.99, 3)
    judge("iperf3 within 1 % of no filter", at("established", "sluice, everything on", "gbits_ratio"), 0.99, 3)
    judge("iperf3 within 1 % of a bare XDP_PASS", share(at("established", "sluice, everything on", "gbits"), at("established", "bare XDP_PASS", "gbits")), 0.99, 3)
    if "pauses" in tables:
        longest = [r["figures"][k]["median"] for r in tables["pauses"].rows for k in ("timer_us", "asked_us") if k in r["figures"]]
        judge("no run of sluice holds a processor up for more than 2,000 us", max(longest, default=None), 2000, 0, True)
    for name, table in tables.items():
        if name.startswith("growth-") and len(table.rows) > 1 and name != "growth-processors":
            first, last = (table.figure(table.rows[i]["name"], "mpps") for i in (0, -1))
            judge(f"{table.rows[0]['name']} to {table.rows[-1]['name']}: packets per second fall by less than 25 %", share(last, first), 0.75)
    return out


def aims_markdown(judged):
    lines = ["| aim | measured | |", "|---|---:|---|"]
    return "\n".join(lines + [f"| {a['aim']} | {a['text']} | {'holds' if a['holds'] else 'does not hold'} |" for a in judged]) + "\n"


def validate(document):
    jsonschema.validate(document, SCHEMA)
