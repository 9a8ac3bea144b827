# SPDX-License-Identifier: BSD-2-Clause
"""Makes the same policy for each filter that can express it, as functions that testbed.Bed calls. Each filter works as early and as fast as its
kind allows: nftables at the device's ingress where the rule needs no connection tracking, iptables in `raw`."""
import functools, random

from testbed import Missing

COUNTRIES = "/usr/share/tor/geoip"
ONLY = "AQ"  # nobody floods from Antarctica
NFT = "/usr/sbin/nft"


def dotted(number):
    return ".".join(str(int(number) >> shift & 255) for shift in (24, 16, 8, 0))


@functools.cache
def prefixes(count):
    """Returns about `count` disjoint prefixes of 24 to 32 bits, spread evenly over the address space except SOURCES and the network itself."""
    draw, room, out = random.Random(count), 2**32 // count, []
    for i in range(count):
        bits = draw.randrange(24, 33)
        size = 2 ** (32 - bits)
        first = -(-i * room // size) * size + draw.randrange(max(1, (room - size) // size)) * size
        if first >> 24 not in (10, 11, 127, 198) and first + size <= 2**32:
            out.append((first, bits))
    return out


def list_file(bed, count):
    path = f"{bed.where}/list.txt"
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(f"{dotted(first)}/{bits}\n" for first, bits in prefixes(count))
    return path


@functools.cache
def countries():
    """(first, last, country) of Debian's table."""
    rows = []
    for line in open(COUNTRIES, encoding="utf-8"):
        first, _, rest = line.strip().partition(",")
        last, _, country = rest.partition(",")
        if first.isdigit() and country != "??":
            rows.append((int(first), int(last), country))
    return rows


def bare(verdict):
    return lambda bed: bed.xdp(verdict)


def sluice(policy, before=None, revision=None, earlier=None):
    """
    `policy` is text, or a function of the bed. `revision` chooses another build; defend.at(revision) does the same with that one's, by the
    policy `earlier` if earlier builds do not know all keys of this one.
    """

    def defend(bed):
        if before:
            before(bed)
        bed.start_sluice(policy(bed) if callable(policy) else policy, revision)

    defend.at = functools.partial(sluice, earlier or policy, before)
    return defend


def nft(rules, before=None):
    def defend(bed):
        if before:
            before(bed)
        bed.xdp("pass")
        text = rules() if callable(rules) else rules
        bed.timed(NFT, "-f", "-", input=text)

    return defend


def ingress(body):
    return f'table netdev bench {{\n{body[0]}\nchain in {{\n type filter hook ingress device "s0" priority 0\n {body[1]}\n}}\n}}\n'


def iptables(*commands, before=None):
    def defend(bed):
        if before:
            before(bed)
        bed.xdp("pass")
        for words in commands:
            bed.timed("/usr/sbin/iptables", "-w", *words.split())

    return defend


def xdp_filter(*rules):
    """Runs it in a mount namespace of its own, because its pins have fixed names and would disturb others."""
    commands = ["mount -t bpf bpf /sys/fs/bpf", "xdp-filter load -m native s0"] + [f"xdp-filter {r}" for r in rules]

    def defend(bed):
        bed.timed("unshare", "--mount", "sh", "-ec", "export PATH=$PATH:/usr/sbin; " + "; ".join(commands))
        shown = bed.run("ip", "link", "show", "s0").stdout
        if "xdp" not in shown:
            raise Missing("xdp-filter says it is loaded, but nothing is attached")

    return defend


# policies

SERVICE = "service smtp {{ ports = {{25, 26, 27, 28}} {} }}\n"
QUIET = "syn-flood { cookies = false }\n"  # where only limits are measured, because the peers have nothing else


def nft_set(count):
    def rules():
        elements = ", ".join(f"{dotted(first)}/{bits}" for first, bits in prefixes(count))
        return ingress((f"set foes {{ type ipv4_addr; flags interval; elements = {{ {elements} }} }}", "ip saddr @foes drop; tcp dport 25 drop"))

    return nft(rules)


def ipset(count):
    def defend(bed):
        bed.xdp("pass")
        lines = "".join(f"add list {dotted(first)}/{bits}\n" for first, bits in prefixes(count))
        bed.timed("/usr/sbin/ipset", "restore", input=f"create list hash:net hashsize {count} maxelem {count}\n{lines}")
        for words in ("-m set --match-set list src -j DROP", "-p tcp --dport 25 -j DROP"):
            bed.run("/usr/sbin/iptables", "-w", "-t", "raw", "-A", "PREROUTING", *words.split())

    return defend


REST = "source-set rest { prefixes = {0.0.0.0/0, ::/0} action = deny priority = 200 }\n"


def sluice_list(count):
    """A source that is not in the list is denied by the other set: by another leaf, with the same verdict."""
    return lambda bed: SERVICE.format("") + f"source-set list {{ file = {list_file(bed, count)} action = deny }}\n" + REST


def nft_countries():
    numbers = {}
    elements = ", ".join(f"{dotted(first)}-{dotted(last)} : {numbers.setdefault(c, len(numbers) + 1)}" for first, last, c in countries())
    return ingress(
        (
            f"map countries {{ type ipv4_addr : mark; flags interval; elements = {{ {elements} }} }}",
            f"tcp dport 25 meta mark set ip saddr map @countries; tcp dport 25 meta mark != {numbers[ONLY]} drop",
        )
    )


def everything(count):
    """A policy with limits, rates, a deny list and both country tables."""
    limits = (
        "max-connections = 200000 max-connections-per-source = 1 max-rate-per-source = 60/1m max-syn-rate-per-source = 600/1m deny-countries = {AQ, BV}"
    )
    return lambda bed: SERVICE.format(limits) + f"source-set list {{ file = {list_file(bed, count)} action = deny }}\n"


CT_COUNT = """
table ip bench {
	set held { type ipv4_addr; size 262144; flags dynamic; }
	chain in { type filter hook input priority 0; tcp dport 25-28 ct state new add @held { ip saddr ct count over 1 } drop; }
}
"""
METER = ingress(
    (
        "set fast { type ipv4_addr; size 262144; flags dynamic,timeout; timeout 1m; }",
        "tcp dport 25 tcp flags & (syn | ack) == syn add @fast { ip saddr limit rate over 10/minute burst 10 packets } drop",
    )
)
HASHLIMIT = (
    "-t raw -A PREROUTING -p tcp --syn --dport 25 -m hashlimit --hashlimit-above 10/minute --hashlimit-burst 10 --hashlimit-mode srcip"
    " --hashlimit-name bench --hashlimit-htable-size 65536 --hashlimit-htable-max 262144 -j DROP"
)
CONNLIMIT = "-A INPUT -p tcp --syn --dport 25:28 -m connlimit --connlimit-above 1 -j DROP"
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
