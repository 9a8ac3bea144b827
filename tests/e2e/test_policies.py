# SPDX-License-Identifier: BSD-2-Clause
"""Bad policies: the first line of each file says which line is at fault, and what the message must say about it."""
import json, re, subprocess

import pytest

from net import BUILD, ROOT

BAD = sorted((ROOT / "tests/policies/bad").glob("*.conf"))


def test_there_are_many_bad_policies():
    assert len(BAD) >= 45


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
@pytest.mark.parametrize("argv", [["sluiced", "-n", "-c"], ["sluicectl", "check"]], ids=["sluiced", "sluicectl"])
def test_bad_policy_is_explained(path, argv):
    expected = path.read_bytes().split(b"\n")[0].decode().removeprefix("# expect: ")
    where, what = expected.split(": ", 1)
    of_policy = not where.split(":")[0].endswith((".txt", ".csv", ".json", ".ipset"))
    place = f"{path.name}:{where}:[1-9][0-9]*: " if of_policy else f"{where}(:[1-9][0-9]*)?: "
    done = subprocess.run([BUILD / argv[0], *argv[1:], path], capture_output=True, text=True)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    at = next(i for i, line in enumerate(lines) if re.search(place, line) and what in line)
    if of_policy and "binary" not in what:
        column = int(re.search(rf"{path.name}:[0-9]+:([0-9]+): ", lines[at])[1])
        written = path.read_text().splitlines()[int(where.split(":")[0]) - 1]
        caret = lines[at + 2].index("^")
        assert lines[at + 2].strip() == "^" and lines[at + 1][caret:caret + 10].startswith(written[column - 1:column + 9][:3])
    assert all(len(line) < 400 for line in lines)


def checked(path):
    return subprocess.run([BUILD / "sluicectl", "check", "--elsewhere", path], capture_output=True, text=True, timeout=60)


def test_the_largest_policy_file_is_read_at_once_and_its_last_line_is_named(tmp_path):
    """Once each element cost as much as all before it together, and such a file took minutes."""
    path = tmp_path / "large.conf"
    head = "interfaces = {eth0}\nservice smtp { ports = {25} }\nsource-set drop {\n    action = deny\n    prefixes = {\n"
    prefixes = [f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(55000)]
    text = head + "".join(f'"{p}",\n' for p in prefixes) + '"LAST"\n    }\n}\n'
    assert 800_000 < len(text) < 1 << 20
    path.write_text(text.replace("LAST", "192.0.2.0/24"))
    done = checked(path)
    assert done.returncode == 0, done.stderr
    path.write_text(text.replace("LAST", "192.0.2.0/33"))
    done = checked(path)
    assert done.returncode == 2 and f"{path.name}:{len(prefixes) + 6}:1: prefixes: '192.0.2.0/33'" in done.stderr


def test_a_network_that_appears_twice_is_found_in_the_longest_list(tmp_path):
    """Once each element was compared with all before it."""
    path = tmp_path / "large.conf"
    numbers = [i * 7919 % 150001 + 1 for i in range(150000)]
    text = "interfaces = {eth0}\nservice smtp { ports = {25} }\nsource-set a {\n    action = deny\n    asns = {" + ",".join(map(str, numbers)) + "}\n}\n"
    assert 900_000 < len(text) < 1 << 20
    path.write_text(text.replace("}\n}", ",77}\n}"))
    done = checked(path)
    assert done.returncode == 2 and f"{path.name}:5:5: asns: '77' appears twice" in done.stderr


TEN = """\
interfaces = {eth0, eth0}
moode = observe
service smtp {
    ports = {25, smtp}
    max-connections 400
    max-rate = 60/1w
    max-rate = 60/1h
    deny-countries = {DE}
    allow-countries = {FR}
}
services imap { ports = {143} }
source-set partners { prefixes = {192.0.2.0/33} action = allow services = {pop3} }
"""
TEN_MISTAKES = [
    (1, 21, "interfaces", "'eth0' appears twice", "name each interface once"),
    (2, 1, "moode", "unknown key 'moode'", "did you mean 'mode'?"),
    (4, 18, "ports", "'smtp' is not a port", "a number from 1 to 65535"),
    (5, 5, "max-connections", "'=' is missing between 'max-connections' and '400'", "write KEY = VALUE"),
    (6, 16, "max-rate", "'60/1w' is not a rate", "write N/TIME"),
    (7, 5, "max-rate", "max-rate appears twice here, first in line 6, column 5", "keep one of them"),
    (11, 1, "", "unknown section 'services'", "did you mean 'service'?"),
    (12, 35, "prefixes", "'192.0.2.0/33' prefix length must be 0-32", "write one, as 192.0.2.0/24"),
    (9, 5, "allow-countries", "has deny-countries and allow-countries", "use only one of them"),
    (12, 64, "services", "no service 'pop3'", "define it, or correct the name"),
]


def test_one_run_names_all_ten_mistakes_of_a_policy_with_line_column_and_caret(tmp_path):
    path = tmp_path / "ten.conf"
    path.write_text(TEN)
    done = checked(path)
    said = done.stderr.splitlines()
    assert done.returncode == 2 and not done.stdout
    assert len(said) == 3 * len(TEN_MISTAKES), done.stderr
    for i, (line, column, _, text, hint) in enumerate(TEN_MISTAKES):
        message, written, caret = said[3 * i:3 * i + 3]
        assert message.startswith(f"{path}:{line}:{column}: ") and f"{text}" in message and hint in message
        assert written == "    " + TEN.splitlines()[line - 1] and caret == " " * (4 + column - 1) + "^"


def test_check_says_as_json_what_it_says_as_text(tmp_path):
    path = tmp_path / "ten.conf"
    path.write_text(TEN)
    done = subprocess.run([BUILD / "sluicectl", "--json", "check", path], capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert done.returncode == 2 and said["ok"] is False and not done.stderr
    assert all(list(e) == ["file", "line", "column", "key", "text", "hint"] for e in said["errors"])
    got = [(e["file"], e["line"], e["column"], e["key"]) for e in said["errors"]]
    assert got == [(str(path), *mistake[:3]) for mistake in TEN_MISTAKES]
    assert all(text in e["text"] and hint in e["hint"] for e, (*_, text, hint) in zip(said["errors"], TEN_MISTAKES))
    assert subprocess.run([BUILD / "sluicectl", "--json", "doctor", path], capture_output=True, text=True).stdout == done.stdout
    path.write_text("interfaces = {eth0}\nservice smtp { ports = {25} }\n")
    done = subprocess.run([BUILD / "sluicectl", "--json", "check", path], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True and json.loads(done.stdout)["errors"] == []
