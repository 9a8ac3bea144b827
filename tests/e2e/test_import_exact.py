# SPDX-License-Identifier: BSD-2-Clause
"""import guesses nothing: what says less, more or something else than it seems is left out with its line, or keeps its exact meaning."""
import contextlib, re, shutil, socket, subprocess

import pytest

import tools
from net import SERVER, Net, inside, needs, wait_for
from test_import import run

HAPROXY = "frontend f\n bind :25\n {}\n"
PF_LIMIT = "pass in {} proto tcp to port 25 keep state (max-src-conn 20)\n"
NFT_LIMIT = "tcp dport 25 ct state new add @c { ip saddr ct count over 20 } reject\n"


def imported(directory, name, *texts):
    """Returns the policy without its comments, and {place of a line: its reasons}, for files that are called 1, 2, ..."""
    for number, text in enumerate(texts, 1):
        (directory / str(number)).write_text(text)
    said, _, left = run("import", name, *map(str, range(1, len(texts) + 1)), cwd=directory).partition("\n# Without an equivalent:\n")
    lines = left.splitlines()
    reasons = {}
    for line, why in zip(lines[::2], lines[1::2]):
        reasons.setdefault(line.split()[1].rstrip(":"), []).append(why)
    return re.sub(r"^ *#.*\n", "", said, flags=re.M).strip(), {place: " ".join(whys) for place, whys in reasons.items()}


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


def admitted_by_haproxy(net, directory, rules):
    """Returns how many of 15 connections of one source a real HAProxy with these rules lets through, all of them open or, for a rate, one after the other."""
    (directory / "cfg").write_text("defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n"
                                   f"frontend f\n bind {SERVER}:25\n {rules}\n default_backend b\nbackend b\n server s 127.0.0.1:2526\n")
    haproxy = net.popen(net.server, "haproxy", "-db", "-f", directory / "cfg", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert wait_for(lambda: net.run(net.server, "ss", "-Hltn", "sport = :25").stdout)
    greeted, held = 0, []
    for _ in range(15):
        with contextlib.suppress(ConnectionError):
            with inside(net.client):
                held.append(socket.create_connection((SERVER, 25), timeout=60))
            greeted += held[-1].recv(3) == b"220"
    for client in held:
        client.close()
    haproxy.terminate()
    haproxy.wait()
    return greeted


def test_a_limit_of_haproxy_is_what_haproxy_admits_whether_it_counts_before_its_rule_or_after(tmp_path):
    needs(shutil.which("haproxy"), "haproxy is not installed: scripts/setup.sh")
    track, table = "tcp-request connection track-sc0 src", "stick-table type ip size 1k expire 1h store conn_cur,conn_rate(1h)"
    acl = "acl greedy src_conn_cur ge 10\n "
    with contextlib.closing(Net()) as net:
        tools.serve(net, 2526)
        for condition in ("{ src_conn_cur ge 10 }", "{ src_conn_cur gt 10 }", "{ sc0_conn_cur ge 10 }", "{ src_conn_rate gt 10 }", "greedy"):
            reject = f"tcp-request connection reject if {condition}"
            for order in ((track, reject), (reject, track), (reject, "tcp-request content track-sc0 src")):
                rules = acl + "\n ".join((table, *order))
                most = admitted_by_haproxy(net, tmp_path, rules)
                said, left = imported(tmp_path, "haproxy", HAPROXY.format(rules))
                limits = re.findall(r"max-(?:connections|rate)-per-source = (\d+)", said)
                assert limits == [str(most)] if most < 15 else not limits and left, (condition, order, most, said, left)


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


LATE = {
    "nft": (NFT_LIMIT, "ip saddr 203.0.113.0/24 tcp dport 25 accept\n", "", ""),
    "nft everywhere": (NFT_LIMIT, "ip saddr 203.0.113.0/24 accept\n", "", ""),
    "haproxy": (" tcp-request connection reject if { src_conn_cur gt 20 }\n", " tcp-request connection accept if { src 203.0.113.0/24 }\n",
                "frontend f\n bind :25\n", ""),
    "pf": (PF_LIMIT.format("quick"), "pass in quick proto tcp from 203.0.113.0/24 to port 25\n", "", ""),
}


@pytest.mark.parametrize("case", sorted(LATE))
def test_an_accept_that_comes_after_a_limit_does_not_lift_it(tmp_path, case):
    limit, accept, head, tail = LATE[case]
    said, left = imported(tmp_path, case.split()[0], head + accept + limit + tail)
    assert "action = allow" in said and "max-connections-per-source = 20" in said and not left, (said, left)
    said, left = imported(tmp_path, case.split()[0], head + limit + accept + tail)
    assert "action = allow" not in said and "max-connections-per-source = 20" in said, said
    assert any("comes after the limits of service" in why for why in left.values()), left


def test_a_quick_rule_of_pf_comes_before_the_limits_of_rules_that_are_not(tmp_path):
    said, left = imported(tmp_path, "pf", PF_LIMIT.format("") + "pass in quick proto tcp from 203.0.113.0/24 to port 25\n")
    assert "action = allow" in said and not left


def test_a_table_of_pf_over_several_lines_is_whole(tmp_path):
    said, _ = imported(tmp_path, "pf", "table <bad> const { 192.0.2.1,\n 198.51.100.0/24 }\nblock in quick from <bad>\n")
    assert "prefixes = {192.0.2.1, 198.51.100.0/24}" in said


def test_rules_inside_an_anchor_of_pf_are_read_and_other_anchors_are_listed(tmp_path):
    limit = PF_LIMIT.format("")
    said, left = imported(tmp_path, "pf", 'anchor "mail" {\n ' + limit + '}\nanchor "more/*"\n')
    assert "max-connections-per-source = 20" in said and "not followed" in left["1:4"], (said, left)
    said, left = imported(tmp_path, "pf", 'anchor "mail" in on em0 {\n ' + limit + ' anchor {\n ' + limit + ' }\n}\n' + limit.replace("25", "143"))
    assert re.findall(r"ports = \{(.*)\}", said) == ["143"], said
    assert all("conditions of the anchor" in left[place] for place in ("1:2", "1:4")), left


def test_what_pfctl_prints_is_understood(tmp_path):
    said, left = imported(tmp_path, "pf", "pass in inet proto tcp from any to any port = smtp flags S/SA keep state (source-track rule, max-src-conn 20)\n"
                          "pass in proto tcp from any port = 25 to any keep state (max-src-conn 3)\npass in proto tcp to port != 25 keep state (max-src-conn 3)\n")
    assert "max-connections-per-source = 20" in said and said.count("max-") == 1, said
    assert set(left) == {"1:2", "1:3"}, left


@pytest.mark.parametrize("text", [
    "chain output { type filter hook output priority 0; policy accept;\n{}}\n",
    "nft add chain inet t o { type filter hook output priority 0 \\; }\nnft add rule inet t o {}",
    "table inet t {\nchain o {\ntype filter hook output priority 0;\n}\nchain input {\ntype filter hook input priority 0;\n}\n}\nadd rule inet t o {}",
    "add chain t o { type filter hook output priority 0; }\nadd rule ip t o {}", "add rule inet t o {}",
])
def test_a_rule_of_nft_about_outgoing_packets_is_left_out_however_its_chain_is_written(tmp_path, text):
    rule = "tcp dport 25 ct state new limit rate over 10/second drop\n"
    said, left = imported(tmp_path, "nft", text.replace("{}", rule, 1))
    assert "max-" not in said, said
    assert any("hook" in why for why in left.values()), left


def test_rules_that_are_added_to_an_input_chain_of_nft_are_read(tmp_path):
    said, left = imported(tmp_path, "nft", "nft add chain inet t i { type filter hook input priority 0 \\; }\nnft add rule inet t i " + NFT_LIMIT)
    assert "max-connections-per-source = 20" in said and not left, (said, left)


def test_elements_of_nft_are_read_however_they_are_written_and_their_end_is_noted(tmp_path):
    sets = "nft add set ip t a { type ipv4_addr; elements = { 192.0.2.1 } }\nnft add element ip t b { 192.0.2.2 timeout 1h }\n"
    rules = "ip saddr @a drop\nip saddr @b drop\n"
    said, left = imported(tmp_path, "nft", sets + rules)
    assert re.findall(r"prefixes = \{(.*)\}", said) == ["192.0.2.1", "192.0.2.2"] and not left, (said, left)
    assert "it stays in sluice" in run("import", "nft", "1", cwd=tmp_path)


MASTER = "smtp inet n - y - - smtpd\n"


@pytest.mark.parametrize("first, second", [(MASTER, "192.0.2.9:" + MASTER), ("192.0.2.9:" + MASTER, MASTER),
                                           ("0.0.0.0:" + MASTER, "[2001:db8::25]:" + MASTER), ("192.0.2.1:" + MASTER, "192.0.2.9:" + MASTER)])
def test_a_second_listener_of_a_port_does_not_change_where_the_service_is(tmp_path, first, second):
    main = "smtpd_client_connection_count_limit = 5\n"
    alone, _ = imported(tmp_path, "postfix", main, first)
    said, left = imported(tmp_path, "postfix", main, first + second)
    assert said == alone and "two services by hand" in left["2:2"], (said, left)


def test_two_frontends_of_haproxy_at_one_port_do_not_become_one_service(tmp_path):
    limit = " tcp-request connection reject if { src_conn_cur gt 20 }\n"
    said, left = imported(tmp_path, "haproxy", f"frontend a\n bind :25\n{limit}frontend b\n bind 192.0.2.9:25\n{limit.replace('20', '3')}")
    assert "addresses" not in said and "max-connections-per-source = 20" in said, said
    assert "two services by hand" in left["1:5"] and "1:6" in left, left


@pytest.mark.parametrize("acl", ["deny\n !hosts = +relay\n ratelimit = 20 / 1m / per_conn\n", "deny !hosts = +relay\n ratelimit = 20 / 1m / per_conn\n",
                                 "deny !ratelimit = 20 / 1m / per_conn\n"])
def test_a_negated_condition_of_exim_is_a_condition(tmp_path, acl):
    said, left = imported(tmp_path, "exim", "acl_smtp_connect = c\nbegin acl\nc:\n" + acl)
    assert "max-" not in said and "further conditions" in " ".join(left.values()), (said, left)


def test_who_is_accepted_by_exim_under_a_negated_condition_is_listed(tmp_path):
    _, left = imported(tmp_path, "exim", "acl_smtp_connect = c\nbegin acl\nc:\n accept !hosts = +bad\n deny ratelimit = 20 / 1m / per_conn\n")
    assert "lets some in" in left["1:4"]


def test_branches_and_comments_between_lines_of_exim_are_not_lost(tmp_path):
    text = "host_reject_connection = 192.0.2.1 : \\\n  # office\n  198.51.100.0/24\n.ifdef BIG\nsmtp_accept_max = 90\n.else\nsmtp_accept_max = 9\n.endif\n"
    said, left = imported(tmp_path, "exim", text)
    assert "prefixes = {192.0.2.1, 198.51.100.0/24}" in said
    assert "both branches" in left["1:4"], left


def test_exceptions_of_postfix_hold_for_limits_that_only_master_cf_has(tmp_path):
    main, master = "mynetworks = 127.0.0.0/8 10.0.0.0/8\n", "submission inet n - y - - smtpd\n -o smtpd_client_connection_count_limit=5\n"
    said, left = imported(tmp_path, "postfix", main, master)
    assert "prefixes = {127.0.0.0/8, 10.0.0.0/8}" in said and not left, (said, left)
    screened = "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd -o smtpd_client_connection_rate_limit=5\n"
    said, left = imported(tmp_path, "postfix", main, screened)
    assert "max-rate-per-source = 5/60s" in said and "prefixes = {127.0.0.0/8, 10.0.0.0/8}" in said and not left, (said, left)
    said, left = imported(tmp_path, "postfix", main, master + " -o smtpd_client_event_limit_exceptions=10.1.0.0/16\n")
    assert "exceptions" in left["2:1"], left


@pytest.mark.parametrize("name, one, other", [
    ("nft", "ip saddr 10.0.0.0/8 tcp dport 143 accept\n", "ip saddr 192.0.2.0/24 tcp dport 25 accept\n"),
    ("pf", "pass in quick proto tcp from 10.0.0.0/8 to port 143\n", "pass in quick proto tcp from 192.0.2.0/24 to port 25\n"),
    ("axigen", 'allowRules = ( { ipSet = "10.0.0.0/8" } )\n', 'denyRules = ( { ipSet = "192.0.2.0/24" } )\nallowRules = ( { ipSet = "10.1.0.0/16" } )\n'),
])
def test_rules_of_two_files_do_not_share_a_set(tmp_path, name, one, other):
    said, _ = imported(tmp_path, name, "\n" + one, other.replace("\n", "\n\n") if name == "axigen" else "\n" + other)
    prefixes = re.findall(r"prefixes = \{(.*)\}", said)
    assert sorted(prefixes) == sorted(re.findall(r"\d+\.\d+\.\d+\.\d+/\d+", one + other)), said


def test_jails_of_fail2ban_are_on_or_off_as_it_reads_them(tmp_path):
    jails = "".join(f"[{name}]\nenabled = {on}\nport = {port}\n" for name, on, port in
                    (("a", "yes", 25), ("b", "1", 143), ("c", "on ; note", 993), ("d", "true", 995), ("e", "no", 110)))
    said, _ = imported(tmp_path, "fail2ban", jails, "[d]\nenabled = false\n")
    assert re.findall(r"ports = \{(.*)\}", said) == ["25", "143", "993"], said
    said, _ = imported(tmp_path, "fail2ban", "[DEFAULT]\nenabled = true\nport = 0:65535\n[a]\nport = 25\n[b]\nport = 143\nenabled = false\n")
    assert re.findall(r"ports = \{(.*)\}", said) == ["25"], said


def test_indented_keys_of_fail2ban_are_keys_and_only_deeper_lines_go_on(tmp_path):
    text = "[DEFAULT]\n  ignoreip = 192.0.2.1 ; one\n    192.0.2.2\n  bantime = 1h\n[a]\n enabled = true\n port = 25\n"
    said, left = imported(tmp_path, "fail2ban", text)
    assert "prefixes = {192.0.2.1, 192.0.2.2}" in said and "ports = {25}" in said and list(left) == ["1:4"], (said, left)


def test_ports_that_pf_counts_by_themselves_are_noted(tmp_path):
    imported(tmp_path, "pf", PF_LIMIT.format("").replace("25", "{ 25 465 }"))
    assert "pf counts each of these ports by itself" in run("import", "pf", "1", cwd=tmp_path)
