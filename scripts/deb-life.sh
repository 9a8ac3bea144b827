#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tests the life of the package. deb-check.sh runs it under systemd, in a tree and a network of their own, with /root/deb/old.deb and new.deb.
set -u
# shellcheck source=scripts/shows.sh
. /root/deb/shows.sh

# The journal, units' private directories and what systemd itself writes come and go.
files() { find / -xdev \( -path /root -o -path /proc -o -path /sys -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /tmp \) \
	-prune -o -print | sort; find /run -path '*sluice*' | sort; }
pins() { find /sys/fs/bpf -mindepth 1 ! -name '*.debug' ! -name xdp; } # leaves out the kernel's files, and libxdp's empty directory
of_unit() { systemctl show -P "$1" sluiced.service; }
active() { is "$(of_unit ActiveState)" active || { journalctl -u sluiced --no-pager | tail -20; return 1; }; }
logged() { # waits a little, because `systemctl reload` does not wait for the daemon
	# shellcheck disable=SC2016 # $0 is the inner shell's
	soon bash -c 'journalctl -u sluiced --no-pager | grep -qF "$0"' "$1" || { journalctl -u sluiced --no-pager | tail -20; return 1; }
}
gone() { # PID: this process, of an earlier daemon, no longer runs
	! kill -0 "$1" 2>/dev/null
}
# Runs a command that sees the host as the service does: with its mounts, not its capabilities.
in_unit() { nsenter -t "$(of_unit MainPID)" -m -r -w -- "$@"; }
status_is() { sluicectl status >/dev/null 2>&1; is $? "$1"; }

links_lead_somewhere() { # FILE: its relative links
	local link bad=0
	while read -r link; do
		[ -e "${1%/*}/${link%%#*}" ] || { echo "$link"; bad=1; }
	done < <(grep -o '](\([^)#:]*\.md\)' "$1" | cut -c3-; grep -oE '(src|srcset)="[^"]+' "$1" | cut -d'"' -f2)
	return $bad
}

ip link set lo up
ip link add eth0 type veth peer name other # another interface, without a default route
ip link set eth0 up
ip link set other up
mail_interface command
files >/root/before

shows 'it installs' dpkg -i /root/deb/old.deb
shows 'the group is there' getent group sluice
shows '/run/sluice is there, and root has it' is "$(stat -c '%U:%G %a' /run/sluice 2>&1)" 'root:root 755'
shows 'the packaged policy is good' sluiced -n
shows 'the policy is for the interface of the default route' grep -q '^interfaces = {mail0}' /etc/sluice/sluice.conf
[ ! -r /usr/share/tor/geoip6 ] || shows 'and names the database of countries that is installed' grep -q '^geoip { database = {/usr/share/tor/geoip,' /etc/sluice/sluice.conf
shows 'it is purged at once' dpkg -P sluice
files >/root/after
shows 'nothing of it is left then' is "$(diff /root/before /root/after | grep '^[<>]' | grep -vE '/etc/(group|gshadow)-$')" ''
shows 'it installs again' dpkg -i /root/deb/old.deb
shows 'the links of its README lead somewhere' links_lead_somewhere /usr/share/doc/sluice/README.md
shows 'there are examples' test -e /usr/share/doc/sluice/examples/sluice.conf
shows 'everybody may run sluicectl' test -x /usr/bin/sluicectl
shows 'it observes' grep -qx 'mode = observe' /etc/sluice/sluice.conf
shows 'nothing was started: sluicectl says so' status_is 3
shows 'nothing is in the kernel' is "$(pins)" ''
shows 'the service is not enabled' test ! -e /etc/systemd/system/multi-user.target.wants/sluiced.service
shows 'the unit names a program that is there' test -x "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' /lib/systemd/system/sluiced.service)"
shows 'bash can source the completion' bash -c '. /usr/share/bash-completion/completions/sluicectl && complete -p sluicectl'
shows 'completion is there for zsh and fish' test -s /usr/share/zsh/vendor-completions/_sluicectl -a -s /usr/share/fish/vendor_completions.d/sluicectl.fish

page_follow /usr/share/doc/sluice/docs/setup.md
shows 'setup.md leads to a policy that enforces' grep -qx 'mode = enforce' /etc/sluice/sluice.conf
shows 'and keeps the previous one' grep -qx 'mode = observe' /etc/sluice/sluice.conf.bak
shows 'after setup.md nothing is in the kernel' test ! -e /sys/fs/bpf/sluice/default

echo '# mine' >>/etc/sluice/sluice.conf
shows 'doctor finds nothing bad' sluicectl doctor
shows 'it is enabled and starts, by its unit' systemctl enable --now --quiet sluiced
shows 'it is active' active
shows 'a ban is taken' sluicectl ban 192.0.2.1 --for 1h
shows 'the group may read' is "$(stat -c '%G %a' /run/sluice/default.sock)" 'sluice 660'
cp /etc/sluice/sluice.conf /root/other.conf
cp /etc/sluice/sluice.conf /tmp/other.conf
shows 'a policy in /root can be applied' sluicectl apply /root/other.conf
shows 'and one in /tmp' sluicectl apply /tmp/other.conf
shows 'the unit lets it set tcp_syncookies' in_unit sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_syncookies'
shows 'the unit lets it write nothing in /etc' fails in_unit touch /etc/sluice/x
shows 'nor in /tmp, /home and /usr' fails in_unit sh -c 'touch /tmp/x || touch /home/x || touch /usr/x'
shows 'but set --save may write its drop-in' sluicectl set service smtp max-connections-per-source 77 --save
shows 'its state directory is its own' in_unit sh -c 'touch /var/lib/sluice/x && rm /var/lib/sluice/x'
shows 'systemctl reload reads the policy again' systemctl reload sluiced
shows 'and says so' logged 'reloaded /etc/sluice/sluice.conf'

before=$(of_unit MainPID)
shows 'an upgrade succeeds, and asks nothing' dpkg -i /root/deb/new.deb </dev/null
shows 'the policy that was changed by hand stays' grep -qx '# mine' /etc/sluice/sluice.conf
shows 'the old daemon has gone' gone "$before"
shows 'the new daemon is active' active
shows 'it took over' logged 'took over instance default'
shows 'the ban is in force' says 192.0.2.1 sluicectl bans
shows 'it stops' systemctl stop sluiced
shows 'what is in the kernel stays' test -e /sys/fs/bpf/sluice/default/identity
shows 'it starts again' systemctl start sluiced

cp "$(command -v sluiced)" "$(command -v sluicectl)" /root/deb/
sed -e '/^include/d' -e 's/127.0.0.1:9798/none/' /usr/share/sluice/sluice.conf >/root/deb/mine.conf
setsid /root/deb/sluiced -f -i mine -c /root/deb/mine.conf >/root/deb/mine.log 2>&1 </dev/null &
mine=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do sluicectl -i mine status >/dev/null 2>&1 && break; sleep 1; done
shows 'another instance runs beside it' sluicectl -i mine status

before=$(of_unit MainPID)
shows 'it is removed' dpkg -r sluice
sleep 1
shows 'its daemon has gone' gone "$before"
shows 'nothing is attached' says 'state UP' ip link show mail0
shows 'no XDP program is left' is "$(ip link show mail0 | grep -c xdp)" 0
shows 'the other instance still runs' /root/deb/sluicectl -i mine status
kill "$mine" && wait "$mine"
/root/deb/sluicectl -i mine unload >/dev/null 2>&1
rmdir /sys/fs/bpf/sluice 2>/dev/null
shows 'nothing is in the kernel after removal' is "$(pins)" ''
shows 'the policy is kept' grep -qx '# mine' /etc/sluice/sluice.conf
shows 'it is purged' dpkg -P sluice
getent group sluice >/dev/null && echo "        (the group stays, as system groups do)"
shows 'what the operator wrote stays' grep -qx '# mine' /etc/sluice/sluice.conf
shows 'drop-ins of set --save stay, too' grep -rq 77 /etc/sluice/conf.d
rm -r /etc/sluice
files >/root/after
shows 'nothing but the group is left' is "$(diff /root/before /root/after | grep '^[<>]' | grep -vE '/etc/(group|gshadow)-$|^[0-9,]+[acd][0-9,]+$')" ''
shows_count
