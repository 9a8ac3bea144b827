# SPDX-License-Identifier: BSD-2-Clause
"""Servers hear, answer and end as they do without sluice, in enforce and in observe, whatever legal but odd things a client does in calm times
(gate.md, T8). Each script is played without sluice first."""
import concurrent.futures
import contextlib
import itertools
import pathlib
import re
import time

import pytest

import scripts
from net import Net, wait_for
from pressure import suspects, syncookies

FILE = pathlib.Path(__file__).with_name("server-scripts.txt")
SCRIPTS = dict(re.findall(r"^== (.*)\n((?:(?!==).*\n)*)", FILE.read_text(), re.M))
FIRST = 3000
ROUNDS = itertools.count()
PORTS = [FIRST + i for i in range(len(SCRIPTS))]
POLICY = "".join(  # a service has 32 ports at most
    f"service smtp{i} {{ ports = {{{', '.join(map(str, PORTS[i : i + 32]))}}} max-connections-per-source = 50 }}\n" for i in range(0, len(PORTS), 32)
)
MODES = {
    "default": POLICY,
    "every source is suspect": POLICY,
    "observe": "mode = observe\n" + POLICY,
    "under pressure": "syn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 60s }\n" + POLICY,
}


def source_of(name, i):
    return f"fd79::{i + 1:x}" if "IPv6" in name else f"10.77.5.{i + 1}"


def prepare(net):
    """Makes the server send to addresses that nobody has, and turns on Fast Open."""
    net.run(net.server, "ip", "route", "replace", "10.77.5.0/24", "via", "10.77.0.2")
    net.run(net.server, "ip", "-6", "route", "replace", "fd79::/64", "via", "fd77:0:1::2")
    net.run(net.server, "sh", "-c", "echo 3 >/proc/sys/net/ipv4/tcp_fastopen; echo 0 >/proc/sys/net/ipv4/tcp_invalid_ratelimit")
    net.run(net.server, "ping", "-c1", "10.77.0.2")


def played(net, names=None):
    """Plays scripts, and returns {script: outcome}. Each time it takes other ports, because the server remembers the earlier ones."""
    first = 40000 + 100 * next(ROUNDS)

    def one(item):
        i, (name, text) = item
        return name, scripts.Player(net, source_of(name, i), FIRST + i, first).play(text)

    chosen = [(i, (name, text)) for i, (name, text) in enumerate(SCRIPTS.items()) if not names or name in names]
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        return dict(pool.map(one, chosen))


def rough(outcome):
    """Returns what is left of an outcome if SYN cookies were sent, by the host or by sluice: there are no options and no ECN."""
    return [re.sub(r"( mss=\d+| sacks?\b| ts\b| ws=\d+| tfo=\d+)", "", line).replace("S.E", "S.") for line in outcome]


def settled(play):
    """Returns {script: outcome} on which two plays agree, since a busy machine sometimes loses a race, and such an outcome says nothing."""
    seen, agreed, left = {}, {}, None
    for _ in range(6):
        for name, outcome in play(left).items():
            if outcome in seen.setdefault(name, []):
                agreed[name] = outcome
            seen[name].append(outcome)
        left = set(seen) - set(agreed)
        if not left:
            return agreed
    raise AssertionError(f"no two plays agree: { {name: seen[name] for name in left} }")


def differing(want, play):
    """Returns {script: outcome} of the scripts whose outcome differed each time they were played."""
    names = set(want)
    for _ in range(3):
        wrong = {name: got for name, got in play(names).items() if got != want[name]}
        if not wrong:
            break
        names = set(wrong)
    return wrong


@pytest.fixture(scope="module")
def without():
    """The outcomes without sluice, in calm times, and when the host sends cookies of its own."""
    with contextlib.closing(Net()) as net:
        prepare(net)
        calm = settled(lambda names: played(net, names))
        syncookies(net, 2)
        yield calm, settled(lambda names: {name: rough(outcome) for name, outcome in played(net, names).items()})


def alive(net):
    """Returns how many connections the guarded ports have, as the host's kernel says."""
    out = net.run(net.server, "ss", "-Htno", "state", "connected", f"( sport >= :{PORTS[0]} and sport <= :{PORTS[-1]} )").stdout
    skip = ("SYN-RECV", "TIME-WAIT", "SYN-SENT")
    return sum(line.split()[0] not in skip and "timer:(timewait" not in line for line in out.splitlines())


def suspect(net, sluice):
    """Makes each source a suspect, by a SYN in its name that nobody answers, after a handshake of each service has completed."""
    for i, name in enumerate(SCRIPTS):
        scripts.Player(net, source_of(name, i), FIRST + i, 39000).play("> S 0 mss; <; > . 1 ack 1; accept; reset; <; port +1; > S 0 mss; <")
    time.sleep(4)
    assert len(suspects(sluice)) == len(SCRIPTS)


def press(net, sluice):
    """Puts each service under pressure by a few handshakes, and waits until the sysctl is raised."""
    for i in range(0, len(PORTS), 32):
        for first in (38000, 38001, 38002):
            scripts.Player(net, source_of("", i), PORTS[i], first).play("> S 0 mss; <; > . 1 ack 1; accept; reset; <")
    assert all(s["pressure"] for s in sluice.json("status")["services"]) and wait_for(lambda: syncookies(net) == 2)


def left(sluice):
    """Returns what a service still holds of its clients, and what it refused."""
    status = sluice.json("status")
    held = {what: sum(s[what] for s in status["services"]) for what in ("connections", "reserved")}
    return held | {"drift": status["drift"]} | {
        c["reason"]: c["packets"] for c in sluice.json("counters") if c["reason"] in ("malformed", "cookie-forged", "cookie-sent", "table-full") and c["packets"]}


@pytest.mark.parametrize("mode", MODES)
def test_a_server_does_as_it_does_without_sluice(make, without, mode):
    net, sluice = make(MODES[mode])
    prepare(net)
    pressed = mode == "under pressure"
    want, show = (without[1], rough) if pressed else (without[0], list)
    for how in (suspect,) if "suspect" in mode else (press,) if pressed else ():
        how(net, sluice)
    before = syncookies(net)
    wrong = differing(want, lambda names: {name: show(outcome) for name, outcome in played(net, names).items()})
    for name in SCRIPTS:
        print(f"{'DIFFERS' if name in wrong else 'same':8}{name}")
        if name in wrong:
            print("   without: " + "\n            ".join(want[name]) + "\n   with:    " + "\n            ".join(wrong[name]))
    print(f"{mode}: {len(SCRIPTS) - len(wrong)} of {len(SCRIPTS)} as without sluice" + " and tcp_syncookies = 2" * pressed)
    assert not wrong
    if pressed:
        assert sluice.reason("cookie-sent", service="smtp0") > 20
        return
    assert wait_for(lambda: left(sluice) == {"connections": alive(net), "reserved": 0, "drift": 0}), (left(sluice), alive(net))
    assert syncookies(net) == before
