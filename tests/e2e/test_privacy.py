# SPDX-License-Identifier: BSD-2-Clause
"""No address leaves the kernel in more detail than the policy says, and operators can answer a data-subject request."""
import ipaddress, json, os, pathlib, re, subprocess

import pytest

import web
from net import BUILD, wait_for
from test_watch import watching

POLICY = """privacy {{ addresses = {how} }}
service smtp {{ ports = {{25}} max-connections-per-source = 2 }}
source-set foes {{ prefixes = {{10.77.1.0/24}} action = deny }}
"""
KNOWN = ["10.77.0.2", "10.77.0.3", "10.77.1.1", "fd77:0:1::2", "fd77:0:2::3"]
READS = ["status", "counters", "sources", "bans", "allows", "refusals", "history", "suggest", "privacy report", "diff", "limits", "dump"]
PAGES = ["/", "/metrics", "/status.json", "/history.json", "/healthz"]


def addresses_in(text):
    """Returns all that is one whole address of the test's networks, without the networks that truncation leaves."""
    found = set()
    for word in re.findall(r"[0-9a-fA-F:.]{4,}(?:/\d+)?", text):
        try:
            net = ipaddress.ip_network(word.strip(".:") if word.count("::") == 0 else word.strip("."), strict=False)
        except ValueError:
            continue
        if net.prefixlen > (24 if net.version == 4 else 48) and str(net.network_address) in KNOWN:
            found.add(word)
    return found


def group(sluice):
    """Returns the group that may use the socket; 0: this machine had no group sluice when it started."""
    return os.stat(f"/run/sluice/{sluice.instance}.sock").st_gid


@pytest.fixture
def readable(make, tmp_path):
    """Like make(), but the group `nogroup` may use the socket if this machine has no group sluice."""

    def build(policy):
        net, sluice = make(policy)
        if not group(sluice):
            os.chmod(f"/run/sluice/{sluice.instance}.sock", 0o666)
        return net, sluice

    return build


def group_asks(net, sluice, *words):
    """Returns what a member of the group, who is not root, is told."""
    argv = ["/usr/bin/setpriv", "--reuid=65534", f"--regid={group(sluice) or 65534}", "--clear-groups"]
    done = net.run(net.server, *argv, BUILD / "sluicectl", "-i", sluice.instance, *words, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout + done.stderr


def group_reads(net, sluice):
    return "".join(group_asks(net, sluice, *form, *verb.split()) for verb in READS for form in ([], ["--json"]))


def files_written(since):
    """Returns every regular file below the usual folders that changed since then, except what other tests write."""
    found = subprocess.run(
        ["find", "/run", "/var/lib/sluice", "/var/log", "/etc/sluice", "-xdev", "-type", "f", "-newer", since, "-size", "-4096k"],
        capture_output=True, text=True,
    ).stdout.split("\n")
    return [f for f in found if f and "sluice" in f]


def scenario(net, sluice, w):
    net.serve("::", 25)
    holders = [net.hold("10.77.0.2"), net.hold("10.77.0.3")]
    for source in ("fd77:0:1::2", "fd77:0:2::3"):
        holders.append(net.hold(source, "fd77::1"))
    for h in holders:
        h("open", 3)
        assert h.greeted(2)
    sluice.do("ban", "10.77.0.3", "--for", "1h", "--reason", "loud")
    sluice.do("allow", "fd77:0:2::3", "--for", "1h")
    holders[1]("open", 1)
    assert wait_for(lambda: "banned" in w.text() and "source-connections" in w.text()), w.text()


@pytest.mark.parametrize("how", ["truncated", "hashed", "full"])
def test_no_output_shows_more_of_an_address_than_the_policy_says(readable, tmp_path, how):
    stamp = tmp_path / "stamp"
    stamp.write_text("")
    net, sluice = readable(POLICY.format(how=how))
    w, plain = watching(net, sluice, "--json"), watching(net, sluice)
    scenario(net, sluice, w)
    sluice.do("reload")
    sluice.do("limit", "10.77.0.3", "max-connections-per-source", "9")
    said = {
        "answers to the group": group_reads(net, sluice),
        "the exporter": "".join(web.request(net.server, 9798, page)[2] for page in PAGES),
        "watch": w.text() + plain.text(),
        "log": sluice.logged(),
    }
    kept = sluice.state / f"{sluice.instance}.state"
    assert "10.77.0.3" in kept.read_text() and kept.stat().st_mode & 0o777 == 0o600, "the one file with whole addresses belongs to root"
    memory = sluice.state / f"{sluice.instance}.refusals"
    assert wait_for(memory.exists) and memory.stat().st_mode & 0o777 == 0o600
    said["the file of refusals"] = memory.read_text()
    assert any(p["place"] == "file: bans, allows and live settings" for p in sluice.json("privacy", "report")["places"])
    for path in files_written(stamp):
        said[path] = pathlib.Path(path).read_text(errors="replace")
    w.end(), plain.end()
    whole = {place: addresses_in(text) for place, text in said.items()}
    if how == "full":
        assert whole["watch"] >= {"10.77.0.2", "10.77.1.1"} and "10.77.0.3" in whole["answers to the group"]
        return
    assert not any(whole.values()), whole
    shown = "10.77.0.0/24" if how == "truncated" else "h-"
    assert shown in said["answers to the group"] and shown in said["watch"]
    assert sluice.json("refusals")["remembered"] and not addresses_in(sluice.do("refusals")), "sluiced keeps no more than it shows, and shows root no more either"
    assert addresses_in(sluice.do("sources")) >= {"10.77.0.2"}, "root sees whole addresses of what the kernel has"


@pytest.mark.parametrize("how", ["truncated", "hashed", "full"])
def test_an_address_that_somebody_typed_is_shown_as_the_policy_says(readable, how):
    net, sluice = readable(POLICY.format(how=how))
    sluice.do("ban", "10.77.0.3", "--reason", "ip:10.77.0.2 10.77.0.2.example.org", "--by", "siem@10.77.0.2")
    sluice.do("ban", "10.77.0.4", "--reason", "loud", "--by", "siem")
    sluice.do("set", "source-set", "foes", "prefixes", "{10.77.1.0/24, 10.77.1.9}")
    page = "".join(web.request(net.server, 9798, page)[2] for page in PAGES)
    assert not addresses_in(page) and json.loads(web.request(net.server, 9798, "/status.json")[2])["live"][0]["value"] is None
    assert 'sluice_bans{owner="siem"} 1' in page and 'sluice_bans{owner="(others)"} 1' in page, "an owner with an address is not named"
    assert "ip:10.77.0.2 " in sluice.do("explain", "10.77.0.3", "--service", "smtp") and sluice.json("bans")[0]["owner"] == "siem@10.77.0.2", "root sees what was typed"
    told = {
        "the log": sluice.logged(),
        "answers to the group": group_reads(net, sluice),
        "explain": group_asks(net, sluice, "explain", "10.77.0.3", "--service", "smtp").replace("10.77.0.3", ""),
    }
    whole = {place: addresses_in(text) for place, text in told.items()}
    assert all(whole.values()) if how == "full" else not any(whole.values()), whole
    assert ("10.77.1.9" in group_asks(net, sluice, "status")) == (how == "full"), "dump has the set as it was written"


def test_hashes_of_watch_and_sources_are_the_same(readable):
    net, sluice = readable(POLICY.format(how="hashed"))
    net.serve("::", 25)
    w = watching(net, sluice, "--json")
    h = net.hold("fd77:0:1::2,fd77:0:1::3", "fd77::1")
    h("open", 3)
    assert wait_for(lambda: any(l["reason"] == "source-connections" for l in w.lines()))
    refused = {l["source"] for l in w.lines() if l["reason"] == "source-connections"}
    w.end()
    assert len(refused) == 1 and refused.pop() in group_reads(net, sluice)


def test_export_tells_all_and_erase_forgets_what_has_nothing_open(make):
    net, sluice = make(POLICY.format(how="truncated"))
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)
    sluice.do("ban", "10.77.0.2", "--reason", "loud", "--for", "1h")
    told = sluice.json("export", "10.77.0.2")
    assert told["counters"] == [{"service": "smtp", "connections": 2, "reserved": 0, "new": told["counters"][0]["new"], "idle": told["counters"][0]["idle"]}]
    assert told["ban"]["reason"] == "loud" and told["ban"]["by_uid"] == 0 and told["allow"] is None
    code, out, err = sluice.ctl("erase", "10.77.0.2")
    assert code == 0 and "1 left" in out and "is open" in err
    assert "the ban of 10.77.0.2 by uid:0 stays, and names it: sluicectl unban 10.77.0.2 --by uid:0" in err
    sluice.do("unban", "10.77.0.2")
    h("close", 2)
    assert wait_for(lambda: sluice.connections() == 0)
    assert sluice.json("export", "10.77.0.2")["counters"], "counters stay for the retention time"
    assert "1 records erased, 0 left" in sluice.do("erase", "10.77.0.2")
    assert sluice.json("export", "10.77.0.2")["counters"] == []


def test_report_names_every_map_that_has_an_address_in_its_key_or_value(make):
    """Maps come and go. A developer who adds one with an address must name it in the report, or say here why it has none."""
    _, sluice = make("privacy { retention = 1s }\nsources { retention = 1h }\nservice smtp { ports = {25} }\n")
    report = sluice.json("privacy", "report")
    said = " ".join(p["place"] for p in report["places"])
    names = {
        "sources": "sources", "handshakes": "handshakes", "connections": "connections", "events": "events",
        "suspects": "suspects", "fragments": "fragments", "sketch": "sketch", "known": "kernel: known", "stamps": None,  # stamps: the host's own addresses
        "live_bans": "live bans and allows", "ban_rows": "live bans and allows", "live_allows": "live bans and allows", "tries": "classes and rules",
        "classes": "classes and rules", "rules": "classes and rules", "listeners": None,  # the host's own addresses
        "networks": "networks", "rates": "kernel: rates", "shared_rates": "shared rates", "due": None,  # what the daemon is about to free
        "refusals": "kernel: refusals", "refusals6": "kernel: refusals", "fleet_leases": "kernel: fleet_leases", "fleet_changes": "kernel: fleet_changes",
        "halves": "halves", "insides": "insides", "published": None, "containers": None, "locals": None,  # the host's and its containers' addresses
    }  # fmt: skip
    free = {"control", "fleet", "admitted_from", "generations", "ports", "services", "shared", "totals", "handshake_load", "socket_tuples", "guards", "answers", "answer_counts", "stats", "sweeper", "identity", "names", "budgets", "peaks", "tally", "audits", "countries", "pressures", "arrivals", "no_room", "cookie_requests", "syncookies", "shared_held", "total_rates"}
    pinned = {f for f in os.listdir(f"/sys/fs/bpf/sluice/{sluice.instance}") if not f.startswith(("link_", "prog_"))}
    maps = {f for f in pinned if "@" not in f}
    assert maps <= set(names) | free, maps - set(names) - free
    assert all(place is None or place in said for place in names.values())
    assert report["addresses"] == "truncated" and "then 1s" in sluice.do("privacy", "report")
