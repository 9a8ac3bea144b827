#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# setup.sh [kernels]: installs what a build, the tests and the demo need, on Debian 12 as root; with `kernels`, also what
# `make test-kernels` needs. It does nothing if all of it is there.
set -eu

packages="gcc make flex bison pkg-config clang libclang-rt-14-dev llvm clang-format cppcheck shellcheck universal-ctags git bpftool openssl
libbpf-dev libxdp-dev libelf-dev zlib1g-dev libc6-dev linux-libc-dev libevent-dev libjansson-dev
libhiredis-dev libsystemd-dev libcap-ng-dev libseccomp-dev libmnl-dev libsodium-dev libncurses-dev libcmocka-dev libmaxminddb-dev libconfuse-dev tor-geoipdb
iproute2 wireguard-tools ppp pppoe ipvsadm nftables iptables ipset iputils-ping xdp-tools iperf3 ethtool procps util-linux python3 python3-pytest python3-pytest-xdist python3-jsonschema libfaketime tmux zsh fish
mandoc spin haproxy fail2ban postfix dovecot-core dovecot-imapd prometheus redis-server stunnel4 chromium chromium-driver dpkg-dev debhelper fakeroot lintian strace debootstrap"
[ "${1:-}" != kernels ] || packages="$packages qemu-system-x86 busybox-static cpio kmod"

missing=
for p in $packages; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if ! grep -qsE '^ID=(debian|"debian")' /etc/os-release; then
	echo "sluice is built on Debian 12; on this system install the equivalents of:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "missing packages:$missing: run this as root, or: apt-get install$missing" >&2
	exit 1
fi

# Mail servers are for private test networks: Debian must not start them on this host.
guard=/usr/sbin/policy-rc.d
made=
if [ ! -e "$guard" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$guard"
	chmod 755 "$guard"
	made=1
fi
trap '[ -z "$made" ] || rm -f "$guard"' EXIT

export DEBIAN_FRONTEND=noninteractive
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
# Debian would also start these at the next boot, but here they are only tools of the tests.
for package in prometheus redis-server stunnel4 haproxy fail2ban dovecot-core postfix; do
	case "$missing " in *" $package "*) systemctl disable --quiet "${package%-core}" 2>/dev/null || true ;; esac
done
