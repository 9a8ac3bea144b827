# SPDX-License-Identifier: BSD-2-Clause
"""Whatever headers lead Linux to TCP, sluice follows them too, or refuses the packet."""
import contextlib
import json
import secrets

import pytest

import topology
from net import LIB, PACE, SERVER, SERVER6, Net, Sluice
from tools import server_mac

POLICY = """service smtp { ports = {25} max-connections-per-source = 1 }
source-set foes { prefixes = {10.77.200.0/24, fd78:bad::/32} action = deny }
"""
# What honest hosts send and the host takes; sluice must not refuse these.
HONEST = ["IPv6: " + n for n in ("plain", "hop-by-hop", "destination", "routing", "atomic fragment", "hop-by-hop and destination", "padded",
                                 "large destination", "priority tag", "data in the SYN", "much data in the SYN")]
HONEST += ["IPv4: " + n for n in ("plain", "options", "padded", "priority tag", "data in the SYN", "much data in the SYN")]


class Client:
    """tests/lib/forms.py with addresses that the client's own kernel does not know, so that it sends no RST for them."""

    def __init__(self, net, mtu):
        if mtu > 1500:
            topology.jumbo(net)
        for words in ("route replace 10.77.200.0/22 via 10.77.0.2", "-6 route replace fd78::/16 via fd77:0:1::2"):
            net.run(net.server, "ip", *words.split())
        self.process = net.ready(net.popen(net.client, LIB / "forms.py", "c0", server_mac(net), SERVER, SERVER6, 25, PACE))

    def __call__(self, asked):
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def try_all(self, forms, kind, port):
        return self([(f, source(f, kind, i), port) for i, f in enumerate(forms)])

    def fuzz(self, seed, count, kind):
        return self(["fuzz", seed, count, f"10.77.{kind[0]}.", f"fd78:{kind[1]}:0:"])


def source(form, kind, i):
    """Returns a source for each form, in a /64 or /32 that no other form has."""
    return f"10.77.{kind[0]}.{i + 2}" if form.startswith("IPv4") else f"fd78:{kind[1]}:0:{i + 1:x}::1"


FOE, GUEST, HOST = ("200", "bad"), ("201", "600d"), ("202", "40")


@pytest.fixture(scope="module", params=[1500, 9000], ids=["MTU 1500", "MTU 9000"])
def tried(request, tmp_path_factory):
    """Yields {form: (what the host makes of it, what a denied source gets, what a first and a second of another source get, how many that holds)}."""
    net = Net()
    try:
        net.serve("::", 25)
        client = Client(net, request.param)
        forms = client("forms")
        alone = client.try_all(forms, HOST, 1000)
        sluice = Sluice(net, tmp_path_factory.mktemp("forms"), "xdp-mode = native\n" + POLICY)
        try:
            print(f"\nMTU {request.param}")
            yield matrix(client, sluice, forms, alone)
        finally:
            sluice.close()
    finally:
        net.close()


def matrix(client, sluice, forms, alone):
    tries = [alone] + [client.try_all(forms, *how) for how in ((FOE, 2000), (GUEST, 3000), (GUEST, 4000))]
    rows = {f: list(row) for f, *row in zip(forms, *tries)}
    held = {s["source"].partition("/")[0]: s["connections"] for s in sluice.json("sources", "--top", 1000)}
    for i, form in enumerate(forms):
        name = source(form, GUEST, i)
        rows[form].append(held.get(name if "." in name else name.removesuffix("1"), 0))
    print(f"\n{'form':45} {'the host':9} {'denied':9} {'1st':9} {'2nd':9} held")
    for form, row in rows.items():
        print(f"{form:45} {' '.join(f'{x or chr(45):9}' for x in row[:4])} {row[4]}  {'counted' if row[4] else 'refused'}")
    print({r: sluice.reason(r, service=s) for s in ("-", "smtp") for r in ("evasion", "fragment", "malformed", "unparsed", "later-fragment", "checksum") if sluice.reason(r, service=s)})
    return rows


def test_no_form_leads_a_denied_source_to_tcp(tried):
    assert {f: row[1] for f, row in tried.items() if row[1]} == {}


def test_every_form_that_is_let_in_is_counted_and_limited(tried):
    for form, (_, _, first, second, held) in tried.items():
        assert held == (first == "greeted"), form
        assert second != "greeted", form


def test_forms_of_honest_hosts_are_let_in_as_without_sluice(tried):
    for form in HONEST:
        assert tried[form][0] == tried[form][2] == "greeted", (form, tried[form])


WHY = ("denied", "admitted", "established", "not-protected", "evasion", "fragment", "malformed", "later-fragment", "checksum", "unparsed")


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_no_random_frame_of_a_denied_source_reaches_tcp(tmp_path, mtu):
    """The same frames from other sources, before sluice is there and after, show what they would reach."""
    calm = "syn-flood { pressure-syn-rate = 0 pressure-half-open = 0 pressure-expired = 0 }\n"
    seed, count = secrets.randbits(32), 4000 // PACE
    with contextlib.closing(Net()) as net:
        net.serve("::", 25)
        client = Client(net, mtu)
        hosts = client.fuzz(seed, count, HOST)
        with contextlib.closing(Sluice(net, tmp_path, calm + POLICY.replace("max-connections-per-source = 1 ", ""))) as sluice:
            guests, foes = client.fuzz(seed, count, GUEST), client.fuzz(seed, count, FOE)
            why = {r: sluice.reason(r, service="smtp") + sluice.reason(r, service="-") for r in WHY}
    print(f"seed {seed}: of {count} the host alone answers {len(hosts)}, with sluice {len(guests)}, and {len(foes)} of a denied source; {why}")
    assert foes == {}, seed
    assert len(hosts) > count / 5 and len(guests) > count / 8, seed
