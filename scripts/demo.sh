#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shows sluice in front of a real Postfix and Dovecot, on a private network of namespaces, in half a minute: limits, countries, a SYN flood,
# a live change, a ban, why somebody was refused, and which limit fits. Removes everything at the end. docs/demo.md shows what it prints.
set -eu
cd "$(dirname "$0")/.."
export PATH=/usr/sbin:/sbin:$PATH
tag=demo$$ S=sl$$s C=sl$$c
work=$(mktemp -d /tmp/sluice-demo-XXXXXX)
pids=()

cleanup() {
	set +e
	in_server build/sluicectl -i "$tag" unload >/dev/null 2>&1
	in_server postfix -c "$work/postfix" stop >/dev/null 2>&1
	in_server doveadm -c "$work/dovecot.conf" stop >/dev/null 2>&1
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	ip netns del "$S" 2>/dev/null
	ip netns del "$C" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

in_server() { nsenter --net="/run/netns/$S" "$@"; }
in_client() { nsenter --net="/run/netns/$C" "$@"; }
ctl() { in_server build/sluicectl -i "$tag" "$@"; }
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# try PORT N SOURCE...: N connections held at once from each source; prints how many were greeted
try() {
	in_client /usr/bin/python3 - "$@" <<'PY'
import socket, sys, time
port, n, sources = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
for source in sources:
    six = ":" in source
    held, greeted = [], 0
    for _ in range(n):
        s = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
        s.bind((source, 0))
        s.setblocking(False)
        s.connect_ex(("fd78::1" if six else "10.78.0.1", port))
        held.append(s)
    time.sleep(1.2)
    for s in held:
        try:
            greeted += s.recv(100) != b""
        except OSError:
            pass
    print(f"   {source}: {n} connections to port {port} tried at once, {greeted} served")
    for s in held:
        s.close()
    time.sleep(0.2)
PY
}

# run COMMAND...: shows a command of sluicectl, and runs it
run() {
	printf '\033[2m$ sluicectl %s\033[0m\n' "$*"
	ctl "$@"
}

# flood SECONDS: sends SYNs to port 25, each from another address that nobody has; prints how many
flood() {
	in_client /usr/bin/python3 - "$1" <<'PY'
import random, socket, struct, sys, time

def fold(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF

raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
server = socket.inet_aton("10.78.0.1")
end, sent = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    source = bytes((10, 78, random.randrange(16, 255), random.randrange(256)))
    tcp = lambda check: struct.pack("!HHIIBBHHH", random.Random(sent).randrange(1024, 65536), 25, sent, 0, 0x50, 2, 64000, check, 0)
    whole = fold(source + server + struct.pack("!HH", 6, 20) + tcp(0))
    raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + source + server + tcp(whole), ("10.78.0.1", 0))
    sent += 1
print(f"   {sent} SYNs sent, each from another address")
PY
}

say "A server and a client in namespaces of their own; no packet leaves them."
ip netns add "$S"
ip netns add "$C"
ip link add s0 netns "$S" type veth peer name c0 netns "$C"
for end in "$S s0" "$C c0"; do
	# shellcheck disable=SC2086 # two words
	set -- $end
	nsenter --net="/run/netns/$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null 2>&1
	nsenter --net="/run/netns/$1" ip link set lo up
	nsenter --net="/run/netns/$1" ip link set "$2" up
done
# A veth end takes frames that XDP sends only if it runs XDP itself; a real card does not need this.
in_client ip link set c0 xdp object build/tests/lib/pass.bpf.o section xdp
in_server ip addr add 10.78.0.1/16 dev s0
in_server ip addr add fd78::1/32 dev s0 nodad
for i in 2 3 4 5 6; do in_client ip addr add "10.78.0.$i/16" dev c0; done
in_client ip addr add fd78:0:1::2/32 dev c0 nodad

say "A real Postfix on port 25 and a real Dovecot on port 143."
mkdir -p "$work/postfix" "$work/queue" "$work/data" "$work/run"
chmod 755 "$work"
chown postfix "$work/data"
cp /usr/share/postfix/master.cf.dist "$work/postfix/master.cf"
cat >"$work/postfix/main.cf" <<CF
compatibility_level = 3.6
queue_directory = $work/queue
data_directory = $work/data
inet_interfaces = all
inet_protocols = all
mydestination =
myhostname = demo.example
maillog_file = $work/queue/log
maillog_file_prefixes = $work
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
CF
sed -i -E 's/^(smtp +inet +n +- +)y( .*)$/\1n\2/' "$work/postfix/master.cf"
in_server postfix -c "$work/postfix" start >"$work/postfix.log" 2>&1 </dev/null || cat "$work/postfix.log"
cat >"$work/dovecot.conf" <<CF
base_dir = $work/run
state_dir = $work/run
log_path = $work/dovecot.log
protocols = imap
listen = *, ::
ssl = no
auth_mechanisms = plain
passdb {
  driver = static
  args = password=demo
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=$work
}
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
service imap-login {
  chroot =
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
CF
in_server dovecot -c "$work/dovecot.conf" >"$work/dovecot.start" 2>&1 </dev/null || cat "$work/dovecot.start"
sleep 1

say "sluice: 5 SMTP and 3 IMAP connections for each source, and IMAP for Germany and Austria only."
# Countries of private addresses, for this network; a real host has Debian's tor-geoipdb, or another database.
printf '10.78.0.2,10.78.0.2,DE\n10.78.0.3,10.78.0.3,FR\n10.78.0.5,10.78.0.5,AT\n' >"$work/countries.csv"
cat >"$work/sluice.conf" <<CF
interfaces = {s0}
geoip { database = {"$work/countries.csv"} }
service smtp { ports = {25}  max-connections-per-source = 5 }
service imap { ports = {143} max-connections-per-source = 3 allow-countries = {DE, AT} on-excess = reset }
source-set partners { prefixes = {10.78.0.4} action = allow }
syn-flood { pressure-syn-rate = 500/1s }
CF
cat "$work/sluice.conf"
nsenter --net="/run/netns/$S" build/sluiced -f -c "$work/sluice.conf" -i "$tag" >"$work/sluiced.log" 2>&1 </dev/null &
pids+=($!)
for _ in $(seq 100); do ctl status >/dev/null 2>&1 && break; sleep 0.1; done
run status

say "A limit holds for each source, over IPv4 and IPv6, for SMTP and IMAP. The partner has none."
try 25 12 10.78.0.2 10.78.0.3 fd78:0:1::2 10.78.0.4
try 143 12 10.78.0.2

say "A country that IMAP does not serve."
try 143 3 10.78.0.3

say "Why was that sender refused?"
run explain 10.78.0.3 --service imap

say "A live change: 8 connections, from the next SYN on."
run set service smtp max-connections-per-source 8
try 25 12 10.78.0.2

say "A ban refuses the next packet."
run ban 10.78.0.6 --for 1h --reason demo
try 25 3 10.78.0.6
run bans

say "A SYN flood of two seconds: each SYN is answered with a cookie, and a sender gets in meanwhile."
flood 2 &
flooding=$!
sleep 1
try 25 12 10.78.0.2
wait "$flooding"
printf '   sockets that wait for the end of a handshake on the server: %s\n' "$(in_server ss -Htn state syn-recv | wc -l)"
run status
run counters

say "Which limit would fit? (After half a minute it knows little, and says so.)"
run suggest || true

say "The daemon dies by kill -9; the limits hold, and status says so."
kill -9 "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
try 25 12 10.78.0.2
run status || true

say "unload leaves nothing in the kernel."
run unload

say "Now try it: make deb, install build/deb/sluice_*.deb, and docs/setup.md from there; it observes until you tell it to enforce."
