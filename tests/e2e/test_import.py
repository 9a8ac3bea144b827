# SPDX-License-Identifier: BSD-2-Clause
"""import prints a good policy, whose limits hold on real connections; it accounts for every line of its input, and reports bad files."""
import json
import re
import subprocess

import pytest

from net import BUILD, ROOT, wait_for

FILES = ROOT / "tests" / "e2e" / "import"

# For each format: its files; (port, source, tries, how many get in), while all connections stay; {key: the line that is named above it};
# {a line without an equivalent: words of the reason}.
CASES = {
    "axigen": (
        ["axigen.cfg"],
        [(25, "10.77.0.2", 7, 4), (25, "10.77.0.4", 7, 4), (25, "10.77.0.5", 3, 1), (25, "10.77.1.1", 6, 6), (25, "10.77.0.8", 2, 0),
         (143, "10.77.0.2", 4, 4), (993, "10.77.0.3", 5, 3), (143, "10.77.1.49", 2, 0)],
        {"max-connections": "maxConnections = 9", "max-rate-per-source": "peerMaxIntervalConnections = 60", "max-rate": "maxIntervalConnections = 1000"},
        {"peerMaxConnections = unlimited": "is not a number", "idleTimeout = 300": "inside a connection", "enable = no": "off",
         '{ ipSet = "any" enable = yes priority = 500 }': "everybody", "{ ipSet = 10.77.0.7/32 priority = 2 enable = no }": "off"},
    ),
    "csf": (
        ["csf.conf", "csf.allow", "csf.deny"],
        [(25, "10.77.0.2", 7, 4), (143, "10.77.0.2", 8, 6), (110, "10.77.0.2", 3, 3), (995, "10.77.0.2", 4, 2), (25, "10.77.0.9", 7, 7),
         (25, "10.77.0.8", 2, 0), (143, "10.77.1.49", 2, 0)],
        {"max-connections-per-source": 'CT_LIMIT = "5"', "max-rate-per-source": 'PORTFLOOD = "25;tcp;60;60,53;udp;20;5"', "countries": 'CC_DENY = "KP,A9,AS64496"'},
        {'CONNLIMIT = "25;4,143;6,bad"': "PORT;LIMIT", 'SYNFLOOD = "1"': "SYN cookies", 'CC_DENY = "KP,A9,AS64496"': "A9",
         "tcp|in|d=25|s=10.77.0.7": "advanced rule", "Include /etc/csf/more.deny": "not followed", "nonsense": "is not an address"},
    ),
    "dovecot": (
        ["dovecot.conf"],
        [(143, "10.77.0.2", 4, 4), (993, "10.77.0.4", 5, 2), (995, "10.77.0.2", 9, 7), (143, "10.77.0.3", 4, 4)],
        {"max-connections": "client_limit = 3", "prefixes": "login_trusted_networks = 10.77.0.3 10.77.1.0/28"},
        {"mail_max_userip_connections = 20": "by user", "client_limit = 4096": "inside Dovecot", "client_limit = 200": "service_count",
         "!include_try local.conf": "not followed"},
    ),
    "exim": (
        ["exim4.conf"],
        [(25, "10.77.0.2", 6, 4), (587, "10.77.0.4", 6, 3), (25, "10.77.0.9", 6, 6), (25, "10.77.0.8", 2, 0)],
        {"max-connections-per-source": "smtp_accept_max_per_host = 4", "max-rate-per-source": "ratelimit = 20 / 1m / per_conn", "max-connections": "smtp_accept_max         = 9"},
        {"smtp_accept_queue = 40": "message", "smtp_ratelimit_hosts = *": "inside a connection", "smtp_reserve_hosts      = +relay_from_hosts : *.example.org": "*.example.org",
         "deny    ratelimit = 100 / 1h / per_conn / strict": "strict", "accept  hosts = +relay_from_hosts": "lets some in"},
    ),
    "fail2ban": (
        ["jail.local"],
        [],
        {"ports": "port    = smtp,465,submission"},
        {"bantime  = 1h": "banaction = sluice", "banaction = iptables-multiport": "banaction = sluice", "port    = ssh": "locked out",
         "ignoreip = 10.77.0.7": "only to the jail postfix", "[INCLUDES]": "not followed"},
    ),
    "haproxy": (
        ["haproxy.cfg"],
        [(25, "10.77.0.2", 7, 4), (25, "10.77.0.4", 7, 4), (25, "10.77.0.5", 3, 1), (25, "10.77.0.9", 7, 7), (25, "10.77.0.8", 2, 0),
         (143, "10.77.0.2", 4, 4), (993, "10.77.0.3", 5, 2)],
        {"max-connections-per-source": "acl greedy src_conn_cur ge 5", "max-connections": "maxconn 9",
         "max-rate-per-source": "tcp-request connection reject if greedy or { src_conn_rate(per_ip_rates) gt 60 }"},
        {"maxconn 20000": "whole process", "tcp-request connection reject if { src_conn_cur gt 2 } { dst_port 26 }": "several conditions",
         "tcp-request connection silent-drop if { sc0_conn_rate gt 60 }": "counts nothing", "bind /var/run/imap.sock": "names no TCP port"},
    ),
    "nft": (
        ["nftables.conf"],
        [(25, "10.77.0.2", 4, 4), (465, "10.77.0.2", 4, 0), (25, "10.77.1.1", 7, 7), (25, "10.77.0.8", 2, 0), (143, "10.77.0.2", 12, 9)],
        {"max-connections-per-source": "tcp dport $mail ct state new add @conn { ip saddr ct count over 4 } counter reject with tcp reset",
         "max-connections-per-network": "tcp dport 143 ct state new meter imap4 { ip saddr & 255.255.255.0 ct count over 30 } drop"},
        {"tcp dport 25 ct state new limit rate over 10/second drop": "other ports", "tcp dport 993 limit rate over 10/second drop": "packets",
         "tcp dport 25 ct count over 50 reject": "hook output", 'include "/etc/nftables.d/*.nft"': "not followed",
         "ip saddr != 10.0.0.0/8 tcp dport 995 ct count over 5 reject": "not understood"},
    ),
    "pf": (
        ["pf.conf"],
        [(25, "10.77.0.2", 7, 4), (587, "10.77.0.4", 7, 4), (465, "10.77.0.5", 2, 0), (25, "10.77.0.9", 7, 7), (25, "10.77.0.8", 2, 0), (143, "10.77.0.2", 8, 6)],
        {"prefixes": "table <friends> persist { 10.77.0.9, $office }"},
        {"set limit { states 100000, src-nodes 50000 }": "own tables", "block in quick from <bruteforce>": "filled by limits",
         "pass in on $ext_if proto tcp from <spamd-white> to any port pop3 keep state (max-src-conn 5)": "only some sources",
         'include "/etc/pf.more.conf"': "not followed"},
    ),
    "postfix": (
        ["main.cf", "master.cf"],
        [(25, "10.77.0.2", 6, 3), (587, "10.77.0.2", 9, 6), (465, "10.77.0.2", 6, 4), (25, "10.77.0.9", 7, 7), (587, "10.77.1.33", 8, 8)],
        {"max-connections-per-source": "postscreen_client_connection_count_limit = 3", "max-rate-per-source": "smtpd_client_connection_rate_limit = 30"},
        {"smtpd_client_message_rate_limit = 100": "messages", "default_process_limit = 150": "processes", "postscreen_dnsbl_sites = zen.spamhaus.org*3 bl.spamcop.net": "postscreen",
         "smtpd_client_connection_count_limit   =   4": "stricter"},
    ),
}
RATES = {"axigen": (4, 60), "csf": (4, 60), "exim": (4, 20), "haproxy": (4, 60), "nft": (4, 60), "pf": (4, 60), "postfix": (3, 30)}  # of port 25


def run(*words, cwd=FILES, code=0):
    done = subprocess.run([str(BUILD / "sluicectl"), *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stdout + done.stderr


def policy_of(name):
    """Returns the policy in a form for the class Sluice, which adds a line of interfaces itself; without `mode`, so that it refuses."""
    return re.sub(r"^(interfaces|mode) = .*\n", "", run("import", name, *CASES[name][0]), flags=re.M)


def place(name, text):
    """Returns `# FILE:LINE: TEXT` of a line, as comments in the policy name it."""
    for file in CASES[name][0]:
        for number, line in enumerate((FILES / file).read_text().splitlines(), 1):
            if line.split("  #")[0].split(" # ")[0].strip() == text:
                return f"# {file}:{number}: {text}"
    raise LookupError(text)


def tried(net, port, source, tries, expected):
    h = net.hold(source, port=port)
    h("open", tries)
    assert h.greeted(expected), (port, source, h("count"))
    assert h.settle()["greeted"] == expected, (port, source)
    h("abandon")
    return h


def good_as_printed(net, directory, name):
    """Whether check accepts the policy as it was printed, on a host whose default route leads through s0."""
    net.run(net.server, "ip", "route", "add", "default", "via", "10.77.0.2")
    words = [str(FILES / file) for file in CASES[name][0]]
    text = net.run(net.server, BUILD / "sluicectl", "import", name, *words).stdout
    assert "interfaces = {s0}" in text and "mode = observe" in text
    file = directory / "imported.conf"
    file.write_text(text)
    assert "good" in net.run(net.server, BUILD / "sluicectl", "-i", "imported", "check", file).stdout


def rate_holds(net, sluice, at_once, most):
    """Shows that a rate holds for a source whose connections end at once."""
    service = next(s["name"] for s in sluice.json("status")["services"] if 25 in s["ports"])
    h = net.hold("10.77.0.6")
    for _ in range(most // at_once):
        h("open", at_once)
        assert h.greeted(at_once), h("count")
        h("close", at_once)
        assert wait_for(lambda: sluice.connections(service) == 0)
    h("open", 1)
    assert h.settle()["greeted"] == 0
    assert sluice.reason("source-rate", "connections", service)
    h("abandon")


@pytest.mark.parametrize("name", sorted(set(CASES) - {"fail2ban"}))
def test_the_printed_policy_is_good_and_its_limits_and_rates_are_in_force(make, tmp_path, name):
    net, sluice = make(policy_of(name))
    good_as_printed(net, tmp_path, name)
    steps = CASES[name][1]
    for port in sorted({step[0] for step in steps}):
        net.serve("::", port)
    if name in RATES:
        rate_holds(net, sluice, *RATES[name])
    held = [tried(net, *step) for step in steps]
    assert held


def test_sources_that_fail2ban_ignores_are_let_in_and_those_it_bans_stay_out_of_its_jails_ports(make, tmp_path):
    net, sluice = make(policy_of("fail2ban"))
    good_as_printed(net, tmp_path, "fail2ban")
    net.serve("::", 25), net.serve("::", 4190)
    sluice.do("set", "service", "smtp", "max-connections-per-source", "2")
    sluice.do("ban", "10.77.0.4")
    for port, source, tries, expected in ((25, "10.77.0.2", 4, 2), (25, "10.77.0.9", 4, 4), (4190, "10.77.0.4", 1, 0)):
        tried(net, port, source, tries, expected)


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_line_is_named_above_its_key_or_listed_with_the_reason(name):
    text = run("import", name, *CASES[name][0])
    said, _, left = text.partition("\n# Without an equivalent:\n")
    for key, line in CASES[name][2].items():
        after = said[said.index(place(name, line)):]
        assert re.search(rf"^    {key} = ", after, re.M), (key, line)
    lines = left.splitlines()
    for line, why in CASES[name][3].items():
        reasons = [lines[i + 1] for i, one in enumerate(lines) if one == place(name, line)]
        assert any(why in reason for reason in reasons), (line, reasons)


@pytest.mark.parametrize("name", sorted(CASES))
def test_dos_line_ends_and_a_byte_order_mark_mean_nothing(tmp_path, name):
    for file in CASES[name][0]:
        (tmp_path / file).write_bytes(b"\xef\xbb\xbf" + (FILES / file).read_bytes().replace(b"\n", b"\r\n"))
    there = run("import", name, *CASES[name][0]).replace(str(FILES), "")
    assert run("import", name, *CASES[name][0], cwd=tmp_path).replace(str(tmp_path), "") == there


@pytest.mark.parametrize("name", sorted(CASES))
def test_files_that_cannot_be_read_are_reported_with_place_and_remedy(tmp_path, name):
    binary, empty = tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(b"# a line\n\x7fELF\0\1")
    empty.write_text("# nothing\n")
    assert f"{binary}:2:1: binary data at byte 10" in run("import", name, binary, code=2)
    assert f"cannot read {tmp_path}/none: No such file or directory" in run("import", name, tmp_path / "none", code=2)
    assert "cannot read" in run("import", name, tmp_path, code=2)
    assert f"{empty}: nothing in it limits connections in the way of {name}: is it the right file?" in run("import", name, empty, code=2)
    assert json.loads(run("--json", "import", name, empty, code=2))["ok"] is False


def test_an_unknown_format_is_answered_with_the_nearest_and_help_lists_all_with_examples():
    assert "import: 'postfx': did you mean 'postfix'? sluicectl import --help says more" in run("import", "postfx", "main.cf", code=2)
    assert "usage: sluicectl import" in run("import", "postfix", code=2)
    text = run("import", "--help")
    for name in CASES:
        assert f"sluicectl import {name} /" in text


def test_values_that_cannot_be_understood_are_listed_and_never_guessed(tmp_path):
    odd = {
        "postfix": ("main.cf", "smtpd_client_connection_count_limit = ${stress?{1}:{50}}\nsmtpd_client_connection_rate_limit = -1\n", 2),
        "exim": ("exim4.conf", "smtp_accept_max = MAXCONN\nsmtp_accept_max_per_host = ${if def:sender_host {5}{1}}\n", 2),
        "csf": ("csf.conf", 'CONNLIMIT = "25;many"\nPORTFLOOD = "25;tcp;5"\n', 2),
        "haproxy": ("haproxy.cfg", "frontend f\n bind :25\n maxconn lots\n tcp-request connection reject if { src_conn_cur lt 2 }\n", 2),
        "nft": ("x.nft", 'tcp dport 25 ct count over $MANY drop\ntcp dport 25 ct state new limit rate over "5/minute drop\n', 2),
        "pf": ("pf.conf", "pass in proto tcp to port 25 keep state (max-src-conn $many)\npass in proto tcp to port 143 keep state (max-src-conn-rate often)\n", 2),
        "dovecot": ("dovecot.conf", "service imap-login {\n service_count = 0\n client_limit = $default_client_limit\n process_limit = 5\n}\n", 1),
        "axigen": ("axigen.cfg", 'smtp = { listeners = ( { address = "0.0.0.0:25" maxConnections = -5 peerMaxConnections = 99999999999 } ) }\n', 2),
    }
    for name, (file, text, count) in odd.items():
        (tmp_path / file).write_text(text)
        said = run("import", name, file, cwd=tmp_path)
        assert "max-" not in re.sub(r"^ *#.*$", "", said, flags=re.M), said
        assert said.partition("\n# Without an equivalent:\n")[2].count(f"# {file}:") >= count, said


def test_json_has_the_policy_and_what_is_left_out_as_data():
    said = json.loads(run("--json", "import", "pf", "pf.conf"))
    assert said["ok"] and said["policy"] == run("import", "pf", "pf.conf")
    assert {"file": "pf.conf", "line": 37, "text": 'include "/etc/pf.more.conf"'}.items() <= said["left"][-1].items() and said["left"][-1]["why"]
