#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# deb-page.sh PAGE[:VARIANT]: follows one of the package's pages about a kind of host. pages-check.sh runs it under systemd, in a tree and a
# network of their own, with /root/deb/sluice.deb. at() is called where a section begins: it sets up the host that the page is about, and
# checks what must be true by then.
set -u
# shellcheck source=scripts/shows.sh
. /root/deb/shows.sh
page=${1%:*} variant=${1#*:}
export DEBIAN_FRONTEND=noninteractive

# The host is mail.example.org, behind eth0; all others are "client", which may use any address.
network() {
	mount --make-rshared / # as systemd does when it boots a host: units see later mounts
	ip link set lo up
	ip netns add client
	ip link add eth0 numrxqueues "$(nproc)" numtxqueues "$(nproc)" type veth peer name up0 netns client numrxqueues "$(nproc)" numtxqueues "$(nproc)"
	client ip link set lo up
	ip address add 203.0.113.25/24 dev eth0
	client ip address add 203.0.113.1/24 dev up0
	ip link set eth0 up
	client ip link set up0 up
	client ip route add local 198.51.100.0/24 dev lo
	client ip route add local 192.0.2.0/24 dev lo
	client ip route add 203.0.113.25/32 dev up0 src 198.51.100.7
	ip route add default via 203.0.113.1
	ethtool -K eth0 tx off >/dev/null
	client ethtool -K up0 tx off >/dev/null
	sed -i '/example\.org\|spamhaus/d' /etc/hosts
	echo '203.0.113.25 mail.example.org' >>/etc/hosts
	echo 'nameserver 127.0.0.1' >/run/resolv.conf # nobody answers there, and a resolver learns that at once
	mount --bind /run/resolv.conf /etc/resolv.conf
}
client() { nsenter --net=/run/netns/client -- "$@"; }
elsewhere() { # runs a command at the client; one that `timeout` ends has succeeded, too
	local status=0
	client bash -c "$1" >/root/deb/elsewhere 2>&1 || status=$?
	cat /root/deb/elsewhere
	[ "$status" = 0 ] || [ "$status" = 124 ]
}
counted_to() { is "$(tail -1 /root/deb/elsewhere)" "$1"; }
greeted() { # SOURCE N PORT [TARGET]: prints how many of N connections at once the server greets, when that no longer changes
	local holder now=0 last=0 still=0
	: >/root/deb/greeted
	# shellcheck disable=SC2016 # the inner shell expands $0 and the rest
	nsenter --net=/run/netns/client -- timeout 30 bash -c 'for ((i = 0; i < $1; i++)); do nc -d -s "$0" "$3" "$2" >>/root/deb/greeted & done; wait' \
		"$1" "$2" "$3" "${4:-203.0.113.25}" 2>/dev/null &
	holder=$!
	for _ in {1..25}; do
		sleep 1
		now=$(grep -ac '^220\|^\* OK\|^+OK' /root/deb/greeted)
		if [ "$now" = "$last" ]; then still=$((still + 1)); else still=0; fi
		last=$now
		[ "$still" -lt $((now ? 3 : 6)) ] || break
	done
	kill "$holder" 2>/dev/null # `timeout` also ends the rest of its group
	wait "$holder" 2>/dev/null
	echo "$now"
}
# shellcheck disable=SC2016 # $0 is the inner shell's
answers() { soon client bash -c 'timeout 3 nc -d 203.0.113.25 "$0" | grep -q ^220' "$1"; }
listening() { soon bash -c "ss -Htln 'sport = :$1' | grep -q ."; }
refused() { # SOURCE REASON
	says "$2" sluicectl refusals "$1" --since 1h
}
sluice_is_gone() {
	[ ! -e /sys/fs/bpf/sluice/default ] && is "$(ip link show eth0 | grep -c xdp)" 0
}
mail_arrives() { # SOURCE USER: sends a mail by SMTP from this source
	printf 'Subject: hello\n\nfrom %s\n' "$1" >/root/deb/mail
	client curl -sS --max-time 20 --interface "$1" smtp://203.0.113.25 --mail-from a@example.net --mail-rcpt "$2@mail.example.org" -T /root/deb/mail
}
user() { id "$1" >/dev/null 2>&1 || { useradd -m "$1" && echo "$1:secret" | chpasswd; }; }

enforces() {
	shows 'the policy enforces' grep -qx 'mode = enforce' /etc/sluice/sluice.conf
	shows 'doctor finds nothing to do' fails bash -c 'sluicectl doctor | grep -E "^(bad|warning)"'
}
twenty() {
	shows 'the twenty-first connection is refused' counted_to 20
	shows 'refusals says who was refused, and why' refused 198.51.100.7 source-connections
}

postfix_is_mx() {
	echo mail.example.org >/etc/mailname
	postconf -X smtpd_upstream_proxy_protocol # another page may have left it
	# shellcheck disable=SC2016 # these are names of Postfix
	postconf -e 'myhostname = mail.example.org' 'mydestination = $myhostname, localhost' 'home_mailbox = Maildir/' 'smtpd_peername_lookup = no'
}

at_with-postfix-dovecot() {
	case $1 in
		'What you get')
			user anna
			postfix_is_mx
			postconf -M 'submission/inet=submission inet n - y - - smtpd' 'submissions/inet=submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes'
			echo 'mail_location = maildir:~/Maildir' >/etc/dovecot/local.conf
			systemctl start postfix dovecot
			shows 'Postfix and Dovecot run' listening 993
			;;
		'See that it works') enforces ;;
		'When it does not')
			twenty
			shows 'a partner has sixty, and Postfix accepts them' is "$(greeted 192.0.2.3 60 25)" 60
			shows 'a mail arrives' mail_arrives 198.51.100.9 anna
			shows 'and is read by IMAP' soon client curl -sSk --max-time 20 --interface 198.51.100.9 imaps://203.0.113.25/INBOX -u anna:secret -X 'FETCH 1 BODY[TEXT]'
			shows 'IMAP has its own limit' is "$(greeted 198.51.100.7 40 143)" 40
			shows 'POP3 has another' is "$(greeted 198.51.100.7 40 110)" 20
			;;
	esac
}

at_with-exim() {
	case $1 in
		'What you get')
			user anna
			sed -i -e "s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype='internet'/" -e "s/^dc_local_interfaces=.*/dc_local_interfaces='0.0.0.0.25:0.0.0.0.465:0.0.0.0.587'/" \
				-e "s/^dc_other_hostnames=.*/dc_other_hostnames='mail.example.org'/" -e "s/^dc_localdelivery=.*/dc_localdelivery='maildir_home'/" /etc/exim4/update-exim4.conf.conf
			update-exim4.conf
			systemctl start exim4
			shows 'Exim runs' listening 25
			;;
		'See that it works') enforces ;;
		'When it does not')
			twenty
			shows 'a partner has sixty' is "$(greeted 192.0.2.3 60 25)" 60
			shows 'a mail arrives' mail_arrives 198.51.100.9 anna
			# shellcheck disable=SC2016 # the inner shell's
			shows 'and is delivered' soon bash -c 'grep -q "from 198.51.100.9" ~anna/Maildir/new/*'
			;;
		'Undo') shows 'Exim has never refused by itself' fails grep 'too many connections' /var/log/exim4/mainlog ;;
	esac
}

# First the host is the balancer, with the mail server in a network behind it; then the host is the mail server, and the balancer is elsewhere.
at_with-a-balancer() {
	case $1 in
		'What you get')
			ip netns add backend
			ip link add eth1 type veth peer name eth0 netns backend
			ip address add 10.0.0.1/24 dev eth1
			ip link set eth1 up
			backend ip address add 10.0.0.2/24 dev eth0
			backend ip link set eth0 up
			postfix_is_mx
			postconf -e 'smtpd_upstream_proxy_protocol = haproxy'
			systemctl stop postfix haproxy
			backend postfix start
			;;
		'See that it works')
			shows 'HAProxy reaches the mail server' soon bash -c 'timeout 3 nc -d 203.0.113.25 25 | grep -q ^220'
			enforces
			;;
		'On the backend')
			twenty
			shows 'each source has twenty, through HAProxy' is "$(greeted 198.51.100.9 30 25)" 20
			shows 'a partner has forty' is "$(greeted 192.0.2.3 40 25)" 40
			backend postfix stop
			postconf -X smtpd_upstream_proxy_protocol
			anew
			systemctl stop haproxy
			ip address flush dev eth1
			ip address replace 10.0.0.2/24 dev eth0
			client ip address add 10.0.0.1/24 dev up0
			client haproxy -D -f /etc/haproxy/haproxy.cfg -p /run/elsewhere.pid
			;;
		'When it does not')
			shows 'the balancer reaches the mail server' soon client bash -c 'timeout 3 nc -d 10.0.0.1 25 | grep -q ^220'
			shows 'one client has forty through the balancer' is "$(greeted 198.51.100.9 40 25 10.0.0.1)" 40
			shows 'the balancer is in its set' says balancers sluicectl explain 10.0.0.1 --service smtp
			shows 'none of its connections is refused' says 'no remembered refusal matches' sluicectl refusals
			# shellcheck disable=SC2016 # the inner shell's
			elsewhere 'timeout 5 bash -c '\''for i in {1..25}; do exec {fd}<>/dev/tcp/203.0.113.25/25 && echo $i; done'\' >/dev/null
			shows 'a client that bypasses it has its own limit' counted_to 20
			kill "$(cat /run/elsewhere.pid)"
			;;
	esac
}
backend() { nsenter --net=/run/netns/backend -- "$@"; }
anew() { # removes sluice and installs it again, as on another host
	systemctl disable --quiet --now sluiced
	sluicectl unload
	dpkg -P sluice >/dev/null 2>&1
	rm -rf /etc/sluice
	shows 'sluice is installed' dpkg -i /root/deb/sluice.deb
}

published() { # puts the lists on the feed's server
	cp /root/deb/drop_v4.json /root/deb/drop_v6.json /root/deb/www/drop/
}
feed() { # serves www.spamhaus.org elsewhere, with a certificate that this host trusts
	mkdir -p /root/deb/www/drop /usr/local/share/ca-certificates
	published
	cd /root/deb/www || return 1
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=www.spamhaus.org -addext subjectAltName=DNS:www.spamhaus.org -keyout ../key.pem \
		-out /usr/local/share/ca-certificates/feed.crt 2>/dev/null
	update-ca-certificates >/dev/null 2>&1
	echo '203.0.113.1 www.spamhaus.org' >>/etc/hosts
	feed_serves
}
feed_serves() {
	cd /root/deb/www || return 1
	nsenter --net=/run/netns/client -- openssl s_server -quiet -accept 443 -key ../key.pem -cert /usr/local/share/ca-certificates/feed.crt -WWW >/dev/null 2>&1 </dev/null &
	server=$!
	cd / || return 1
	soon client bash -c 'ss -Htln "sport = :443" | grep -q .'
}

at_deny-feeds() {
	case $1 in
		'What you get')
			feed
			postfix_is_mx
			systemctl start postfix
			shows 'Postfix runs' listening 25
			;;
		'See that it works')
			shows 'the policy enforces' grep -qx 'mode = enforce' /etc/sluice/sluice.conf
			shows 'a source on the list is refused' is "$(greeted 192.0.2.3 5 25)" 0
			shows 'and refusals says so' refused 192.0.2.3 denied
			shows 'a partner is let in' is "$(greeted 203.0.113.1 5 25)" 5
			;;
		'When it does not')
			shows 'explain names the set' says 'source-set drop-v4' sluicectl explain 192.0.2.3 --service smtp
			shows 'the line that was added is in force' says 'source-set mine' sluicectl explain 192.0.2.66 --service smtp
			;;
		'Undo')
			head -c 40 /root/deb/drop_v4.json >/root/deb/www/drop/drop_v4.json
			systemctl start sluice-lists.service
			shows 'a torn list is not used, and status says so' says 'last good' sluicectl status
			shows 'a source on the list is refused all the same' is "$(greeted 192.0.2.3 5 25)" 0
			kill "$server"
			shows 'a fetch that fails fails the unit' fails systemctl start sluice-lists.service
			published
			feed_serves
			shows 'the next one is good' systemctl start sluice-lists.service
			shows 'and status no longer mentions the torn one' fails says 'last good' sluicectl status
			echo 'nonsense' >>/etc/sluice/deny.txt
			shows 'a mistake in the list of this host is an error' fails sluicectl reload --lists
			shows 'and what was in force stays in force' says 'source-set mine' sluicectl explain 198.18.4.1 --service smtp
			;;
	esac
}

# The store is elsewhere, and mx2 is another host of the fleet. First the host is alone in it.
at_fleet() {
	case $1 in
		'Five hosts, step by step')
			postfix_is_mx
			systemctl start postfix
			shows 'sluice runs, with its first policy' systemctl enable --now sluiced
			store_is_elsewhere
			;;
		'How far a limit can be exceeded')
			shows 'the host is in touch' soon says 'in touch' sluicectl fleet status
			shows 'doctor finds nothing to do' fails bash -c 'sluicectl doctor | grep -E "^(bad|warning)"'
			shows 'the store lets in nobody without a user' says NOAUTH client redis-cli -h 192.0.2.5 ping
			shows 'alone it has the whole limit' is "$(greeted 198.51.100.7 30 25)" 20
			shows 'refusals says who was refused, and why' refused 198.51.100.7 source-connections
			mx2_joins
			shows 'each lists the other' both_list_both
			shows 'two hosts reach the limit together, and never exceed it' both_hold_twenty
			systemctl disable --quiet --now sluiced
			sluicectl unload
			;;
	esac
}
store_is_elsewhere() { # PrivateUsers=no, because no user namespace can be made in a chroot
	mkdir -p /etc/systemd/system/redis-server.service.d
	printf '[Service]\nNetworkNamespacePath=/run/netns/client\nPrivateUsers=no\n' >/etc/systemd/system/redis-server.service.d/elsewhere.conf
	systemctl daemon-reload
}
mx2() { nsenter --net=/run/netns/mx2 -- "$@"; }
mx2_joins() { # with the page's policy, made exact, and with a longer max-staleness, because the store may wait for a processor
	ip netns add mx2
	ip link add eth0 netns mx2 numrxqueues "$(nproc)" numtxqueues "$(nproc)" type veth peer name up1 netns client numrxqueues "$(nproc)" numtxqueues "$(nproc)"
	mx2 ip link set lo up
	mx2 ip address add 203.0.113.26/24 dev eth0
	mx2 ip link set eth0 up
	client ip link set up1 up
	mx2 ip route add default via 203.0.113.1
	client ip route add 203.0.113.26/32 dev up1 src 198.51.100.7
	mx2 ethtool -K eth0 tx off >/dev/null
	client ethtool -K up1 tx off >/dev/null
	mx2 systemd-socket-activate --accept --inetd -l 203.0.113.26:25 sh -c 'echo 220 mx2; cat' >/dev/null 2>&1 &
	mail2=$!
	sed -i -e 's/^fleet {/&\n    max-staleness = 5s/' -e 's/^    fleet = true/&\n    exact = true/' /etc/sluice/sluice.conf
	shows 'the limit is exact from now on' sluicectl reload
	sed 's/^fleet {/&\n    name = mx2/' /etc/sluice/sluice.conf >/etc/sluice/mx2.conf
	mx2 sluiced -f -i mx2 -c /etc/sluice/mx2.conf >/root/deb/mx2 2>&1 &
	sluiced2=$!
}
both_list_both() {
	soon says mx2 sluicectl fleet status && soon says "$(hostname)" sluicectl -i mx2 fleet status &&
		soon says 'in touch' sluicectl fleet status && soon says 'in touch' sluicectl -i mx2 fleet status
}
held() { # [COMMAND...]: prints how many connections from 198.51.100.7 the kernel has here, or where COMMAND enters
	"$@" ss -Htn state established 'sport = :25 and dst 198.51.100.7' | wc -l
}
# Five ask at each host, so that neither has leased everything when thirty more ask at each; a kernel repeats its SYN after 1, 3 and 7 s. Twenty
# must be in for three seconds.
both_hold_twenty() {
	local most=0 now still=0 here there holder status
	# shellcheck disable=SC2016 # the inner shell expands it
	client timeout 60 bash -c 'ask() { for i in $(seq "$1"); do for host in 203.0.113.25 203.0.113.26; do nc -d -s 198.51.100.7 $host 25 >/dev/null & done; done; }
		ask 5; sleep 8; ask 30; wait' &
	holder=$!
	for _ in {1..350}; do
		here=$(held) there=$(held mx2) now=$((here + there))
		[ "$now" -le "$most" ] || most=$now
		if [ "$now" = 20 ]; then still=$((still + 1)); else still=0; fi
		[ "$still" -lt 30 ] || break
		sleep 0.1
	done
	echo "$here here, $there there, at most $most"
	sluicectl explain 198.51.100.7 --service smtp
	sluicectl sources --fleet
	[ "$most" = 20 ] && [ "$still" = 30 ] && [ "$here" -gt 0 ] && [ "$there" -gt 0 ] && says 'on mx2' sluicectl explain 198.51.100.7 --service smtp &&
		says 198.51.100.7 sluicectl sources --fleet
	status=$?
	kill "$holder" "$mail2" "$sluiced2"
	wait "$holder" "$mail2" "$sluiced2" 2>/dev/null
	sluicectl -i mx2 unload
	return "$status"
}

image() { # makes an image of this tree, with Postfix
	tar -C / --one-file-system -c bin sbin lib lib64 usr/bin usr/sbin usr/lib usr/lib64 usr/share/postfix etc var/spool/postfix var/lib/postfix 2>/dev/null |
		docker import - mail >/dev/null
}
contained() { # NAME NETWORK ADDRESS PORT...: starts a container whose Postfix answers at each of these ports, as in the projects' own images
	local name=$1 network=$2 address=$3 ports=() at=() port
	shift 3
	for port; do ports+=(-p "$port:$port") at+=("postconf -M $port/inet='$port inet n - n - - smtpd';"); done
	docker run -d --name "$name" --network "$network" --ip "$address" "${ports[@]}" mail \
		sh -c "mkdir -p /run /tmp; postconf -e maillog_file=/dev/stdout smtpd_peername_lookup=no; ${at[*]} exec postfix start-fg"
}
containers() {
	docker network create --subnet 172.22.1.0/24 mailcow
	docker network create --subnet 172.23.1.0/24 mail
	if [ "$variant" = mailcow ]; then
		contained mailcowdockerized-postfix-mailcow-1 mailcow 172.22.1.253 25 465 587
		contained mailcowdockerized-dovecot-mailcow-1 mailcow 172.22.1.250 110 143 993 995
	else
		contained mailserver mail 172.23.1.2 25 143 465 587 993
	fi
}

at_with-containers() {
	case $1 in
		'The engine') systemctl start docker ;;
		'The policy')
			image
			shows "containers run like those of $variant" containers
			shows 'Postfix runs in them' answers 25
			;;
		mailcow | docker-mailserver) [ "$1" = "$variant" ] || skip=1 ;; # the page says to do one of the two
		'Start, look on, enforce') [ "$variant" = mailcow ] || sed -i '/^service pop3/,/^}/d' /etc/sluice/sluice.conf ;;
		'See that it works') enforces ;;
		'When it does not')
			twenty
			shows 'the container is there' says '1 network namespace' sluicectl status
			shows 'submission has its own limit' is "$(greeted 198.51.100.9 30 587)" 20
			shows 'IMAP has its own, too' is "$(greeted 198.51.100.9 30 143)" 30
			docker ps -q | xargs docker restart -t 1 >/dev/null
			shows 'the container comes back' answers 25
			shows 'after a restart of the container the limit is the same' is "$(greeted 198.51.100.9 30 25)" 20
			;;
		'Undo')
			shows 'nothing drifted' says '"drift": 0' bash -c 'sluicectl --json status'
			docker ps -q | xargs docker rm -f >/dev/null
			;;
	esac
}
at() { # HEADING
	"at_$page" "$1"
}

network
shows 'sluice is installed' dpkg -i /root/deb/sluice.deb
page_follow "/usr/share/doc/sluice/docs/$page.md"
shows 'after the page nothing is in the kernel' sluice_is_gone
dpkg -P sluice >/dev/null 2>&1
rm -rf /etc/sluice
shows_count
