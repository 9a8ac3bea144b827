#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# pages-check.sh [PAGE...]: checks that each page about a kind of host, or about a fleet, works as written. In a bare Debian 12 tree with the
# package and the servers of the page, under its systemd, it writes the page's files and runs its commands, in order (deb-page.sh); real
# connections show that the limits hold. Needs root, and heeds MIRROR=URL, KEEP=1 and DEB=FILE (without it the package is built). The last
# line is: N passed, N failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/tree.sh
passed=0 failed=0
[ $# -gt 0 ] || set -- with-postfix-dovecot with-a-balancer deny-feeds fleet with-containers:mailcow with-containers:docker-mailserver with-exim # the last one removes Postfix

servers() { # PAGE[:VARIANT]: prints the packages of the host that the page is about
	case ${1%:*} in
		with-postfix-dovecot) echo postfix dovecot-imapd dovecot-pop3d curl ;;
		with-exim) echo exim4-daemon-light curl ;;
		with-containers) echo postfix docker.io iptables ;;
		with-a-balancer) echo haproxy postfix ;;
		deny-feeds) echo postfix curl ca-certificates ;;
		fleet) echo postfix redis-server openssl ;;
		*) echo "no page $1" >&2; return 1 ;;
	esac
}

tree_make iproute2,procps,systemd,ethtool,netcat-openbsd
tree_package
cp scripts/deb-page.sh scripts/shows.sh tests/lists/drop_v[46].json "$tree/root/deb/"

for page; do
	echo "== docs/${page%:*}.md${page#"${page%:*}"}"
	packages=$(servers "$page")
	# shellcheck disable=SC2086 # a list of words
	tree_install $packages
	inside systemctl disable --quiet redis-server >/dev/null 2>&1 || true # it would hold up the boot; deb-page.sh gives it what it needs here
	boot bash /root/deb/deb-page.sh "$page" | tee "$tree/root/said" || true
	read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$tree/root/said" | tail -1) || { p=0 f=1; }
	passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
