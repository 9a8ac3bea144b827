# SPDX-License-Identifier: BSD-2-Clause
"""explain: verdict, reason, the rule and where it stands; and the packets that follow it agree."""
POLICY = """service smtp {
    ports = {25}
    max-connections-per-source = 2
    on-excess = reset
}
source-set foes { prefixes = {192.0.2.0/24} action = deny }
source-set friends {
    prefixes = {198.51.100.0/24}
    max-connections-per-source = 9
}
"""


def test_explain_names_the_rule_and_where_it_was_written(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)

    said = sluice.json("explain", "10.77.0.2", "--service", "smtp")
    assert (said["verdict"], said["reason"]) == ("reset", "source-connections")
    assert said["written"] == f"{sluice.file}:4" and said["rule"] == "service smtp"
    assert said["counts"]["source"]["held"] == 2 and said["counts"]["source"]["max_connections"] == 2
    said = sluice.json("explain", "10.77.0.3", "--service", "smtp", "--port", "25")
    assert (said["verdict"], said["reason"]) == ("pass", "admitted")
    said = sluice.json("explain", "192.0.2.9", "--service", "smtp")
    assert (said["reason"], said["rule"], said["written"]) == ("denied", "source-set foes", f"{sluice.file}:7")

    sluice.do("set", "service", "smtp", "max-connections-per-source", "1")
    said = sluice.json("explain", "10.77.0.2", "--service", "smtp")
    assert said["written"].startswith("live, by uid 0 at 2")
    sluice.do("ban", "10.77.0.0/16", "--force", "--for", "1h", "--reason", "loud")
    said = sluice.json("explain", "10.77.0.3", "--service", "smtp")
    assert (said["reason"], said["rule"]) == ("banned", "ban 10.77.0.0/16: loud")
    assert 3590 < said["expires_in"] <= 3600
    text = sluice.do("explain", "10.77.0.3", "--service", "smtp")
    assert "banned" in text and "live, by uid 0 at 2" in text and "ends in     3" in text


def test_explain_changes_no_counter_and_knows_observe_mode(make):
    net, sluice = make("mode = observe\n" + POLICY)
    before = sluice.json("counters"), sluice.json("status")["sources_tracked"]
    for _ in range(20):
        said = sluice.json("explain", "192.0.2.9", "--service", "smtp")
        sluice.json("explain", "10.77.0.2", "--service", "smtp")
    assert (said["verdict"], said["reason"], said["would_refuse"]) == ("pass", "observe", "denied")
    # neighbour discovery of this network may go on meanwhile
    mine = [[c for c in counters if c["service"] != "-"] for counters in (before[0], sluice.json("counters"))]
    assert mine[0] == mine[1]
    assert sluice.json("status")["sources_tracked"] == before[1]


def test_explain_refuses_questions_that_make_no_sense(make):
    _, sluice = make(POLICY + "service mx2 { ports = {26} addresses = {10.77.0.1} }\n")
    for words, says in (
        (("10.77.0.2",), "name the service"),
        (("10.77.0.2", "--service", "pop"), "no service 'pop'"),
        (("10.77.0.300", "--service", "smtp"), "is no address"),
        (("10.77.0.2", "--service", "smtp", "--port", "99"), "port 99 is not one of"),
        (("2001:db8::1", "--service", "mx2"), "no IPv6 address"),
        (("10.77.0.2", "--service", "smtp", "--for", "1h"), "--for does not go with explain"),
    ):
        code, _, err = sluice.ctl("explain", *words)
        assert code == 2 and says in err, (words, code, err)


def test_explain_names_the_key_by_which_the_set_names_the_address(make, tmp_path):
    (tmp_path / "list").write_text("192.0.2.7\n198.51.100.0/24\n")
    _, sluice = make(f"service smtp {{ ports = {{25}} }}\nsource-set foes {{ prefixes = {{192.0.2.0/24}} file = {tmp_path}/list action = deny }}\n")
    for address, key in (("192.0.2.9", "prefixes"), ("192.0.2.7", "file"), ("198.51.100.1", "file")):
        assert sluice.json("explain", address, "--service", "smtp")["by"] == key


def test_explain_names_no_rule_of_a_policy_that_is_not_in_force(make, tmp_path):
    _, sluice = make("service smtp { ports = {25} }\nsource-set friends { prefixes = {192.0.2.0/24} action = deny }\n")
    other = tmp_path / "other.conf"
    other.write_text("interfaces = {s0}\nservice smtp { ports = {25} }\nsource-set foes { prefixes = {192.0.2.0/24} action = deny }\n")
    sluice.do("apply", other, "--confirm", "1h")
    assert sluice.json("explain", "192.0.2.9", "--service", "smtp")["rule"] == "source-set foes"
    sluice.kill()
    sluice.start()  # the policy in force is not that of the file
    said = sluice.json("explain", "192.0.2.9", "--service", "smtp")
    assert (said["reason"], said["rule"], said["key"]) == ("denied", "", "") and "not known" in said["written"]
    sluice.do("revert")
    assert sluice.json("explain", "192.0.2.9", "--service", "smtp")["rule"] == "source-set friends"


def test_explain_ends_with_a_command_that_lets_the_sender_in(make):
    """Each line that it prints is run as it stands."""
    net, sluice = make(POLICY)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)
    ways = lambda address: [l.split("sluicectl ")[1].split() for l in sluice.do("explain", address, "--service", "smtp").splitlines() if "sluicectl" in l]
    assert ways("10.77.0.3") == [], "it is let in"
    text = sluice.do("explain", "10.77.0.2", "--service", "smtp")
    assert " -" not in text.replace(" --", ""), f"what is not known is not shown: {text}"
    allow, limit = ways("10.77.0.2")
    assert limit == ["limit", "10.77.0.2", "max-connections-per-source", "4", "--service", "smtp", "--for", "2h"]
    sluice.do(*limit)
    h("open", 2)
    assert h.greeted(4), "twice as many"
    assert ways("10.77.0.2")[0] == allow
    sluice.do(*allow)
    h("open", 3)
    assert h.greeted(7)
    assert ways("10.77.0.2") == []
    assert ways("192.0.2.9") == [["allow", "192.0.2.9", "--for", "1d"]], "denied: no limit would help"
