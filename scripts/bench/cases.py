# SPDX-License-Identifier: BSD-2-Clause
"""Measures defences side by side under a flood. A case is a policy, and its rows are the defences that can express it, measured in turn A B A B."""
import concurrent.futures, contextlib, dataclasses, json, os

import peers
from peers import SERVICE, QUIET
from report import BEFORE
from testbed import SERVER, SOURCES, Bed

HELD = 65_536


@dataclasses.dataclass
class Case:
    name: str
    title: str
    rows: dict  # label -> defend
    flood: tuple = ()
    floor: str = "XDP_DROP"
    warm: float = 0.3  # seconds before the first turn
    client: bool = False  # a real SMTP client works meanwhile


def held(count):
    return lambda bed: bed.hold_each(count)


def sessions(bed):
    bed.route_back()
    bed.sink()


def tx(bed):
    bed.xdp("tx")


def host(bed):
    sessions(bed)
    bed.xdp("pass")


def synproxy(bed):
    peers.nft(peers.SYNPROXY, sessions)(bed)
    bed.run("sh", "-c", "echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose")


def cases(mode):
    """Returns the cases. With BEFORE=REVISION in the environment, each also has a row for sluice as it was then."""
    made, before = cases_of(mode), os.environ.get("BEFORE")
    for case in made if before else ():
        case.rows[BEFORE] = case.rows["sluice"].at(before)
    return made


def cases_of(mode):
    sources, drop = min(HELD, mode.held), {"XDP_DROP": peers.bare("drop")}
    spread, lists = ("-s", f"{SOURCES}+{sources}"), []
    one = ("-s", f"{SOURCES}+1")
    served = SERVICE.format(f"allow-countries = {{{peers.ONLY}}}")
    deny = "source-set foes {{ prefixes = {{{}}} action = deny }}\n"
    nft_deny = lambda match: peers.nft(peers.ingress(("", match + " drop")))
    for count in mode.lists:
        rows = {"sluice": peers.sluice(peers.sluice_list(count)), "nftables interval set": peers.nft_set(count), "ipset hash:net": peers.ipset(count)}
        lists.append(Case(f"list-{count}", f"Deny list of {count:,} prefixes; random sources of the whole address space", {**drop, **rows}, ("-a",)))
    return [
        Case(
            "everything",
            f"Everything on: limits, rates, a deny list of {mode.lists[0]:,}, both country tables; SYNs of {sources:,} sources, each over its limit",
            {
                **drop,
                "sluice": peers.sluice(peers.everything(mode.lists[0]), held(sources)),
                "xdp-filter, one port": peers.xdp_filter("port 25 -m dst -p tcp"),
                "nftables ct count": peers.nft(peers.CT_COUNT, held(sources)),
            },
            spread,
        ),
        Case(
            "limit",
            f"One connection a source, no more: SYNs of {sources:,} sources that each hold one",
            {
                **drop,
                "sluice": peers.sluice(QUIET + SERVICE.format("max-connections-per-source = 1"), held(sources)),
                "nftables ct count": peers.nft(peers.CT_COUNT, held(sources)),
                "iptables connlimit": peers.iptables(peers.CONNLIMIT, before=held(sources)),
            },
            spread,
        ),
        Case(
            "rate",
            f"Ten SYNs a minute and source: SYNs of {sources:,} sources",
            {
                **drop,
                "sluice": peers.sluice(QUIET + SERVICE.format("max-syn-rate-per-source = 10/1m")),
                "nftables meter": peers.nft(peers.METER),
                "iptables hashlimit": peers.iptables(peers.HASHLIMIT),
            },
            spread,
            warm=mode.warm_rate,
        ),
        Case(
            "port",
            "One denied port",
            {**drop, "sluice": peers.sluice(SERVICE.format("") + deny.format("0.0.0.0/0")), "xdp-filter": peers.xdp_filter("port 25 -m dst -p tcp"), "nftables": nft_deny("tcp dport 25")},
            spread,
        ),
        Case(
            "address",
            "One denied address, which floods",
            {**drop, "sluice": peers.sluice(SERVICE.format("") + deny.format(SOURCES)), "xdp-filter": peers.xdp_filter(f"ip {SOURCES} -m src"), "nftables": nft_deny(f"ip saddr {SOURCES}")},
            one,
        ),
        *lists,
        Case(
            "country",
            "One country served, of the whole table; random sources of the whole address space",
            {**drop, "sluice": peers.sluice("geoip { allow-private = false }\n" + served, earlier=served), "nftables map": peers.nft(peers.nft_countries)},
            ("-a",),
        ),
        Case(
            "cookies",
            "SYN flood from 131,072 sources, answered by SYN cookies; meanwhile a real SMTP client, one session after the other",
            {"XDP_TX": tx, "sluice": peers.sluice(SERVICE.format("max-connections-per-source = 20 max-connections = 4000"), sessions), "nftables SYNPROXY": synproxy, "no filter": host},
            floor="XDP_TX",
            client=True,
            warm=1.0,
        ),
    ]


CLIENT = """
import json, socket, sys, time
seconds, took, failed = float(sys.argv[1]), [], 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    began = time.monotonic()
    try:
        s = socket.create_connection((sys.argv[2], 25), 5, ("10.77.0.3", 0))
        f = s.makefile("rw", newline="")
        ok = f.readline()[:3] == "220"
        for word, code in (("HELO client", "250"), ("QUIT", "221")):
            f.write(word + "\\r\\n")
            f.flush()
            ok = ok and f.readline()[:3] == code
        s.close()
    except OSError:
        ok = False
    failed += not ok
    took.append(time.monotonic() - began)
took.sort()
print(json.dumps({"sessions": len(took) / seconds, "failed": failed, "p50_ms": took[len(took) // 2] * 1e3, "p99_ms": took[len(took) * 99 // 100] * 1e3}))
"""


def client(bed, seconds):
    if bed.name.startswith("XDP_"):  # nobody gets an answer there
        return dict
    return lambda: json.loads(bed.net.run(bed.net.client, "/usr/bin/python3", "-c", CLIENT, seconds, SERVER, timeout=seconds + 60).stdout)


@contextlib.contextmanager
def beds(rows, flood, **more):
    """Keeps a bed for each row at once, so that their turns can alternate. Two are made at a time."""
    with contextlib.ExitStack() as stack:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            making = [pool.submit(Bed, name, defend, flood, **more) for name, defend in rows.items()]
            try:
                concurrent.futures.wait(making)
            finally:  # also when this process is told to end: what was made, or is being made, must be removed
                for m in making:
                    if not m.cancel() and not m.exception():
                        stack.callback(m.result().close)
        yield [m.result() for m in making]


def measure(case, mode):
    """Returns {label: {"turns": [...], "facts": {...}, "missing": why or None}}."""
    with beds(case.rows, case.flood) as made:
        for bed in made:
            bed.start_floods()
            if not bed.missing:
                bed.flood(case.warm)
        for _ in range(mode.rounds):
            for bed in made:
                if not bed.missing:
                    seconds = mode.client if case.client else mode.seconds
                    bed.turns.append(bed.flood(seconds, client(bed, mode.client) if case.client else None))
        return {bed.name: {"turns": bed.turns, "facts": bed.facts, "missing": bed.missing} for bed in made}
