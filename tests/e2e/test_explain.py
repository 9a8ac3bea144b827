# SPDX-License-Identifier: BSD-2-Clause
"""explain gives verdict, reason, the rule and where it is written, and the packets that follow agree with it."""
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
    # This network's neighbour discovery may go on meanwhile.
    mine = [[c for c in counters if c["service"] != "-"] for counters in (before[0], sluice.json("counters"))]
    assert mine[0] == mine[1]
    assert sluice.json("status")["sources_tracked"] == before[1]


def ways(said):
    """Returns {result: the names of the steps that have it} of an answer."""
    found = {}
    for step in said["steps"]:
        assert step["question"].endswith("?"), step
        found.setdefault(step["result"], []).append(step["name"])
    return found


def test_explain_shows_how_far_a_syn_comes_in_the_order_of_checks(make):
    net, sluice = make(POLICY)
    net.serve("::", 25)
    said = ways(sluice.json("explain", "192.0.2.9", "--service", "smtp"))
    assert said["passed"] == ["frame", "service", "grace", "destination", "validity"] and said["decided"] == ["source"]
    assert said["not-reached"] == ["limits", "syn-rate", "checksum", "socket", "cookie", "handshake", "mode"] and len(said) == 3
    text = sluice.do("explain", "192.0.2.9", "--service", "smtp")
    assert "checks      passed: frame, service, grace, destination, validity\n" in text
    assert "            decided: source. Do bans, allows, sets and countries leave its source to the limits?\n" in text
    assert "            not reached: limits, syn-rate, checksum, socket, cookie, handshake, mode\n" in text
    said = ways(sluice.json("explain", "10.77.0.3", "--service", "smtp"))
    assert said["decided"] == ["handshake"] and said["not-reached"] == ["mode"] and "limits" in said["passed"]
    sluice.do("ban", "10.77.0.3", "--observe")
    said = ways(sluice.json("explain", "10.77.0.3", "--service", "smtp"))
    assert said["observed"] == ["source"] and said["decided"] == ["handshake"] and "limits" in said["passed"]
    sluice.do("mode", "observe")
    said = ways(sluice.json("explain", "192.0.2.9", "--service", "smtp"))
    assert said["observed"] == ["source"] and said["decided"] == ["mode"] and "limits" in said["not-reached"]
    assert "            would refuse: source\n" in sluice.do("explain", "192.0.2.9", "--service", "smtp")


def test_explain_refuses_questions_that_make_no_sense(make):
    _, sluice = make(POLICY + "service mx2 { ports = {26} addresses = {10.77.0.1} }\n")
    for words, says in (
        (("10.77.0.2",), "name the service"),
        (("10.77.0.2", "--service", "pop"), "no service 'pop'"),
        (("10.77.0.300", "--service", "smtp"), "is not an address"),
        (("10.77.0.2", "--service", "smtp", "--port", "99"), "port 99 does not belong to"),
        (("2001:db8::1", "--service", "mx2"), "no IPv6 address"),
        (("10.77.0.2", "--service", "smtp", "--for", "1h"), "--for is not an option of explain"),
    ):
        code, _, err = sluice.ctl("explain", *words)
        assert code == 2 and says in err, (words, code, err)


def test_explain_names_the_key_by_which_the_set_names_the_address(make, tmp_path):
    (tmp_path / "list").write_text("192.0.2.7\n198.51.100.0/24\n")
    _, sluice = make(f"service smtp {{ ports = {{25}} }}\nsource-set foes {{ prefixes = {{192.0.2.0/24}} file = {tmp_path}/list action = deny }}\n")
    for address, key, entry in (("192.0.2.9", "prefixes", "192.0.2.0/24"), ("192.0.2.7", "file", "192.0.2.7"), ("198.51.100.1", "file", "198.51.100.0/24")):
        said = sluice.json("explain", address, "--service", "smtp")
        assert (said["by"], said["entry"], said.get("list")) == (key, entry, f"{tmp_path}/list" if key == "file" else None)
    assert f"entry       198.51.100.0/24 in {tmp_path}/list\n" in sluice.do("explain", "198.51.100.1", "--service", "smtp")


def test_explain_says_who_set_the_list_live_by_which_a_set_names_the_address(make, tmp_path):
    (tmp_path / "list").write_text("203.0.113.7\n")
    _, sluice = make(POLICY)
    sluice.do("set", "source-set", "foes", "prefixes", "{192.0.2.0/24, 203.0.113.0/28}")
    said = sluice.json("explain", "203.0.113.1", "--service", "smtp")
    assert (said["rule"], said["entry"]) == ("source-set foes", "203.0.113.0/28")
    assert said["written"].startswith(f"{sluice.file}:7; its prefixes live, by uid 0 at 2"), "line 7 does not name this address"
    sluice.do("set", "source-set", "foes", "file", tmp_path / "list")
    assert "; its file live, by uid 0 at 2" in sluice.json("explain", "203.0.113.7", "--service", "smtp")["written"]
    sluice.do("reload")
    assert sluice.json("explain", "192.0.2.9", "--service", "smtp")["written"] == f"{sluice.file}:7"


def test_explain_names_no_rule_of_a_policy_that_is_not_in_force(make, tmp_path):
    _, sluice = make("service smtp { ports = {25} }\nsource-set friends { prefixes = {192.0.2.0/24} action = deny }\n")
    other = tmp_path / "other.conf"
    other.write_text("interfaces = {s0}\nservice smtp { ports = {25} }\nsource-set foes { prefixes = {192.0.2.0/24} action = deny }\n")
    sluice.do("apply", other, "--confirm", "1h")
    assert sluice.json("explain", "192.0.2.9", "--service", "smtp")["rule"] == "source-set foes"
    sluice.kill()
    sluice.start()  # the policy in force is not the one in the file
    said = sluice.json("explain", "192.0.2.9", "--service", "smtp")
    assert (said["reason"], said["rule"], said["key"]) == ("denied", "", "") and "not known" in said["written"]
    sluice.do("revert")
    assert sluice.json("explain", "192.0.2.9", "--service", "smtp")["rule"] == "source-set friends"


def next_of(sluice, address, service="smtp"):
    """Returns what explain says to do next: [(purpose, command)]."""
    text = sluice.do("explain", address, "--service", service).splitlines()
    first = next(i for i, line in enumerate(text) if line.startswith("next "))
    return [tuple(line[12:].split(": ", 1)) for line in text[first:]]


def commands_of(sluice, address, service="smtp"):
    return [command for _, command in next_of(sluice, address, service)]


def run(net, sluice, command):
    """Runs the command as it was printed, but for this instance."""
    tool, *words = command.split()
    if tool == "sluicectl":
        sluice.do(*words)
    else:
        net.run(net.server, tool, *words)


def test_explain_ends_with_a_command_that_lets_the_sender_in(make):
    """The test runs each line as it was printed."""
    net, sluice = make(POLICY)
    net.serve("::", 25)
    h = net.hold("10.77.0.2")
    h("open", 2)
    assert h.greeted(2)
    text = sluice.do("explain", "10.77.0.2", "--service", "smtp")
    assert " -" not in text.replace(" --", ""), f"explain shows nothing that it does not know: {text}"
    assert text.endswith("next        to let it in for a day: sluicectl allow 10.77.0.2 --for 1d\n"
                         "            to give it twice as much for two hours: sluicectl limit 10.77.0.2 max-connections-per-source 4 --service smtp --for 2h\n")
    allow, limit = commands_of(sluice, "10.77.0.2")
    run(net, sluice, limit)
    h("open", 2)
    assert h.greeted(4), "twice as many"
    assert commands_of(sluice, "10.77.0.2")[0] == allow
    run(net, sluice, allow)
    h("open", 3)
    assert h.greeted(7)
    assert commands_of(sluice, "10.77.0.2") == ["sluicectl allows", "sluicectl lookup 10.77.0.2"]
    assert commands_of(sluice, "192.0.2.9") == ["sluicectl allow 192.0.2.9 --for 1d", "sluicectl lookup 192.0.2.9"], "denied: no limit would help"


KINDS = """geoip { database = {"%s"} }
service smtp { ports = {25} max-connections-per-source = 2 }
service each { ports = {26} max-rate-per-source = 1/1h }
service all { ports = {27} max-connections = 1 }
service fast { ports = {28} max-rate = 1/1h }
service near { ports = {29} max-connections-per-network = 1 }
service home { ports = {30} allow-countries = {DE} }
service idle { ports = {31} }
source-set few { prefixes = {10.77.1.0/24} max-connections = 1 }
source-set foes { prefixes = {192.0.2.0/24} action = deny }
source-set friends { prefixes = {198.51.100.0/24} action = allow }
"""


def test_explain_says_what_to_do_next_for_each_kind_of_verdict(make, tmp_path):
    """Every command that explain prints runs, and those that promise to let a sender in do so."""
    (tmp_path / "countries.csv").write_text("203.0.113.0,203.0.113.255,FR\n")
    net, sluice = make(KINDS % (tmp_path / "countries.csv"))
    held = []
    for port, count in ((25, 2), (26, 1), (27, 1), (28, 1), (29, 1)):
        net.serve("::", port)
        held.append(net.hold("10.77.0.2", port=port))
        held[-1]("open", count)
        assert held[-1].greeted(count), port
    one = net.hold("10.77.1.1")
    one("open", 1)
    assert one.greeted(1)
    sluice.do("ban", "10.77.0.9", "--reason", "loud")
    allow = "sluicectl allow %s --for 1d"
    kinds = {
        ("10.77.0.2", "smtp", "source-connections"): (allow, "sluicectl limit %s max-connections-per-source 4 --service smtp --for 2h"),
        ("10.77.0.2", "each", "source-rate"): (allow, "sluicectl limit %s max-rate-per-source 2/3600s --service each --for 2h"),
        ("10.77.0.3", "all", "service-connections"): (allow, "sluicectl set service all max-connections 2 --for 2h"),
        ("10.77.0.3", "fast", "service-rate"): (allow, "sluicectl set service fast max-rate 2/3600s --for 2h"),
        ("10.77.0.3", "near", "network-connections"): (allow, "sluicectl limit %s max-connections-per-network 2 --service near --for 2h"),
        ("10.77.1.2", "smtp", "set-connections"): (allow, "sluicectl set source-set few max-connections 2 --for 2h"),
        ("203.0.113.1", "home", "country"): (allow, "sluicectl lookup %s"),
        ("192.0.2.9", "smtp", "denied"): (allow, "sluicectl lookup %s"),
        ("10.77.0.9", "smtp", "banned"): (allow, "sluicectl bans %s"),
        ("198.51.100.1", "smtp", "allowed"): ("sluicectl allows", "sluicectl lookup %s"),
        ("10.77.0.4", "smtp", "admitted"): ("sluicectl refusals %s", "sluicectl ban %s --for 1h"),
        ("10.77.0.5", "idle", "no-listener"): ("ss -ltn",),
    }
    for (address, service, reason), expected in kinds.items():
        assert sluice.json("explain", address, "--service", service)["reason"] == reason
        commands = commands_of(sluice, address, service)
        assert commands == [c.replace("%s", address) for c in expected], reason
        for command in reversed(commands):
            before = sluice.json("explain", address, "--service", service)["verdict"]
            run(net, sluice, command)
            after = sluice.json("explain", address, "--service", service)["verdict"]
            assert before == after or command.split()[1] in ("allow", "limit", "set", "ban"), command
        if expected[0] == allow:
            assert after == "pass", "it is let in"
            sluice.do("disallow", address)
            limits = [c for c in commands if c.split()[1] in ("limit", "set")]
            assert not limits or sluice.json("explain", address, "--service", service)["verdict"] == "pass", "the limit alone lets it in"
        if service == "smtp" and reason == "source-connections":
            sluice.do("unlimit", address)
    sluice.do("mode", "observe")
    assert next_of(sluice, "192.0.2.9") == [("to let it in for a day when this is enforced", "sluicectl allow 192.0.2.9 --for 1d"),
                                            ("to see who else would have been refused", "sluicectl refusals --since 1d")]
