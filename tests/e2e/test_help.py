# SPDX-License-Identifier: BSD-2-Clause
"""`CMD --help` explains that command: every word and option, keys and reasons, and examples that do what they say."""
import json
import re
import shlex
import subprocess

import pytest

from net import BUILD, ROOT

API = json.loads(subprocess.run([BUILD / "tests/lib/api"], check=True, capture_output=True, text=True).stdout)
COMMANDS = {v["name"]: [p for p in v["params"] if p["place"] in ("WORD", "OPTION")] for v in API["verbs"] if v["help"]}
POLICY = """include(conf.d/*.conf)
geoip { database = {countries.csv} }
fleet { servers = {127.0.0.1:6379} secret-file = secret }
service smtp { ports = {25} max-connections = 500 max-connections-per-source = 50 fleet = true }
source-set partners { prefixes = {203.0.113.0/24} max-connections-per-source = 90 }
"""
FIRST = {  # what must be done before an example
    "sluicectl revert": ["apply", "new.conf", "--confirm", "10m"],
    "sluicectl disallow 198.51.100.7": ["allow", "198.51.100.7"],
    "sluicectl erase 192.0.2.1": ["ban", "192.0.2.1"],
    "sluicectl unset service smtp max-connections": ["set", "service", "smtp", "max-connections", "100"],
}
ENDLESS = {"sluicectl watch": "", "sluicectl top": "top draws on a terminal"}  # commands that go on, and what they say without a terminal


def help_of(command):
    return subprocess.run([BUILD / "sluicectl", command, "--help"], check=True, capture_output=True, text=True).stdout


def examples_of(command):
    return re.findall(r"^  (sluicectl .*)\n      \S", help_of(command).split("\nExamples:\n")[1], re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_word_and_option_is_and_gives_an_example(command):
    text = help_of(command)
    assert text.startswith(f"usage: sluicectl {command} ") and all(len(line) <= 80 or "sluicectl import" in line for line in text.splitlines()), text
    for p in COMMANDS[command]:
        shown = "  " + (f"--{p['name']} {p['shown']}".strip() if p["place"] == "OPTION" else p["shown"])
        assert re.search(rf"^{re.escape(shown)}\n      \S", text, re.M), f"nothing is said of{shown}: {text}"
    assert examples_of(command) and all(shlex.split(line)[1] in (command, "--json") for line in examples_of(command))
    kinds = {p["type"] for p in COMMANDS[command]}
    for kind, word in (("KEY", "  max-rate-per-source = 60/1m"), ("KEY", "  action = limit|allow|deny"), ("LIMIT_KEY", "  max-rate-per-network = 60/1m"),
                       ("REASON", "  source-connections"), ("CHOICE", "|".join(["axigen", "csf"]) if command == "import" else "")):
        assert kind not in kinds or word in text, (kind, word)


def test_every_example_runs_as_it_was_printed(make, tmp_path):
    (tmp_path / "countries.csv").write_text("203.0.113.0,203.0.113.255,FR\n")
    (tmp_path / "secret").write_text("a secret of sixteen bytes and more\n")
    (tmp_path / "secret").chmod(0o600)
    net, sluice = make(POLICY)
    (tmp_path / "new.conf").write_text(sluice.file.read_text().replace("500", "400"))
    (tmp_path / "bans.txt").write_text("198.51.100.200\n")
    (tmp_path / "main.cf").write_text((ROOT / "tests/e2e/import/main.cf").read_text())

    def run(words, seconds=None):
        argv = net.enter(net.server, [BUILD / "sluicectl", "-i", sluice.instance, *words])
        child = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            return child.communicate(timeout=seconds)[0], child.returncode
        except subprocess.TimeoutExpired:
            child.terminate()
            return child.communicate()[0], None

    for command in sorted(COMMANDS, key=lambda c: c == "unload"):
        for line in examples_of(command):
            said, status = run(FIRST[line]) if line in FIRST else ("", 0)
            assert status == 0, (line, said)
            said, status = run(shlex.split(line)[1:], 1 if line in ENDLESS else 60)
            if line in ENDLESS:
                assert ENDLESS[line] in said and "usage" not in said, (line, said)
            else:
                assert status == 0, (line, said)
    assert "60/1m" in "".join(f.read_text() for f in (tmp_path / "conf.d").iterdir()), "the setting is saved"


def test_the_importers_lines_name_their_own_format():
    text = help_of("import")
    formats = next(p["shown"] for p in COMMANDS["import"]).split("|")
    for name in formats:
        assert re.search(rf"^ +sluicectl import {name} /", text, re.M), name


def test_help_of_all_fits_and_leads_on():
    text = subprocess.run([BUILD / "sluicectl", "help"], check=True, capture_output=True, text=True).stdout
    assert "sluicectl COMMAND --help explains one command" in text
    assert [c for c in COMMANDS if f"\n  {c} " not in text] == []
