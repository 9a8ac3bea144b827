#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Under a SYN flood of everything one processor can send: how many SYN-ACKs go out, and what a real SMTP client notices, with
sluice, with the kernel alone, and with nftables SYNPROXY, in one run. As root, after `make tests`. Needs nftables.
SECONDS (10) is how long each figure is measured. Prints a table; writes build/bench-flood.json."""
import json, os, pathlib, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import mail, tools
from net import BUILD, SERVER, Net, Sluice

SECONDS = float(os.environ.get("SECONDS", 10))

# Without `timestamp`: Linux 6.18 refuses the first ACK that SYNPROXY sends then (TcpExtTSEcrRejected), which costs each session 1 s.
SYNPROXY = """
table ip flood {
	chain raw { type filter hook prerouting priority raw; tcp dport 25 tcp flags syn notrack; }
	chain in {
		type filter hook input priority filter;
		tcp dport 25 ct state invalid,untracked synproxy mss 1460 wscale 7 sack-perm
		ct state invalid drop
	}
}
"""

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
print(json.dumps({"took": took, "failed": failed}))
"""


def sessions(net):
    got = json.loads(net.run(net.client, "/usr/bin/python3", "-c", CLIENT, SECONDS, SERVER, timeout=SECONDS + 60).stdout)
    took = sorted(got["took"])
    at = lambda share: took[min(len(took) - 1, int(len(took) * share))] * 1000
    return {"sessions_per_s": len(took) / SECONDS, "failed": got["failed"], "p50_ms": at(0.5), "p99_ms": at(0.99)}


def rates(flood):
    """SYNs and SYN-ACKs a second, of a flood that runs."""
    first = flood.ask("count")
    time.sleep(SECONDS)
    last = flood.ask("count")
    per = lambda key: (last[key] - first[key]) / (last["seconds"] - first["seconds"])
    return {"syns_per_s": per("sent"), "synacks_per_s": per("answered")}


def prepare(net, what, where):
    """The defence; what is to be closed afterwards, or None."""
    net.run(net.server, "ip", "route", "add", "198.18.0.0/15", "via", "10.77.0.2")
    if what == "sluice":
        return Sluice(net, where, "service smtp { ports = {25} max-connections-per-source = 20 max-connections = 4000 }\n")
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "obj", BUILD / "tests/lib/pass.bpf.o", "sec", "xdp")
    if what == "synproxy":
        net.run(net.server, "sh", "-c", "echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose")
        net.run(net.server, "/usr/sbin/nft", "-f", "-", input=SYNPROXY)
    return None


def measure(what):
    net, defence = Net(), None
    try:
        with tempfile.TemporaryDirectory() as where, mail.smtp_sink(net):
            defence = prepare(net, what, where)
            calm = sessions(net)
            flood = tools.flood(net, 25, "-c", 0)
            flood.ask("start")
            time.sleep(1)
            row = {"what": what, "calm": calm, **rates(flood), "flood": sessions(net)}
            flood.ask("stop")
            if defence:
                defence.close()
            return row
    finally:
        net.close()


def show(rows):
    print(f"{'':10} {'SYN/s':>10} {'SYN-ACK/s':>10} | {'sessions/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'failed':>6} | calm: sessions/s, p50, p99")
    for r in rows:
        c, f = r["calm"], r["flood"]
        print(
            f"{r['what']:10} {r['syns_per_s']:10.0f} {r['synacks_per_s']:10.0f} | {f['sessions_per_s']:10.0f} {f['p50_ms']:8.2f} {f['p99_ms']:8.2f}"
            f" {f['failed']:6} | {c['sessions_per_s']:.0f}, {c['p50_ms']:.2f}, {c['p99_ms']:.2f}"
        )


if len(os.sched_getaffinity(0)) > 1:
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})  # the flood has the first processor to itself
rows = [measure(what) for what in sys.argv[1:] or ("sluice", "kernel", "synproxy")]
show(rows)
(BUILD / "bench-flood.json").write_text(json.dumps(rows, indent=2) + "\n")
