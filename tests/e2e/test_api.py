# SPDX-License-Identifier: BSD-2-Clause
"""The programs do what userspace/api/ says: every answer has the fields of answers.def and no other, every request is checked against verbs.def."""
import json
import random
import re
import subprocess

from net import BUILD, ROOT, wait_for
from process import ask, socket_of
from test_watch import Watch

API = json.loads(subprocess.run([BUILD / "tests/lib/api"], check=True, capture_output=True, text=True).stdout)
VERBS = {v["name"]: v for v in API["verbs"]}
ANSWERS = {a["id"]: a for a in API["answers"]}
KINDS = {"TEXT": str, "INTEGER": int, "NUMBER": (int, float), "BOOLEAN": bool, "ANY": (dict, list)}

COUNTRIES = "10.77.0.2,10.77.0.2,DE\n10.77.0.3,10.77.0.3,FR\n"
NETWORKS = "10.77.0.2,10.77.0.3,64496,an example\n"
POLICY = """geoip { database = {countries.csv, networks.csv} }
fleet { servers = {127.0.0.1:1} secret-file = fleet.secret }
service smtp { ports = {25} fleet = true max-connections = 100 max-connections-per-source = 2 max-connections-per-network = 50 }
service imap { ports = {143} }
source-set friends { prefixes = {10.77.0.4} max-connections = 9 max-connections-per-source = 5 }
source-set foes { file = foes.txt reading = tolerant action = deny }
log { refusals = summary }
"""

# Verb or command of sluicectl -> what it is asked, in this order, and which answer of answers.def it gives. Words in braces stand for files.
GOLDEN = {
    "status": [("status", "status")],
    "sources": [("sources", "sources"), ("sources --service smtp --top 3", "sources"), ("sources --service nope", "failure"), ("sources --fleet", "fleet_sources")],
    "counters": [("counters", "counters")],
    "set": [("set service smtp max-connections 90 --dry-run", "forecast"), ("set service smtp max-connections 90 --for 1h", "order"),
            ("set service smtp max-conections 90", "failure")],
    "unset": [("unset service smtp max-connections", "order"), ("unset service smtp max-connections", "failure")],
    "limit": [("limit 10.77.0.3 max-connections-per-source 1 --dry-run", "forecast"), ("limit 10.77.0.3 max-connections-per-source 3", "order"),
              ("limit 10.77.0.3 max-connections-per-source many", "failure")],
    "limits": [("limits", "limits")],
    "mode": [("mode observe", "order"), ("status", "status"), ("explain 10.77.0.2 --service smtp", "explain"), ("mode enforce", "order"), ("mode off", "failure")],
    "ban": [("ban 10.77.0.2 --kill --dry-run", "ends"), ("ban 192.0.2.1 --for 1h --reason test", "ban"), ("ban 192.0.2.0/24", "ban"), ("ban nonsense", "failure")],
    "allow": [("allow 192.0.2.1 --for 1h", "order"), ("allow 198.51.100.1", "order"), ("ban 192.0.2.1", "ban"), ("allow x", "failure")],
    "history": [("history", "history"), ("history --service smtp --since 1h", "history"), ("history --service nope", "failure")],
    "import": [("import postfix {main_cf}", "import"), ("import nothing /dev/null", "failure")],
    "bans": [("bans", "bans"), ("bans 192.0.2.1 --by nobody", "bans"), ("bans x", "failure")],
    "allows": [("allows", "allows")],
    "kill": [("kill 10.77.0.2 --dry-run", "ends"), ("kill 10.77.0.9", "order"), ("kill 10.77.0.9 --service nope", "failure")],
    "geo": [("geo status", "geo"), ("geo update --dry-run", "forecast"), ("geo update", "geo"), ("geo nonsense", "failure")],
    "fleet": [("fleet status", "fleet"), ("fleet acl", "order"), ("fleet nonsense", "failure")],
    "lookup": [("lookup 10.77.0.2", "lookup"), ("lookup 10.77.0.4", "lookup"), ("lookup 10.77.0.0/24", "lookup"), ("lookup x", "failure")],
    "explain": [("explain 10.77.0.2 --service smtp", "explain"), ("explain 10.77.0.4 --service smtp --port 25", "explain"), ("explain 192.0.2.1 --service imap", "explain"),
                ("explain 10.77.1.1/32 --service smtp", "explain"), ("explain 10.77.0.0/16 --service smtp", "explain"), ("explain 10.77.0.2", "failure")],
    "refusals": [("refusals", "refusals"), ("refusals 10.77.0.2 --since 1h --service smtp --top 1", "refusals"), ("refusals --since soon", "failure")],
    "suggest": [("suggest", "suggest")],
    "check": [("check {policy}", "check"), ("check {bad}", "failure")],
    "doctor": [("doctor {policy}", "doctor"), ("doctor {bad}", "failure")],
    "diff": [("diff", "diff"), ("diff {other}", "diff"), ("diff {bad}", "failure")],
    "dump": [("dump", "order")],
    "privacy": [("privacy report", "privacy"), ("privacy", "failure")],
    "export": [("export 192.0.2.1", "export"), ("export 10.77.0.4", "export"), ("limit 10.77.0.3 max-rate-per-source 9/1m", "order"), ("export 10.77.0.3", "export"), ("export x", "failure")],
    "erase": [("erase 203.0.113.9", "order"), ("erase x", "failure")],
    "unban": [("unban 192.0.2.1", "order"), ("unban 203.0.113.9", "failure")],
    "disallow": [("disallow 192.0.2.1", "order"), ("disallow 203.0.113.9", "failure")],
    "unlimit": [("unlimit 10.77.0.3", "order"), ("unlimit 10.77.0.3", "failure")],
    "reload": [("reload --lists", "order"), ("reload", "order")],
    "apply": [("apply {other} --dry-run", "forecast"), ("apply {other} --confirm 1h", "apply"), ("status", "status"), ("apply {bad}", "failure")],
    "confirm": [("confirm", "apply"), ("confirm", "failure")],
    "revert": [("apply {policy} --confirm 1h", "apply"), ("revert", "order"), ("revert", "failure")],
    "unload": [("unload", "order"), ("status", "failure")],
    # These print no JSON, or are said in another way; they have tests of their own.
    "watch": [], "top": [], "completion": [], "geo-status": [], "geo-update": [], "fleet-status": [], "fleet-acl": [],
}

# Fields that no golden row shows: a good policy has no errors, and containers and a fleet in touch have tests of their own.
NOT_SHOWN = ("check: errors[].", "fleet: members[].", "fleet: store.", "fleet: settings.unfit[].", "fleet_sources: ", *(f"explain: counts.{of}.on[]." for of in ("source", "network", "set", "service")), "status: containers[].", "suggest: services[].countries.shares[].", "suggest: services[].countries.allow-countries[]")


def fields(answer, at=""):
    """Returns {path: row}, in which the rows of other answers are put in where they are named."""
    found = {}
    for row in ANSWERS[answer]["fields"]:
        path = at + ("." if at and row["path"][:1] != "[" else "") + row["path"]
        found |= fields(row["text"], path) if row["type"] == "SAME" else {path: row}
    return found


def leaves(value, at=""):
    """Yields (path, value) of everything in a value, objects and lists included."""
    yield at, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{at}.{key}" if at else key)
    if isinstance(value, list):
        for inner in value:
            yield from leaves(inner, at + "[]")


def parents(rows):
    """Returns the paths of objects and lists that have a row below them."""
    return {path[: m.start()] or "" for path in rows for m in re.finditer(r"\.|\[\]", path)} | {path[: m.end()] for path in rows for m in re.finditer(r"\[\]", path)} | {""}


def is_right(row, value):
    if value is None:
        return row["presence"] == "NULL"
    return isinstance(value, KINDS[row["type"]]) and (row["type"] == "BOOLEAN" or not isinstance(value, bool))


def at_path(value, path):
    """Returns the objects (or the elements' lists) at a path; "" is the value itself."""
    found = [value]
    for step in re.findall(r"\[\]|[^.\[\]]+", path):
        if step == "[]":
            found = [inner for one in found if isinstance(one, list) for inner in one]
        else:
            found = [one[step] for one in found if isinstance(one, dict) and one.get(step) is not None]
    return found


def is_named_by_what_it_counts(path, rows):
    """Whether it is below a row of type ANY that has no rows below itself: there is one key for each reason, as `observed.by` says."""
    above = path.rpartition(".")[0]
    return above in rows and rows[above]["type"] == "ANY" and not any(other.startswith(f"{above}.") for other in rows)


def wrong(value, rows):
    """Yields what is not as answers.def says: of another type, not in the list, or missing."""
    known = parents(rows)
    for path, got in leaves(value):
        if path in rows and not is_right(rows[path], got):
            yield f"{path} is {got!r}, not {rows[path]['type']}"
        if path not in rows and path not in known and not is_named_by_what_it_counts(path, rows):
            yield f"{path} is not in answers.def"
        if path not in rows and path in known and not isinstance(got, (dict, list)):
            yield f"{path} is {got!r}, neither object nor list"
    for path, row in rows.items():
        above, _, key = path.rpartition(".") if not path.endswith("[]") else ("", "", "")
        if key and "[]" not in key and row["presence"] != "MAYBE":
            yield from (f"{path} is missing" for one in at_path(value, above) if isinstance(one, dict) and key not in one)
        if not above and key and row["presence"] != "MAYBE" and isinstance(value, dict) and "." not in path and path not in value:
            yield f"{path} is missing"


def rows_of(answer):
    if ANSWERS[answer]["form"] != "ORDER":
        return fields(answer)
    return fields("order") | {f"data.{path}": row for path, row in fields(answer).items()}


def problems(said, answer, code, out):
    try:
        value = json.loads(out)
    except ValueError:
        return [f"{said}: no JSON: {out[:200]!r}"]
    found = [f"{said}: {w}" for w in wrong(value, rows_of(answer))]
    if (answer == "failure") != (code not in (0, 1) if said.startswith("doctor") else code != 0):
        found.append(f"{said}: exit status {code} with {answer}")
    return found


def test_every_verb_has_its_golden_rows():
    assert set(GOLDEN) == set(VERBS), "a verb without golden rows, or rows without a verb"
    told = {answer for rows in GOLDEN.values() for _, answer in rows}
    assert {a for a, row in ANSWERS.items() if row["form"] in ("DATA", "ORDER")} == told


def test_a_field_that_is_wrong_missing_or_not_declared_is_found():
    rows = fields("allows")
    good = {"source": "192.0.2.1", "expires_in": None, "reason": ""}
    assert list(wrong([good], rows)) == list(wrong([], rows)) == []
    for bad in ({**good, "reason": 1}, {**good, "source": None}, {**good, "more": 1}, {k: v for k, v in good.items() if k != "reason"}, {**good, "expires_in": True}):
        assert len(list(wrong([bad], rows))) == 1, bad
    row = {"type": "ANY", "presence": "MAYBE"}
    assert not list(wrong({"by": {"denied": 1}}, {"by": row})) and list(wrong({"by": {"denied": 1}}, {"by": row, "by.country": {**row, "type": "INTEGER"}}))
    assert list(wrong({"ok": True}, fields("order"))), "the fields of the answer itself are checked, too"


def test_every_answer_has_the_fields_of_answers_def_and_no_other(make, tmp_path):
    (tmp_path / "countries.csv").write_text(COUNTRIES)
    (tmp_path / "networks.csv").write_text(NETWORKS)
    (tmp_path / "fleet.secret").write_text("a secret of these tests\n")
    (tmp_path / "fleet.secret").chmod(0o600)
    (tmp_path / "foes.txt").write_text("10.77.1.0/24\nno prefix\n")
    net, sluice = make(POLICY)
    names = {"policy": sluice.file, "other": tmp_path / "other.conf", "bad": tmp_path / "bad.conf", "main_cf": ROOT / "tests/e2e/import/main.cf"}
    names["other"].write_text(sluice.file.read_text().replace("= 100", "= 101"))
    names["bad"].write_text("interfaces = {s0}\nservise smtp { ports = {25} }\n")
    (tmp_path / "countries.csv").write_text(COUNTRIES.replace("DE", "AT"))
    net.serve("::", 25)
    h, friend, foe = net.hold("10.77.0.2"), net.hold("10.77.0.4"), net.hold("10.77.1.1")
    watch = Watch(net, sluice, "--json")
    h("open", 3), friend("open", 1), foe("open", 1)
    assert h.greeted(2) and friend.greeted(1)
    assert wait_for(lambda: len(watch.lines()) >= 2)
    found = [f"watch: {w}" for line in watch.lines() for w in wrong(line, fields("watch"))]
    watch.end()
    seen = set()
    for verb in GOLDEN:
        for said, answer in GOLDEN[verb]:
            words = said.format(**names).split()
            code, out, _ = sluice.ctl("--json", *words)
            found += problems(said, answer, code, out)
            seen |= {(answer, path) for path, _ in leaves(json.loads(out or "null"))}
    never = [f"{answer}: {path}" for answer in sorted({a for a, _ in seen}) for path, row in rows_of(answer).items() if row["presence"] != "MAYBE" and (answer, path) not in seen]
    assert [path for path in never if not path.startswith(NOT_SHOWN)] == []
    assert not found, "\n".join(found)


def test_failures_before_the_daemon_is_asked_are_json_too(make):
    _, sluice = make("service smtp { ports = {25} }\n")
    for words in (("nonsense",), (), ("status", "more"), ("ban",), ("sources", "--top", "x"), ("sources", "--bogus"), ("bans", "--by"), ("geo", "status", "--force")):
        code, out, err = sluice.ctl("--json", *words)
        assert code == 2 and list(wrong(json.loads(out), fields("failure"))) == [] and json.loads(out)["exit"] == 2, (words, out)
        assert json.loads(out)["error"].split("\n")[0] in err or not words, (words, err)


def request(sluice, verb, args):
    return ask(socket_of(sluice), json.dumps({"verb": verb, "args": args}).encode("utf-8", "surrogateescape") + b"\n")


def bad_values(param):
    """Returns values that do not fit the type in verbs.def."""
    common = [None, [], {}, [1], {"a": 1}, 1.5, -1]
    if param["type"] == "TEXT":
        return common + [True, 7, "x" * (param["most"] + 1)] if param["most"] < 60000 else common + [True, 7]
    if param["type"] == "NUMBER":
        return common + [True, "7", param["most"] + 1, 1 << 62] + ([param["least"] - 1] if param["least"] else [])
    return common + ["true", 1, 0]


def test_a_request_that_verbs_def_does_not_have_is_refused_by_name_and_does_nothing(make):
    _, sluice = make("service smtp { ports = {25} }\n")
    for verb in (v for v in VERBS.values() if v["right"] != "LOCAL"):
        for param in (p for p in verb["params"] if p["arg"]):
            for value in bad_values(param):
                answer = request(sluice, verb["name"], {param["arg"]: value})
                assert not answer["ok"] and answer["exit"] == 2 and param["arg"] in answer["error"], (verb["name"], param["arg"], value, answer)
        for name in ("nonsense", "", "Service", "x" * 3000):
            answer = request(sluice, verb["name"], {name: "x"})
            assert not answer["ok"] and answer["exit"] == 2 and f"no argument '{name[:64]}'" in answer["error"], (verb["name"], answer)
    for local in (v["name"] for v in VERBS.values() if v["right"] == "LOCAL"):
        assert "unknown verb" in request(sluice, local, {})["error"]
    assert "did you mean 'service'?" in request(sluice, "sources", {"servise": "smtp"})["error"]
    assert sluice.daemon.poll() is None and sluice.json("status")["generation"] == 1 and sluice.json("bans") == sluice.json("allows") == []


def test_no_random_request_ends_the_daemon_and_no_bad_one_is_carried_out(make):
    _, sluice = make("service smtp { ports = {25} }\n")
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    verbs = [v for v in VERBS.values() if v["right"] != "LOCAL"]
    names = sorted({p["arg"] for v in verbs for p in v["params"] if p["arg"]})
    junk = [None, [], {}, True, False, 0, -1, 1 << 40, 1e9, "", "x", "ü" * 50, "192.0.2.1", "smtp", "1h", "y" * 5000, "\x1b[2J", "/etc/passwd"]
    for _ in range(600):
        verb = rng.choice(verbs)
        args = {rng.choice(names): rng.choice(junk) for _ in range(rng.randrange(4))}
        said = json.dumps({"verb": verb["name"], "args": {**args, "nonsense": rng.choice(junk)}}).encode() + b"\n"
        if not rng.randrange(4):
            said = said.replace(b"nonsense", b"non\xffsense")
        answer = ask(socket_of(sluice), said)
        assert answer["ok"] is False and answer["error"] and answer["exit"] in (1, 2), (seed, said, answer)
    assert sluice.daemon.poll() is None and sluice.json("status")["generation"] == 1, seed
