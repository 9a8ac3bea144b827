# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Functions for a bare Debian 12 tree (debootstrap, this host's kernel) in $tree; scripts source this file. The tree is removed when the
# script ends, unless KEEP=1. MIRROR=URL says where Debian's packages are.
export PATH=/usr/sbin:/sbin:$PATH
tree=$(mktemp -d /var/tmp/sluice-fresh-XXXXXX)

tree_remove() {
	mountpoint -q "$tree/proc" && umount -l "$tree/proc"
	if [ -n "${KEEP:-}" ]; then echo "kept: $tree"; else rm -rf --one-file-system "$tree" "$tree.log"; fi
}
trap tree_remove EXIT

tree_make() { # PACKAGE,...
	chmod 755 "$tree" # like /, because some tests run as users other than root
	command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
	echo "== a bare Debian 12 in $tree"
	debootstrap --variant=minbase --include="$1" bookworm "$tree" "${MIRROR:-http://deb.debian.org/debian}" >"$tree.log" 2>&1 ||
		{ tail -5 "$tree.log"; return 1; }
	rm -f "$tree.log"
	cp /etc/resolv.conf /etc/hosts "$tree/etc/" 2>/dev/null || true
}

# Runs a command in the tree, with mounts of its own, so that none is left, and a BPF file system that nobody else sees. The network is the
# host's, for apt.
inside() {
	# shellcheck disable=SC2016 # $0 is the inner shell's
	unshare --mount --propagation private sh -euc '
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		mount -t bpf bpf "$0/sys/fs/bpf"
		shift
		exec chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' "$tree" "" "$@"
}

tree_install() { # PACKAGE...: starts none of their services, which would be in the host's network
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	inside env DEBIAN_FRONTEND=noninteractive apt-get satisfy -y -qq --no-install-recommends "$(IFS=, && echo "$*")" >"$tree/root/apt.log" 2>&1 ||
		{ tail -5 "$tree/root/apt.log"; return 1; }
}

# Puts the package (DEB=FILE, or one that it builds) into the tree as /root/deb/sluice.deb, and installs what it depends on.
tree_package() {
	mkdir -p "$tree/root/deb"
	if [ -z "${DEB:-}" ]; then
		scripts/deb.sh build/deb >/dev/null
		DEB=$(echo build/deb/sluice_*.deb)
	fi
	cp "$DEB" "$tree/root/deb/sluice.deb"
	inside apt-get update -qq
	tree_install "$(dpkg-deb -f "$DEB" Depends)"
}

# Boots systemd in the tree, with network, processes and control groups of its own, runs a command as its only service and powers off.
# Prints the command's output and returns its exit status.
boot() {
	local group=/sys/fs/cgroup/${tree##*/} status
	[ -e /sys/fs/cgroup/cgroup.procs ] || group=/sys/fs/cgroup/unified/${tree##*/}
	mkdir -p "$group"
	cat >"$tree/etc/systemd/system/boot.service" <<-UNIT
		[Unit]
		After=multi-user.target
		[Service]
		Type=oneshot
		Environment=HOME=/root
		ExecStart=/bin/sh -c '"\$0" "\$@" >/root/boot.out 2>&1; echo \$? >/root/boot.status' $*
		ExecStopPost=/bin/systemctl --force --force poweroff
	UNIT
	rm -f "$tree/root/boot.out" "$tree/root/boot.status"
	# shellcheck disable=SC2016 # $0 and $1 are the inner shell's
	sh -euc 'echo $$ >"$1/cgroup.procs"
		exec unshare --mount --uts --ipc --pid --net --cgroup --fork --kill-child --propagation private sh -euc '\''
			mount --bind "$0" "$0"
			mount -t proc proc "$0/proc"
			mount -t sysfs sysfs "$0/sys"
			mount -t cgroup2 cgroup "$0/sys/fs/cgroup"
			mount -t bpf bpf "$0/sys/fs/bpf"
			mount --rbind /dev "$0/dev"
			mount -t tmpfs tmpfs "$0/run"
			exec chroot "$0" env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
				/lib/systemd/systemd --unit=boot.service --log-target=null'\'' "$0"' "$tree" "$group" </dev/null >/dev/null 2>&1 || true
	find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
	cat "$tree/root/boot.out"
	status=$(cat "$tree/root/boot.status")
	return "$status"
}
