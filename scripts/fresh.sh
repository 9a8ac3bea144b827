#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Do the two commands work on a fresh machine? A bare Debian 12 tree (debootstrap, this host's kernel) gets nothing but
# make and the committed files; `make demo` and `make test` run in it. As root, with Debian's packages in reach.
# MIRROR=URL, TARGETS="demo" and KEEP=1 (leave the tree for a look) are heeded.
set -eu
cd "$(dirname "$0")/.."
export PATH=/usr/sbin:/sbin:$PATH
tree=$(mktemp -d /var/tmp/sluice-fresh-XXXXXX)

cleanup() {
	mountpoint -q "$tree/proc" && umount -l "$tree/proc"
	if [ -n "${KEEP:-}" ]; then echo "kept: $tree"; else rm -rf --one-file-system "$tree"; fi
}
trap cleanup EXIT
chmod 755 "$tree" # as / is: users other than root are among the tests

command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
echo "== a bare Debian 12 in $tree"
debootstrap --variant=minbase --include=make bookworm "$tree" "${MIRROR:-http://deb.debian.org/debian}" >"$tree.log" 2>&1 ||
	{ tail -5 "$tree.log"; exit 1; }
rm -f "$tree.log"
cp /etc/resolv.conf /etc/hosts "$tree/etc/" 2>/dev/null || true
mkdir -p "$tree/root/sluice"
git archive HEAD | tar -x -C "$tree/root/sluice"

# Mounts of its own, so that none is left; the network is the host's, for apt: demo and tests make namespaces of theirs.
inside() {
	# shellcheck disable=SC2016 # $0 is the inner shell's
	unshare --mount --propagation private sh -euc '
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		shift
		exec chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' "$tree" "" "$@"
}

for target in ${TARGETS:-demo test}; do
	echo "== make $target"
	inside make -C /root/sluice "$target" </dev/null
done
