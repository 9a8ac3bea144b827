# SPDX-License-Identifier: BSD-2-Clause
"""Limits hold over several hosts: there is a real store, each host has a sluiced and a kernel side, and clients connect to all of them."""
import os
import re
import signal
import threading
import time

import pytest

import web
from hosts import SOURCE, Hosts, Sum
from net import wait_for

LIMIT = 20
# Tests share their processors with much else: a host that waits for a processor must not count as out of touch.
FLEET = "fleet { servers = {STORE} name = NAME secret-file = SECRET max-staleness = 5s on-partition = %s }\n"
SERVICE = "service smtp { ports = {25} max-connections-per-source = 20 fleet = true%s }\n"


def policy(partition="closed", exact=False, service=SERVICE):
    return FLEET % partition + service % (" exact = true" if exact else "")


@pytest.fixture
def fleet(tmp_path):
    """fleet(count, policy) -> Hosts, in touch."""
    made = []

    def build(count, text, together=True, settled=True):
        made.append(Hosts(tmp_path, count, text))
        if together:
            made[-1].together(settled=settled)
        return made[-1]

    yield build
    for hosts in made:
        hosts.close()


def at_once(hosts, each, wait_ms=4000):
    """Opens `each` connections from one source to every host at the same time. Returns the tools, and how many were greeted."""
    got = [None] * len(hosts.nets)

    def open_all(n):
        got[n] = hosts.hold(n, each, wait_ms=wait_ms)

    threads = [threading.Thread(target=open_all, args=(n,)) for n in range(len(hosts.nets))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return [tool for tool, _ in got], sum(first["greeted"] for _, first in got)


def fills(hosts, most=LIMIT, source=SOURCE, rounds=20):
    """Whether all together come to hold so many. Refused clients ask again after 1, 3, 7 and 15 s, and new ones come meanwhile."""
    for number in range(rounds):
        if wait_for(lambda: sum(hosts.held()) >= most, 2):
            return True
        hosts.late.append(hosts.hold(number % len(hosts.nets), 1, source, wait_ms=10)[0])
    return False


def test_an_exact_limit_is_reached_and_never_exceeded_over_four_hosts(fleet):
    hosts = fleet(4, policy(exact=True))
    total = Sum(hosts.serve())
    clients, _ = at_once(hosts, 125)
    reached = fills(hosts)
    most = total.finish()
    print(f"\n500 at once over four hosts at limit {LIMIT}, exact: at most {most} in {total.samples} samples, {hosts.held()}")
    assert most == LIMIT and reached, hosts.held()
    assert sum(hosts.held()) == LIMIT
    for c in clients + hosts.late:
        c.finish()
    assert wait_for(lambda: hosts.records() == 0, 10)


def test_without_exact_a_limit_is_exceeded_by_no_more_than_status_says(fleet):
    hosts = fleet(4, policy(), settled=False)
    bound = {s["name"]: s["over"] for s in hosts.status()["services"]}["smtp"]
    assert bound == 3 * (LIMIT // 8)
    total = Sum(hosts.serve())
    clients, _ = at_once(hosts, 125)
    reached = fills(hosts)
    most = total.finish()
    print(f"\n500 at once over four hosts at limit {LIMIT}: at most {most}, the bound is {LIMIT + bound}, {hosts.held()}")
    assert reached and LIMIT <= most <= LIMIT + bound, hosts.held()
    assert clients, "these held their connections until here"


def test_a_slot_that_is_freed_at_one_host_can_be_used_at_another(fleet):
    hosts = fleet(2, policy(exact=True))
    hosts.serve()
    first, _ = hosts.hold(0, LIMIT, wait_ms=3000)
    assert wait_for(lambda: hosts.held() == [LIMIT, 0], 20)
    second, got = hosts.hold(1, 1, wait_ms=1500)
    assert got["greeted"] == 0, "all are held at the other host"
    first.ask("close 5")
    assert wait_for(lambda: hosts.held()[1] == 1, 20), "the client asks again by itself, after 1 s, 3 s and 7 s"
    more, got = hosts.hold(1, 10, wait_ms=3500)
    assert sum(hosts.held()) == LIMIT and hosts.held()[0] == LIMIT - 5
    second.finish(), more.finish(), first.finish()
    assert wait_for(lambda: hosts.records() == 0, 10)


def test_limits_of_a_service_and_of_a_set_hold_over_hosts_and_a_reload_changes_them(fleet):
    text = FLEET % "closed" + "service smtp { ports = {25} max-connections = 20 fleet = true exact = true }\nsource-set few { prefixes = {10.77.0.3} max-connections = 4 fleet = true }\n"
    hosts = fleet(2, text)
    total = Sum(hosts.serve())
    few, _ = hosts.hold(0, 6, "10.77.0.3", wait_ms=1500)
    more, _ = hosts.hold(1, 6, "10.77.0.3", wait_ms=1500)
    assert fills(hosts, 4, "10.77.0.3"), hosts.held()
    clients, _ = at_once(hosts, 25, wait_ms=1500)
    assert fills(hosts), hosts.held()
    assert total.finish() == LIMIT
    for number, sluice in enumerate(hosts.sluices):
        sluice.write(hosts.policy_of(number, text.replace("max-connections = 20", "max-connections = 24")))
        sluice.do("reload")
    more, _ = hosts.hold(1, 10, wait_ms=1500)
    assert fills(hosts, 24), hosts.held()


def test_a_source_far_from_its_limit_is_not_told_to_the_store(fleet):
    hosts = fleet(2, policy(), settled=False)
    hosts.serve()
    client, got = hosts.hold(0, 2, wait_ms=500)
    assert got["greeted"] == 2
    assert hosts.records() == 0 and hosts.status()["exchanges"] == 0
    client.finish()


def test_explain_says_what_the_other_hosts_hold(fleet):
    hosts = fleet(2, policy(exact=True))
    hosts.serve()
    there, _ = hosts.hold(0, 8, wait_ms=3000)
    here, _ = hosts.hold(1, 5, wait_ms=3000)
    assert wait_for(lambda: hosts.held() == [8, 5], 20)

    def source():
        return hosts.sluices[1].json("explain", SOURCE, "--service", "smtp")["counts"]["source"]

    assert wait_for(lambda: source().get("elsewhere") == 8, 20), source()
    assert source()["held"] == 5 and 5 <= source()["lease"] <= LIMIT - 8
    said = lambda: hosts.sluices[1].do("explain", SOURCE, "--service", "smtp")
    assert wait_for(lambda: " here, 8 on h0 (lease " in said(), 20), said()


def test_while_a_store_stands_still_each_host_is_left_to_itself(fleet):
    hosts = fleet(2, policy("local", exact=True))
    hosts.serve()
    hosts.signal_store(signal.SIGSTOP)
    assert wait_for(lambda: hosts.states() == ["out of touch"] * 2, 20), hosts.states()
    clients, _ = at_once(hosts, 25, wait_ms=1500)
    assert wait_for(lambda: hosts.held() == [LIMIT, LIMIT], 20), "local: each host has the whole limit"
    hosts.signal_store(signal.SIGCONT)
    hosts.together(settled=False)
    for c in clients:
        c.ask("close 15")
    assert wait_for(lambda: sum(hosts.held()) == 10 and hosts.leased() <= LIMIT, 10), "hosts return the leases that are too much"
    hosts.hold(0, 30, wait_ms=1500)
    assert fills(hosts), hosts.held()


def test_a_store_that_was_killed_leaves_each_host_its_share_and_knows_all_when_it_is_back(fleet):
    hosts = fleet(2, policy("share", exact=True))
    hosts.serve()
    hosts.signal_store(signal.SIGKILL)
    assert wait_for(lambda: hosts.states() == ["out of touch"] * 2, 20), hosts.states()
    clients, _ = at_once(hosts, 25, wait_ms=1500)
    assert wait_for(lambda: hosts.held() == [LIMIT // 2, LIMIT // 2], 20), "share: each host has its part"
    hosts.start_store()
    hosts.together()
    assert wait_for(lambda: hosts.records() == 1, 20), "hosts tell the store again what they hold"
    _, got = hosts.hold(0, 5, wait_ms=1500)
    assert got["greeted"] == 0 and sum(hosts.held()) == LIMIT
    for c in clients:
        c.finish()


def test_closed_keeps_what_was_leased_and_no_more(fleet):
    hosts = fleet(2, policy("closed", exact=True))
    hosts.serve()
    client, _ = hosts.hold(0, 4, wait_ms=2500)
    assert wait_for(lambda: hosts.held() == [4, 0], 20)
    hosts.signal_store(signal.SIGSTOP)
    assert wait_for(lambda: hosts.states() == ["out of touch"] * 2, 20)
    clients, _ = at_once(hosts, 30, wait_ms=1500)
    assert hosts.held()[1] == 0 and 4 <= hosts.held()[0] < LIMIT, "nothing was leased to the second host"
    hosts.signal_store(signal.SIGCONT)
    assert fills(hosts), hosts.held()


def test_a_store_that_was_emptied_is_told_everything_again(fleet):
    hosts = fleet(2, policy(exact=True))
    hosts.serve()
    client, _ = hosts.hold(0, 12, wait_ms=3000)
    assert wait_for(lambda: hosts.held() == [12, 0] and hosts.records() == 1, 20)
    assert "OK" in hosts.redis_cli("flushall")
    assert wait_for(lambda: hosts.records() == 1, 20)
    total = Sum([hosts.sluices[0].daemon])
    _, got = hosts.hold(1, 30, wait_ms=6000)
    assert sum(hosts.held()) == LIMIT and hosts.held()[0] == 12, hosts.held()
    assert 12 <= total.finish() <= LIMIT and total.samples


def test_a_daemon_that_is_killed_leaves_its_count_at_the_store_and_finds_it_again(fleet):
    hosts = fleet(2, policy(exact=True))
    hosts.serve()
    here, _ = hosts.hold(0, 12, wait_ms=3000)
    assert wait_for(lambda: hosts.held() == [12, 0], 20)
    hosts.sluices[0].kill()
    there, _ = hosts.hold(1, 20, wait_ms=1500)
    assert hosts.held()[0] == 12 and sum(hosts.held()) <= LIMIT, "what its host holds still counts"
    hosts.sluices[0].start()
    hosts.together(settled=False)
    here.ask("close 4")
    more, _ = hosts.hold(1, 20, wait_ms=1500)
    assert fills(hosts), hosts.held()
    assert helpers(hosts) == 2
    for c in [here, there, more] + hosts.late:
        c.finish()
    assert wait_for(lambda: hosts.records() == 0, 10)


def test_a_rate_holds_over_hosts(fleet):
    hosts = fleet(2, FLEET % "closed" + "service smtp { ports = {25} max-rate-per-source = 20/24s fleet = true exact = true }\n")
    total = Sum(hosts.serve())
    clients, _ = at_once(hosts, 30, wait_ms=1500)
    assert fills(hosts, rounds=8), [hosts.held(), *map(hosts.status, (0, 1))]
    most = total.finish()
    print(f"\n60 at once at 20/24s over two hosts: let in {hosts.held()}, at most {most}")
    assert most == LIMIT
    for c in clients + hosts.late:
        c.finish()
    time.sleep(26)
    _, got = hosts.hold(0, 3, wait_ms=4000)
    assert got["greeted"] == 3, "the interval is over"


def test_what_a_host_gets_for_refused_clients_is_there_when_they_ask_again(fleet):
    """Each host gave the rest as soon as the other asked, before any client came back: it went to and fro, and both held 1 of 20 for 16 s."""
    hosts = fleet(2, policy(exact=True))
    hosts.serve()
    clients = []
    for host in (0, 1):  # each gets half of what is left; the clients of the first come back sooner, and ask for the other half, too
        clients.append(hosts.hold(host, 30, wait_ms=100)[0])
    assert wait_for(lambda: sum(hosts.held()) == LIMIT, 6), (hosts.held(), "clients have asked again after 1 and 3 s")
    for c in clients:
        c.finish()


def helpers(hosts):
    """Returns how many sluice-fleet processes run in the network namespaces of these hosts."""
    spaces = {os.stat(f"/run/netns/{net.server}").st_ino for net in hosts.nets}
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                found += comm.read().strip() == "sluice-fleet" and os.stat(f"/proc/{pid}/ns/net").st_ino in spaces
        except OSError:
            pass
    return found


def metrics(hosts, number=0):
    return web.request(hosts.nets[number].server, 9798, "/metrics")[2]


def test_a_policy_that_ends_or_begins_a_fleet_is_followed_at_once(fleet):
    hosts = fleet(2, policy(), settled=False)
    assert helpers(hosts) == 2 and "sluice_fleet_hosts 2" in metrics(hosts)
    assert 'sluice_fleet_overshoot_bound{service="smtp"} 5' in metrics(hosts)
    sluice = hosts.sluices[0]
    sluice.write("service smtp { ports = {25} max-connections-per-source = 20 }\n")
    sluice.do("reload")
    assert helpers(hosts) == 1 and "\nsluice_fleet" not in metrics(hosts)
    code, _, err = sluice.ctl("fleet", "status")
    assert code == 1 and "no fleet" in err
    sluice.write(hosts.policy_of(0))
    sluice.do("reload")
    hosts.together(settled=False)
    assert helpers(hosts) == 2


def test_a_helper_that_is_killed_is_started_again(fleet):
    hosts = fleet(1, policy(), settled=False)
    pid = next(p for p in filter(str.isdigit, os.listdir("/proc")) if is_helper(p, hosts))
    os.kill(int(pid), signal.SIGKILL)
    assert wait_for(lambda: not os.path.exists(f"/proc/{pid}") or hosts.states() != ["in touch"], 5)
    hosts.together(settled=False)
    assert helpers(hosts) == 1


def is_helper(pid, hosts):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
            return comm.read().strip() == "sluice-fleet" and os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(f"/run/netns/{hosts.nets[0].server}").st_ino
    except OSError:
        return False


def test_a_secret_that_everybody_may_read_is_refused_and_said(fleet):
    hosts = fleet(1, policy(), settled=False)
    hosts.secret.chmod(0o644)
    _, _, err = hosts.sluices[0].ctl("reload")
    assert "everybody may read" in err and "on this host alone" in err
    assert hosts.status()["state"] == "off" and "everybody may read" in hosts.status()["error"]
    assert helpers(hosts) == 0
    hosts.secret.chmod(0o600)
    hosts.sluices[0].do("reload")
    hosts.together(settled=False)


def test_the_rights_that_fleet_acl_names_are_enough(fleet, tmp_path):
    hosts = fleet(2, policy(exact=True), settled=False)
    line = hosts.sluices[0].do("fleet", "acl").strip()
    hosts.redis_cli(*("acl setuser " + line.removeprefix("user ").replace(">PASSWORD", ">pass word".replace(" ", ""))).split())
    (tmp_path / "password").write_text("password\n")
    (tmp_path / "password").chmod(0o600)
    text = policy(exact=True).replace("secret-file", f"user = sluice password-file = {tmp_path}/password secret-file")
    assert "OK" in hosts.redis_cli("acl", "setuser", "default", "off")
    for number, sluice in enumerate(hosts.sluices):
        sluice.write(hosts.policy_of(number, text))
        sluice.do("reload")
    hosts.together(settled=False)
    hosts.serve()
    first, _ = hosts.hold(0, LIMIT, wait_ms=5000)
    assert wait_for(lambda: hosts.held() == [LIMIT, 0], 20)
    second, _ = hosts.hold(1, 1, wait_ms=1100)
    first.ask("close 5")
    assert wait_for(lambda: hosts.held()[1] == 1, 20)
    assert not hosts.status()["error"] and not hosts.status(1)["error"]


def test_the_store_sees_no_address(fleet):
    hosts = fleet(2, policy(exact=True))
    hosts.serve()
    client, _ = hosts.hold(0, 3, wait_ms=2500)
    assert wait_for(lambda: hosts.records() == 1, 20)
    names = hosts.redis_cli("keys", "*").split()
    held = "".join(hosts.redis_cli("hgetall", n) for n in names if ":k:" in n)
    assert not re.search(r"10\.77|smtp", " ".join(names) + held), names
    client.finish()
