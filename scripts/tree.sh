# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A bare Debian 12 tree (debootstrap, this host's kernel) in $tree, to be sourced. It goes when the script ends; KEEP=1 leaves it for
# a look, MIRROR=URL names where Debian's packages are.
export PATH=/usr/sbin:/sbin:$PATH
tree=$(mktemp -d /var/tmp/sluice-fresh-XXXXXX)

tree_remove() {
	mountpoint -q "$tree/proc" && umount -l "$tree/proc"
	if [ -n "${KEEP:-}" ]; then echo "kept: $tree"; else rm -rf --one-file-system "$tree"; fi
}
trap tree_remove EXIT

tree_make() { # PACKAGE,...
	chmod 755 "$tree" # as / is: users other than root are among the tests
	command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
	echo "== a bare Debian 12 in $tree"
	debootstrap --variant=minbase --include="$1" bookworm "$tree" "${MIRROR:-http://deb.debian.org/debian}" >"$tree.log" 2>&1 ||
		{ tail -5 "$tree.log"; return 1; }
	rm -f "$tree.log"
	cp /etc/resolv.conf /etc/hosts "$tree/etc/" 2>/dev/null || true
}

# Runs a command inside, with mounts of its own, so that none is left, and a BPF file system that nobody else sees. The network is the
# host's, for apt, unless ALONE=1: then it has one of its own, with nothing in it.
inside() {
	# shellcheck disable=SC2016 # $0 is the inner shell's
	unshare --mount --propagation private ${ALONE:+--net} sh -euc '
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		mount -t bpf bpf "$0/sys/fs/bpf"
		shift
		exec chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' "$tree" "" "$@"
}
