#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The life of the package, for deb-check.sh: runs in a tree and a network of its own, with /root/deb/old.deb and new.deb.
set -u
passed=0 failed=0
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null' EXIT

shows() { # SENTENCE COMMAND...
	local name=$1
	shift
	if "$@" >/root/deb/out 2>&1; then # no subshell: start and stop keep a pid
		passed=$((passed + 1))
		echo "ok      $name"
	else
		failed=$((failed + 1))
		echo "FAILED  $name"
		cat /root/deb/out
	fi
}

files() { find / -xdev \( -path /root -o -path /proc -o -path /sys -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /tmp \) \
	-prune -o -print | sort; find /run | sort; }
is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }; }
says() { # TEXT COMMAND...: its output has TEXT
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	case $out in *"$text"*) ;; *) echo "'$text' is not in: $out"; return 1 ;; esac
}
pins() { find /sys/fs/bpf -mindepth 1 ! -name '*.debug' ! -name xdp; } # the kernel's, and libxdp's empty directory
start() { # the daemon, as systemd would
	sluiced -f >/root/deb/log 2>&1 &
	daemon=$!
	for _ in $(seq 100); do
		sluicectl status >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	cat /root/deb/log
	return 1
}
stop() {
	kill "$daemon" && wait "$daemon" || return 1
	daemon=
}
status_is() { sluicectl status >/dev/null 2>&1; is $? "$1"; }

ip link set lo up
ip link add eth0 type veth peer name other
ip link set eth0 up
ip link set other up
files >/root/before

shows 'it installs' dpkg -i /root/deb/old.deb
shows 'the group is there' getent group sluice
shows '/run/sluice is there, and root has it' is "$(stat -c '%U:%G %a' /run/sluice 2>&1)" 'root:root 755'
shows 'the packaged policy is good' sluiced -n
shows 'it observes' grep -qx 'mode = observe' /etc/sluice/sluice.conf
shows 'nothing was started: sluicectl says so' status_is 3
shows 'nothing is in the kernel' is "$(pins)" ''
shows 'the service is not enabled' test ! -e /etc/systemd/system/multi-user.target.wants/sluiced.service
shows 'the units name programs that are there' test -x "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' /lib/systemd/system/sluiced.service)"
shows 'completion is sourced' bash -c '. /usr/share/bash-completion/completions/sluicectl && complete -p sluicectl'

echo '# mine' >>/etc/sluice/sluice.conf
shows 'the daemon starts on the packaged policy' start
shows 'a ban is taken' sluicectl ban 192.0.2.1 --for 1h
shows 'an upgrade goes through under the running daemon' dpkg -i --force-confold /root/deb/new.deb
shows 'the policy that was changed by hand stays' grep -qx '# mine' /etc/sluice/sluice.conf
shows 'the old daemon goes on until it is restarted' status_is 0
shows 'the old daemon stops' stop
shows 'the kernel side goes on meanwhile' test -e /sys/fs/bpf/sluice/default/identity
shows 'the new daemon starts' start
shows 'it took over' grep -q 'took over instance default' /root/deb/log
shows 'the ban is in force' says 192.0.2.1 sluicectl bans

shows 'it is removed' dpkg -r sluice
sleep 1
shows 'nothing is attached' says 'state UP' ip link show eth0
shows 'no XDP program is left' is "$(ip link show eth0 | grep -c xdp)" 0
shows 'nothing is in the kernel after removal' is "$(pins)" ''
shows 'the policy is kept' grep -qx '# mine' /etc/sluice/sluice.conf
shows 'it is purged' dpkg -P sluice
getent group sluice >/dev/null && echo "        (the group stays, as system groups do)"
files >/root/after
shows 'nothing but the group is left' is "$(diff /root/before /root/after | grep -vE '/etc/(group|gshadow)-$|^[0-9,]+[acd][0-9,]+$')" ''
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
