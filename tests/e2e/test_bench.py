# SPDX-License-Identifier: BSD-2-Clause
"""The bench runs, cleans up, and writes a file of the promised form. Nothing here looks at a time."""
import copy, json, os, secrets, signal, subprocess

import jsonschema
import pytest

from net import ROOT, wait_for

SCHEMA = json.loads((ROOT / "scripts/bench/schema.json").read_text())


TAG = "sb" + secrets.token_hex(2)
PATH = os.environ["PATH"]


def start(out, *tables, path=PATH, **more):
    env = {**os.environ, "BENCH": "tiny", "PATH": path, "SLUICE_TAG": TAG, **more}
    argv = ["/usr/bin/python3", ROOT / "scripts/bench", "-o", out, *tables]
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def bench(directory, *tables, **more):
    process = start(directory / "bench.json", *tables, **more)
    said, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, said + complaints
    return said, json.loads((directory / "bench.json").read_text())


def left():
    return [name for where in ("/run/netns", "/sys/fs/bpf/sluice") if os.path.isdir(where) for name in os.listdir(where) if name.startswith(TAG)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    return bench(tmp_path_factory.mktemp("bench"), "port", "growth-services", "stages")


def test_file_of_a_run_has_the_promised_shape(ran):
    _, document = ran
    jsonschema.validate(document, SCHEMA)
    assert [t["name"] for t in document["tables"]] == ["port", "growth-services", "stages", "programs"]
    assert document["mode"] == "tiny" and document["machine"]["kernel"] == os.uname().release
    assert [a["aim"].split(":")[0] for a in document["aims"]] == [
        "an established packet",
        "an admitted SYN of a new source",
        "a SYN that finds no room for its handshake",
        "1 service to 2 services",
    ]


def test_packets_that_run_by_themselves_have_their_median_and_their_mean(ran):
    rows = {r["name"]: r["figures"] for r in ran[1]["tables"][2]["rows"]}
    single = {name for name, figures in rows.items() if "mean_ns" in figures}
    assert {n for n in rows if n.startswith(("admitted", "SYN cookie")) or n.endswith("singly")} <= single
    assert not {n for n in rows if n.startswith(("established", "refused", "denied"))} & single


def test_shape_refuses_a_figure_without_its_rounds(ran):
    broken = copy.deepcopy(ran[1])
    broken["tables"][0]["rows"][0]["figures"]["mpps"]["all"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


def test_every_peer_has_its_row_and_its_packets_arrived(ran):
    said, document = ran
    rows = {r["name"]: r for r in document["tables"][0]["rows"]}
    assert list(rows) == ["XDP_DROP", "sluice", "xdp-filter", "nftables"]
    for name, row in rows.items():
        assert row["missing"] is None and row["figures"]["mpps"]["median"] > 0, row
        assert f"| {name} |" in said


def test_run_that_is_ended_leaves_nothing_behind(ran, tmp_path):
    assert left() == [], "nothing is left after a run"
    process = start(tmp_path / "bench.json", "growth-services")
    try:
        assert wait_for(lambda: any(os.path.exists(f"/sys/fs/bpf/sluice/{name}/prog_gate") for name in left()), 60), "the run is under way"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143 and left() == []
    assert not (tmp_path / "bench.json").exists()


def test_peer_and_earlier_build_that_are_missing_are_reported(tmp_path):
    """The bench finds xdp-filter by PATH alone, and here that is a program that fails. No revision has this name."""
    fake = tmp_path / "xdp-filter"
    fake.write_text("#!/bin/sh\necho no such thing in this kernel >&2\nexit 1\n")
    fake.chmod(0o755)
    said, document = bench(tmp_path, "address", path=f"{tmp_path}:{os.environ['PATH']}", BEFORE="0" * 40)
    row = next(r for r in document["tables"][0]["rows"] if r["name"] == "xdp-filter")
    assert row["figures"] == {} and "no such thing in this kernel" in row["missing"]
    assert "| xdp-filter | not measured: no such thing in this kernel |" in said
    assert document["command"].startswith(f"BEFORE={'0' * 40} ")
    assert f"| sluice, the build before | not measured: {'0' * 40} is not in this checkout |" in said
