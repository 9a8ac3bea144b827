#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sluice in front of a real Postfix and Dovecot, on a private network of namespaces. Takes everything away at the end.
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
in_server ip addr add 10.78.0.1/16 dev s0
in_server ip addr add fd78::1/32 dev s0 nodad
for i in 2 3 4 5; do in_client ip addr add "10.78.0.$i/16" dev c0; done
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

say "sluice: at most 5 SMTP connections of each source, 3 IMAP connections."
cat >"$work/sluice.conf" <<CF
interfaces = {s0}
service smtp { ports = {25}  max-connections-per-source = 5 }
service imap { ports = {143} max-connections-per-source = 3 on-excess = reset }
source-set partners { prefixes = {10.78.0.4} action = allow }
CF
nsenter --net="/run/netns/$S" build/sluiced -f -c "$work/sluice.conf" -i "$tag" >"$work/sluiced.log" 2>&1 </dev/null &
pids+=($!)
for _ in $(seq 50); do ctl status >/dev/null 2>&1 && break; sleep 0.1; done
ctl status

say "A limit holds, for each source apart, IPv4 and IPv6, SMTP and IMAP."
try 25 12 10.78.0.2 10.78.0.3 fd78:0:1::2
try 143 12 10.78.0.2

say "The partner is in a set with action = allow: no limit."
try 25 12 10.78.0.4

say "A live change: 8 connections, from the next SYN on (sluicectl set service smtp max-connections-per-source 8)."
ctl set service smtp max-connections-per-source 8
try 25 12 10.78.0.2

say "A ban refuses the next packet (sluicectl ban 10.78.0.5 --for 1h)."
ctl ban 10.78.0.5 --for 1h --reason "demo"
ctl bans
try 25 3 10.78.0.5

say "Why: packets by service and reason."
ctl counters

say "The daemon dies by kill -9; the limits hold, and status says so."
kill -9 "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
try 25 12 10.78.0.2
ctl status || echo "   (exit status $?)"

say "unload leaves nothing in the kernel."
ctl unload
