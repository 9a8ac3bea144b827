# SPDX-License-Identifier: BSD-2-Clause
"""lookup and explain accept a prefix instead of an address, and lookup says what connections it has open."""
from test_refusals import guest

POLICY = """service smtp { ports = {25} max-connections-per-source = 5 }
service imap { ports = {143} }
source-set foes { prefixes = {fd77:0:2::/48} action = deny }
"""


def holding(net, source, n, port=25, to="fd77::1"):
    h = net.hold(source, to, port)
    h("open", n)
    assert h.greeted(n)
    return h


def test_lookup_of_a_prefix_says_what_is_held_of_that_source(make):
    net, sluice = make(POLICY)
    net.serve("::", 25), net.serve("::", 143)
    held = [holding(net, "fd77:0:1::2", 2), holding(net, "fd77:0:1::3", 1), holding(net, "fd77:0:1::3", 1, 143), holding(net, "fd77:0:3::2", 1)]
    said = sluice.json("lookup", "fd77:0:1::/64")
    assert (said["address"], said["asked"], said["source"]) == ("fd77:0:1::", "fd77:0:1::/64", "fd77:0:1::/64")
    one = {"service": "smtp", "sources": 1, "connections": 3, "reserved": 0}
    assert said["held"] == [one, {"service": "imap", "sources": 1, "connections": 1, "reserved": 0}]
    assert sluice.json("lookup", "fd77:0:1::9")["held"] == said["held"], "a question about an address is about its source"
    assert "asked" not in sluice.json("lookup", "fd77:0:1::9")
    assert sluice.json("lookup", "fd77::/32")["held"][0] == {"service": "smtp", "sources": 2, "connections": 4, "reserved": 0}
    assert sluice.json("lookup", "fd77:0:4::/64")["held"] == [] and sluice.json("lookup", "0.0.0.0/0")["held"] == []
    text = sluice.do("lookup", "fd77:0:1::/64")
    assert "address     fd77:0:1::, the first of fd77:0:1::/64\n" in text and "held        3 connections at smtp, by 1 sources" in text
    assert all(h("count")["greeted"] for h in held)


def test_explain_of_a_prefix_asks_about_its_first_address_and_says_so(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    h = holding(net, "fd77:0:1::2", 5)
    said = sluice.json("explain", "fd77:0:1::/64", "--service", "smtp")
    assert (said["address"], said["asked"], said["reason"]) == ("fd77:0:1::", "fd77:0:1::/64", "source-connections")
    assert sluice.json("explain", "fd77:0:2::/56", "--service", "smtp")["reason"] == "denied"
    assert "address     10.77.0.0, the first of 10.77.0.0/16 at service smtp" in sluice.do("explain", "10.77.0.0/16", "--service", "smtp")
    code, _, err = sluice.ctl("explain", "10.77.0.1-10.77.0.4", "--service", "smtp")
    assert code == 2 and "is more than one prefix" in err
    assert h("count")["greeted"] == 5


def test_users_other_than_root_learn_what_is_open_only_of_networks(make):
    """Otherwise those who may not see addresses could find them by halving prefixes."""
    net, sluice = make(POLICY)
    net.serve("::", 25)
    h = holding(net, "fd77:0:1::2", 1)
    asked = guest(net, sluice, "lookup", address="fd77:0:1::/64")["data"]
    assert (asked["asked"], asked["source"]) == ("fd77:0:1::/64", "fd77:0:1::/64"), "what was asked, and what counts as a source, are no secret"
    assert guest(net, sluice, "lookup", address="fd77:0:1::2")["data"]["source"] == "fd77:0:1::/64"
    held = lambda prefix: guest(net, sluice, "lookup", address=prefix)["data"].get("held")
    assert held("fd77:0:1::2") is None and held("fd77:0:1::/64") is None
    assert held("fd77:0:1::/48")[0]["connections"] == 1 == held("fd77::/32")[0]["connections"]
    assert "held" in sluice.json("lookup", "fd77:0:1::2") and h("count")["greeted"] == 1
