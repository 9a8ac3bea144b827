# SPDX-License-Identifier: BSD-2-Clause
"""The exporter: what a real Prometheus makes of its metrics, which of them never go backwards, and which requests it refuses."""
import json
import os
import re
import signal
import socket

import tools
import web
from net import PACE, ROOT, SERVER, inside, sh, wait_for

PORT = 9798
POLICY = ("service smtp { ports = {25} max-connections = 40 max-connections-per-source = 5 on-excess = reset }\n"
          "service imap { ports = {143} max-rate-per-source = 3/1h on-excess = reset }\n")
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
NAMES = ("sluice_packets_total sluice_connections sluice_connections_limit sluice_connections_admitted_total "
         "sluice_connections_refused_total sluice_country_refused_total sluice_country_admitted_total sluice_syn_cookies_sent_total sluice_syn_cookies_valid_total "
         "sluice_under_pressure sluice_sources_tracked sluice_map_entries sluice_map_capacity sluice_policy_generation "
         "sluice_policy_last_reload_success_timestamp_seconds sluice_geoip_entries sluice_geoip_build_timestamp_seconds "
         "sluice_list_entries sluice_list_skipped_lines sluice_list_age_seconds sluice_build_info "
         "sluice_fleet_connected sluice_fleet_hosts sluice_fleet_staleness_seconds sluice_fleet_overshoot_bound").split()
SCRAPE = (ROOT / "dist/prometheus/scrape.yml").read_text()


def metrics(net):
    """Returns {sample with its labels: value}."""
    text = web.request(net.server, PORT, "/metrics")[2]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}


def counters(net):
    return {k: v for k, v in metrics(net).items() if "_total{" in k}


def connect(net, source, port, count):
    """Opens connections, and leaves open those that get in."""
    return tools.hold(net, SERVER, port, count, source, processes=1, wait_ms=800)


def config(directory):
    """Returns the configuration of dist/prometheus/, changed to scrape every half second, and to find the rules."""
    rules = ROOT / "dist/prometheus/sluice.rules.yml"
    return (SCRAPE.replace("sluice.rules.yml", str(rules)).replace("scrape_interval: 15s", "scrape_interval: 500ms\n    scrape_timeout: 500ms")
            + "global: {evaluation_interval: 1s}\n")


def test_prometheus_tells_what_a_scenario_did(make, tmp_path):
    net, sluice = make(POLICY)
    tools.serve(net, 25), tools.serve(net, 143)
    prometheus = web.Prometheus(net, tmp_path / "prometheus", config(tmp_path))
    value = prometheus.value
    assert wait_for(lambda: value("up") == 1)
    held, _ = connect(net, "10.77.0.2", 25, 8)
    connect(net, "10.77.0.3", 143, 5)
    sluice.do("ban", "10.77.0.4", "--for", "1h")
    connect(net, "10.77.0.4", 25, 2)
    assert wait_for(lambda: value('sluice_connections_refused_total{service="smtp",reason="banned"}') == 2)
    assert value('sluice_connections{service="smtp"}') == 5
    assert value('sluice_connections_limit{service="smtp"}') == 40
    assert value('sluice_connections_admitted_total{service="smtp"}') == 5
    assert value('sluice_connections_refused_total{service="smtp",reason="source-connections"}') == 3
    assert value('sluice_connections_admitted_total{service="imap"}') == 3
    assert value('sluice_connections_refused_total{service="imap",reason="source-rate"}') == 2
    assert value("sluice_sources_tracked") == 2, "a banned source is not tracked"
    assert wait_for(lambda: value('sluice_map_entries{map="live_bans"}') == 1)
    assert prometheus.query("sluice_connections_refused_total > 0").keys() == {
        frozenset({("service", "smtp"), ("reason", "source-connections")}), frozenset({("service", "smtp"), ("reason", "banned")}),
        frozenset({("service", "imap"), ("reason", "source-rate")})}

    sluice.kill()
    assert wait_for(lambda: value("up") == 0)
    connect(net, "10.77.0.4", 25, 4)  # the kernel refuses these while no daemon runs
    sluice.start()
    assert wait_for(lambda: value('sluice_connections_refused_total{service="smtp",reason="banned"}') == 6)
    assert value('resets(sluice_connections_refused_total{service="smtp",reason="banned"}[5m])') == 0
    assert value('increase(sluice_packets_total{service="smtp",reason="banned"}[5m]) > bool 3') == 1

    sluice.write("service smtp { ports = }\n")
    assert sluice.ctl("reload")[0] == 2
    assert wait_for(lambda: value("sluice_policy_last_reload_successful") == 0)
    alert = lambda: [a["labels"]["alertname"] for a in prometheus.api("alerts")["alerts"] if a["state"] in ("pending", "firing")]
    assert wait_for(lambda: alert() == ["SluiceReloadFailed"]), "the rules of dist/ work on the real metrics"
    dashboard_answers(prometheus)
    held.finish()


def test_prometheus_tells_of_countries_and_of_a_flood(make, tmp_path):
    (tmp_path / "countries.csv").write_text("10.77.0.2,10.77.0.2,DE\n10.77.0.3,10.77.0.3,FR\n")
    net, sluice = make("geoip { database = {countries.csv} }\nsyn-flood { pressure-syn-rate = 100/1s calm-after = 1s }\n"
                       "service smtp { ports = {25} deny-countries = {FR} on-excess = reset }\n")
    tools.serve(net, 25)
    value = web.Prometheus(net, tmp_path / "prometheus", config(tmp_path)).value
    connect(net, "10.77.0.3", 25, 4)[0].finish()
    assert wait_for(lambda: value('sluice_country_refused_total{service="smtp",country="FR"}') == 4)
    assert value('sluice_connections_refused_total{service="smtp",reason="country"}') == 4
    assert value('sluice_geoip_entries{family="ipv4"}') == 2
    assert value("sluice_under_pressure") == 0
    flood = tools.forge(net, 25, "10.77.4.1+200", "syn", 10**9, "-r", 2000)
    assert wait_for(lambda: value("sluice_under_pressure") == 1)
    connect(net, "10.77.0.2", 25, 3)[0].finish()
    flood.process.kill()
    assert wait_for(lambda: value("sluice_syn_cookies_valid_total") == 3)
    assert value('sluice_country_admitted_total{service="smtp",country="DE"}') == 3, "let in by their cookies"
    assert value('sum(sluice_country_admitted_total)') == value("sluice_connections_admitted_total")
    assert value("sluice_syn_cookies_sent_total") == sluice.reason("cookie-sent") > 100
    assert wait_for(lambda: value("sluice_under_pressure") == 0, 20), "calm again"
    assert value('max_over_time(sluice_under_pressure{service="smtp"}[1m])') == 1


def test_prometheus_warns_of_what_passed_while_sluiced_was_stopped(make, tmp_path):
    net, sluice = make(f"stop-grace = {PACE}s\n" + POLICY)
    tools.serve(net, 25)
    prometheus = web.Prometheus(net, tmp_path / "prometheus", config(tmp_path))
    firing = lambda: [(a["labels"]["alertname"], a["labels"].get("service")) for a in prometheus.api("alerts")["alerts"] if a["state"] == "firing"]
    assert wait_for(lambda: prometheus.value('sluice_packets_total{service="smtp",reason="stopped"}') == 0)
    sluice.kill(signal.SIGTERM)
    assert wait_for(lambda: sluice.json("status")["stands_open"])
    assert connect(net, "10.77.0.2", 25, 8)[1]["greeted"] == 8, "more than the limit"
    assert wait_for(lambda: prometheus.value("up") == 0) and firing() == []
    sluice.start()
    assert wait_for(lambda: firing() == [("SluiceFailsOpen", "smtp")], 20), prometheus.api("alerts")


def dashboard_answers(prometheus):
    """Shows that this Prometheus accepts every query of the Grafana dashboard, and that sluice has the metrics in it."""
    panels = json.loads((ROOT / "dist/grafana/sluice.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) > 15
    for query in queries:
        assert set(re.findall(r"sluice_\w+", query)) <= set(NAMES) | EXTRA, query
        prometheus.query(query.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$service", ".*"))


EXTRA = {"sluice_policy_unconfirmed", "sluice_policy_reverts_total", "sluice_observe", "sluice_accounting_drift", "sluice_interface_attached", "sluice_connections_observed_total",
         "sluice_policy_last_reload_successful", "sluice_geoip_database_build_timestamp_seconds", "sluice_geoip_database_old_after_seconds",
         "sluice_geoip_database_skipped_rows", "sluice_geoip_database_kept", "sluice_bans", "sluice_refusals_remembered", "sluice_refusals_forgotten_total",
         "sluice_refusals_untold_total", "sluice_list_used", "sluice_fleet_keys", "sluice_fleet_in_touch", "sluice_fleet_exchanges_total", "sluice_fleet_refused_messages_total",
         "sluice_fleet_changes_lost_total", "sluice_fleet_differing", "sluice_fleet_bans", "sluice_fleet_settings", "sluice_fleet_settings_unfit", "sluice_fleet_refused_records_total"}


def test_counters_never_go_backwards(make):
    net, sluice = make(POLICY)
    tools.serve(net, 25), tools.serve(net, 143)
    connect(net, "10.77.0.2", 25, 7)[0].finish()
    connect(net, "10.77.0.2", 143, 7)[0].finish()
    before = counters(net)
    assert before['sluice_connections_refused_total{service="imap",reason="source-rate"}'] == 4

    def still():
        assert wait_for(lambda: web.reachable(net.server, PORT, "/healthz"))
        now = counters(net)
        assert {k: (v, now.get(k)) for k, v in before.items() if now.get(k, -1) < v} == {}

    sluice.do("reload")
    still()
    sluice.kill()
    sluice.start()
    still()
    sluice.kill(signal.SIGTERM)
    sluice.start()
    still()
    sluice.write(POLICY.splitlines()[0])
    sluice.do("reload")
    assert not any("imap" in key for key in counters(net)), "a service that is gone has no samples"
    sluice.write(POLICY)
    sluice.do("reload")
    still()


def test_every_metric_of_the_contract_is_there_and_well_formed(make):
    net, sluice = make(POLICY)
    status, headers, text = web.request(net.server, PORT, "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert set(re.findall(r"^# TYPE (\S+)", text, re.M)) == set(NAMES) | EXTRA
    assert sh("promtool", "check", "metrics", input=text).stderr == ""
    assert 'sluice_map_capacity{map="sources"} 1000000' in text
    _, headers, text = web.request(net.server, PORT, "/metrics", headers=OPENMETRICS)
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n") and "# TYPE sluice_packets counter\n" in text
    assert web.request(net.server, PORT, "/healthz")[2] == "ok\n"


def test_prometheus_reads_metrics_of_a_database_whose_name_is_no_text(make, tmp_path):
    (tmp_path / os.fsdecode(b"land\xff.csv")).write_text("10.77.0.2,10.77.0.2,DE\n")
    net, sluice = make(POLICY)
    sluice.file.write_bytes(b"interfaces = {s0}\ngeoip { database = {'%s/land\xff.csv'} }\n".replace(b"'", b'"') % bytes(tmp_path) + POLICY.encode())
    sluice.do("reload")
    text = web.request(net.server, PORT, "/metrics")[2]
    assert f'sluice_geoip_database_kept{{database="{tmp_path}/land?.csv"}} 0\n' in text
    assert sh("promtool", "check", "metrics", input=text).stderr == ""


def test_no_address_is_in_any_answer(make):
    net, sluice = make(POLICY + "source-set foes { prefixes = {10.77.1.0/24} action = deny }\n")
    tools.serve(net, 25)
    sluice.do("ban", "10.77.0.3", "--reason", "10.77.0.3 was rude")
    held, _ = connect(net, "10.77.0.2,10.77.0.3,10.77.1.1", 25, 12)
    for path in ("/", "/metrics", "/status.json", "/healthz"):
        text = web.request(net.server, PORT, path)[2]
        assert not re.search(r"10\.77\.|fd77|::ffff", text), path
    held.finish()


def test_answers_only_to_its_own_name_and_changes_nothing(make):
    net, _ = make(POLICY)
    ask = lambda path="/metrics", method="GET", **more: web.request(net.server, PORT, path, method, **more)
    for host, status in (("localhost:9798", 200), ("127.0.0.1", 200), ("127.1.2.3:1", 200), ("[::1]:9798", 200),
                         ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example:9798", 421), ("", 421)):
        assert ask(headers={"Host": host})[0] == status, host
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert ask(method=method)[0] == 405
    assert ask(method="POST", body="x" * 10)[0] in (405, 413)
    assert ask(method="TRACE")[0] in (405, 501)
    assert ask("/nothing")[0] == ask("/../etc/passwd")[0] == 404
    assert ask(headers={"X": "x" * 10000})[0] in (400, 413, 431)
    status, headers, body = ask(method="HEAD")
    assert (status, body) == (200, "")
    policy = ask("/")[1]["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert ask("/")[1]["Access-Control-Allow-Origin"] is None


def test_port_in_use_is_a_warning_and_limits_hold(make):
    net, sluice = make(POLICY)
    tools.serve(net, 25)
    sluice.kill()
    with inside(net.server):
        squatter = socket.create_server(("127.0.0.1", PORT))
    with squatter:
        sluice.start()
        assert "no metrics: cannot listen on 127.0.0.1:9798: Address already in use" in sluice.logged()
        assert sluice.json("status")["metrics"] == "" and "http://" not in sluice.do("status")
        assert connect(net, "10.77.0.2", 25, 8)[1]["greeted"] == 5
        sluice.write("metrics { listen = [::1]:9799 }\n" + POLICY)
        sluice.do("reload")
        assert web.request(net.server, 9799, "/healthz", host="::1")[0] == 200
        assert "\nmetrics     http://[::1]:9799/\n" in sluice.do("status")
        sluice.write("metrics { listen = none }\n" + POLICY)
        sluice.do("reload")
        assert not web.reachable(net.server, 9799, "/healthz")
    sluice.write(POLICY)
    sluice.do("reload")
    assert web.reachable(net.server, PORT, "/healthz"), "the port is free again"


def test_idle_and_too_many_clients_do_not_keep_the_others_out(make):
    net, sluice = make(POLICY)
    with inside(net.server):
        idle = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(300)]
    for s in idle[:50]:
        s.sendall(b"GET /metrics HT")
    assert sluice.json("status")["daemon"] == "running", "the control socket answers"
    assert wait_for(lambda: web.reachable(net.server, PORT, "/healthz"))
    assert "too many connections to the metrics" in sluice.logged()
    for s in idle:
        s.close()


def test_answering_costs_no_descriptor(make):
    net, sluice = make(POLICY)
    descriptors = lambda: len(os.listdir(f"/proc/{sluice.daemon.pid}/fd"))
    assert wait_for(lambda: web.reachable(net.server, PORT, "/healthz"))
    before = descriptors()
    for _ in range(20):
        for path in ("/metrics", "/status.json", "/healthz", "/"):
            web.request(net.server, PORT, path)
        sluice.do("status"), sluice.do("counters"), sluice.do("sources"), sluice.do("lookup", "10.77.0.2")
    assert wait_for(lambda: descriptors() <= before), f"{before} -> {descriptors()}"


def test_healthz_and_metrics_tell_of_a_detached_interface(make):
    net, sluice = make(POLICY)
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "off")
    assert wait_for(lambda: web.request(net.server, PORT, "/healthz")[0] == 503)
    assert web.request(net.server, PORT, "/healthz")[2] == "interface s0: detached, nothing is judged there\n"
    assert metrics(net)['sluice_interface_attached{interface="s0"}'] == 0
    sluice.do("reload")
    assert web.request(net.server, PORT, "/healthz")[2] == "ok\n"


def test_an_interface_that_is_away_is_not_forgotten_by_a_reload(make):
    net, sluice = make(POLICY)
    plug = lambda: net.run(net.server, "ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1")
    attached = lambda: {k.split('"')[1]: v for k, v in metrics(net).items() if k.startswith("sluice_interface_attached{")}
    plug()
    sluice.file.write_text("interfaces = {s0, x0} geoip { count-countries = false }\n" + POLICY)
    sluice.do("reload")
    assert attached() == {"s0": 1, "x0": 1}
    net.run(net.server, "ip", "link", "del", "x0")
    for _ in range(2):
        assert "interface x0 is absent: it will be guarded when it comes back" in sluice.ctl("reload")[2]
        assert attached() == {"s0": 1, "x0": 0}
        assert web.request(net.server, PORT, "/healthz")[::2] == (503, "interface x0: detached, nothing is judged there\n")
        assert {i["name"]: i["xdp_mode"] for i in sluice.json("status")["interfaces"]} == {"s0": "native", "x0": "detached"}
    plug()
    assert wait_for(lambda: attached() == {"s0": 1, "x0": 1}) and web.reachable(net.server, PORT, "/healthz")
    net.run(net.server, "ip", "link", "del", "x0")
    sluice.write(POLICY)
    sluice.do("reload")
    assert attached() == {"s0": 1} and web.reachable(net.server, PORT, "/healthz"), "the policy does not name it any more"


def test_bans_are_counted_by_owner_and_never_by_more_than_seventeen(make):
    net, sluice = make(POLICY)
    bans = lambda: {k.split('"')[1]: v for k, v in metrics(net).items() if k.startswith("sluice_bans{")}
    assert bans() == {}
    for owner, n in (("fail2ban:postfix", 3), ("feed", 2)):
        for i in range(n):
            sluice.do("ban", f"192.0.2.{i}", "--by", owner)
    sluice.do("ban", "198.51.100.1")
    assert bans() == {"fail2ban:postfix": 3, "feed": 2, "uid:0": 1}
    sluice.do("unban", "192.0.2.0", "--by", "feed"), sluice.do("unban", "198.51.100.1")
    assert bans() == {"fail2ban:postfix": 3, "feed": 1}
    sluice.do("ban", "192.0.2.9", "--by", "short", "--for", "1s")
    assert wait_for(lambda: "short" not in bans()), "the short ban has ended"
    for i in range(20):
        sluice.do("ban", f"203.0.113.{i}", "--by", f"owner{i:02}")
    assert len(bans()) == 17 and bans()["fail2ban:postfix"] == 3 and sum(bans().values()) == 24 and bans()["(others)"] == 6
