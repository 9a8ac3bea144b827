# SPDX-License-Identifier: BSD-2-Clause
"""Bad policies: each file's first line says which line is at fault and what must be said of it."""
import pathlib, subprocess

import pytest

from net import BUILD, ROOT

BAD = sorted((ROOT / "tests/policies/bad").glob("*.conf"))


def test_there_are_many():
    assert len(BAD) >= 45


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
@pytest.mark.parametrize("argv", [["sluiced", "-n", "-c"], ["sluicectl", "check"]], ids=["sluiced", "sluicectl"])
def test_bad_policy_is_explained(path, argv):
    expected = path.read_bytes().split(b"\n")[0].decode().removeprefix("# expect: ")
    where, what = expected.split(": ", 1)
    place = f"{where}: " if where.split(":")[0].endswith((".txt", ".csv")) else f"{path.name}:{where}: "
    done = subprocess.run([BUILD / argv[0], *argv[1:], path], capture_output=True, text=True)
    assert done.returncode == 2
    assert place in done.stderr and what in done.stderr
    assert all(len(line) < 400 for line in done.stderr.splitlines())


def checked(path):
    return subprocess.run([BUILD / "sluicectl", "check", path], capture_output=True, text=True, timeout=60)


def test_the_largest_policy_file_is_read_at_once_and_its_last_line_is_named(tmp_path):
    """Once each element cost as much as all before it: such a file took minutes."""
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
    assert done.returncode == 2 and f"{path.name}:{len(prefixes) + 6}: prefixes: '192.0.2.0/33'" in done.stderr


def test_a_network_that_stands_twice_is_found_in_the_longest_list(tmp_path):
    """Once each was compared with all before it."""
    path = tmp_path / "large.conf"
    numbers = [i * 7919 % 150001 + 1 for i in range(150000)]
    text = "interfaces = {eth0}\nservice smtp { ports = {25} }\nsource-set a {\n    action = deny\n    asns = {" + ",".join(map(str, numbers)) + "}\n}\n"
    assert 900_000 < len(text) < 1 << 20
    path.write_text(text.replace("}\n}", ",77}\n}"))
    done = checked(path)
    assert done.returncode == 2 and f"{path.name}:5: asns: '77' stands twice" in done.stderr
