# SPDX-License-Identifier: BSD-2-Clause
"""import guesses nothing: what says less, more or something else than it seems is left out with its line, or keeps its exact meaning."""
import re

import pytest

from test_import import run

HAPROXY = "frontend f\n bind :25\n {}\n"


def imported(directory, name, *texts):
    """Returns the policy without its comments, and {place of a line: its reasons}, for files that are called 1, 2, ..."""
    for number, text in enumerate(texts, 1):
        (directory / str(number)).write_text(text)
    said, _, left = run("import", name, *map(str, range(1, len(texts) + 1)), cwd=directory).partition("\n# Without an equivalent:\n")
    lines = left.splitlines()
    reasons = {}
    for line, why in zip(lines[::2], lines[1::2]):
        reasons.setdefault(line.split()[1].rstrip(":"), []).append(why)
    return re.sub(r"^ *#.*\n", "", said, flags=re.M), {place: " ".join(whys) for place, whys in reasons.items()}


@pytest.mark.parametrize("track, condition", [
    ("track-sc0 src,ipmask(24)", "sc0_conn_cur gt 50"), ("track-sc0 src unless { src -f /etc/white.lst }", "sc0_conn_cur gt 20"),
    ("track-sc1 src if { dst_port 25 }", "sc_conn_cur(1) gt 20"), ("track-sc0 base32 table a", "sc0_conn_rate gt 20"),
    ("track-sc0 hdr(x-forwarded-for) table a", "src_conn_rate(a) gt 20"), ("track-sc1 src", "sc0_conn_cur gt 20"),
])
def test_a_counter_of_haproxy_that_counts_by_something_else_than_the_source_is_no_limit(tmp_path, track, condition):
    rules = f"tcp-request connection {track}\n tcp-request connection reject if {{ {condition} }}"
    said, left = imported(tmp_path, "haproxy", HAPROXY.format(rules) + "backend a\n stick-table type ip size 1k store conn_rate(10s)\n")
    assert "max-" not in said, said
    assert "1:4" in left, left


@pytest.mark.parametrize("fetch", ["sc0_conn_rate", "sc_conn_rate(0)", "src_conn_rate(a)", "sc1_conn_rate(a)", "sc_conn_rate(1,a)"])
def test_a_counter_of_haproxy_counts_in_its_own_table(tmp_path, fetch):
    rules = "\n ".join(["tcp-request connection track-sc0 src table a", "tcp-request connection track-sc1 src table b",
                        f"tcp-request connection reject if {{ {fetch} gt 60 }}"])
    tables = "".join(f"backend {name}\n stick-table type ip size 1k store conn_rate({time})\n" for name, time in (("a", "10s"), ("b", "1h")))
    said, left = imported(tmp_path, "haproxy", HAPROXY.format(rules) + tables)
    assert "max-rate-per-source = 60/10s" in said and not left, (said, left)


@pytest.mark.parametrize("time, rate", [("10000", "60/10s"), ("60000ms", "60/60s"), ("1m", "60/60s"), ("1500", None), ("10", None)])
def test_a_time_of_haproxy_without_a_unit_is_in_milliseconds(tmp_path, time, rate):
    rules = f"stick-table type ip size 1k store conn_rate({time})\n tcp-request connection reject if {{ src_conn_rate gt 60 }}"
    said, left = imported(tmp_path, "haproxy", HAPROXY.format(rules))
    assert re.findall(r"max-rate-per-source = (.*)", said) == [rate] * (rate is not None), said
    assert left if rate is None else not left, left


def test_a_converter_behind_a_counter_of_haproxy_is_not_passed_over(tmp_path):
    said, left = imported(tmp_path, "haproxy", HAPROXY.format("tcp-request connection reject if { src_conn_cur(f),div(2) gt 60 }"))
    assert "max-" not in said and "judges by" in left["1:3"]


def test_sections_of_haproxy_take_what_their_own_defaults_say(tmp_path):
    text = ("defaults tight\n maxconn 9\nfrontend a\n bind :25\ndefaults\n mode tcp\nfrontend b\n bind :143\n"
            "frontend c from tight\n bind :993\ndefaults more from tight\n mode tcp\nfrontend d\n bind :587\n")
    said, _ = imported(tmp_path, "haproxy", text)
    limits = dict(re.findall(r"service (\w) \{.*?^    max-connections = (\d+)", said, re.M | re.S))
    assert limits == {"a": "9", "c": "9", "d": "9"}, said
    assert "service b" not in said
