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
