#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks that the container image (dist/container/Containerfile) guards its host. Buildah builds it on a bare Debian 12 tree instead of
# Debian's published image. The script starts it in mount and process namespaces of its own, in a network that it makes, with exactly the
# rights that docs/with-containers.md names. No engine starts it: Podman sets limits and control groups, and not every machine allows that.
# Needs root, and heeds MIRROR=URL and DEB=FILE (without it the package is built). The last line is: N passed, N failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/tree.sh

command -v buildah >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah crun >/dev/null
tree_make iproute2,procps
if [ -z "${DEB:-}" ]; then
	scripts/deb.sh build/deb >/dev/null
	DEB=$(echo build/deb/sluice_*.deb)
fi

net=slct$$ store=$(mktemp -d /var/tmp/sluice-image-XXXXXX)
export shows_out=$store/out
. scripts/shows.sh
mkdir -p "$store"/{etc,lib,run}
image() { buildah --root "$store/storage" --runroot "$store/runroot" --storage-driver vfs "$@"; }
host() { nsenter --net="/run/netns/$net" -- "$@"; }
remove() {
	[ ! -d "/sys/fs/bpf/sluice/$net" ] || contained sluicectl -i "$net" unload >/dev/null 2>&1 || true
	[ -z "${guard:-}" ] || kill "$guard" 2>/dev/null || true
	ip netns del "$net" 2>/dev/null || true
	image rm -a >/dev/null 2>&1 || true
	rm -rf --one-file-system "$store"
	tree_remove
}
trap remove EXIT

# COMMAND...: runs it in the image, with folders of the host and the rights that the page names.
contained() {
	# shellcheck disable=SC2016 # the inner shell expands it
	host unshare --mount --pid --fork --kill-child sh -euc '
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		mkdir -p "$0/run/sluice"
		mount --bind "$1/etc" "$0/etc/sluice"
		mount --bind "$1/lib" "$0/var/lib/sluice"
		mount --bind "$1/run" "$0/run/sluice"
		rights=$2
		shift 2
		exec chroot "$0" setpriv --bounding-set="-all$rights" --inh-caps=-all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin STATE_DIRECTORY=/var/lib/sluice "$@"' \
		"$root" "$store" "$rights" "$@"
}
guard() {
	contained /usr/libexec/sluice/start -i "$net" >"$store/log" 2>&1 &
	guard=$!
	for _ in {1..60}; do
		contained sluicectl -i "$net" status >/dev/null 2>&1 && return
		sleep 1
	done
	cat "$store/log"
	return 1
}
first() { pgrep -P "$(pgrep -P "$guard")"; } # the first process of its namespace: sluiced
guard_ends() {
	kill -TERM "$(first)"
	wait "$guard" || true
}
bounded() { # prints all rights that a process there may ever have, in hexadecimal digits; sluiced itself gives up some of them
	contained sed -n 's/^CapBnd:\t*0*//p' /proc/self/status
}

echo "== the image"
base=$(image from scratch)
tar -C "$tree" --one-file-system --exclude=./root --exclude=./proc --exclude=./sys --exclude=./dev -c . | tar -x -C "$(image mount "$base")"
image commit -q "$base" bookworm >/dev/null
mkdir -p "$store/context/build/deb" "$store/context/dist"
cp "$DEB" "$store/context/build/deb/sluice_check.deb"
cp -r dist/container "$store/context/dist/"
shows 'it is built' image build --isolation chroot --format docker --build-arg BASE=localhost/bookworm -t sluice -f dist/container/Containerfile "$store/context"
root=$(image mount "$(image from sluice)")
shows 'no policy of another host is in it' test ! -e "$root/etc/sluice/sluice.conf"

echo "== its life"
rights=$(sed -n '/^podman run /,/^podman exec /p' docs/with-containers.md | grep -oE 'cap-add [a-z_]+' | sed 's/cap-add /,+/' | tr -d '\n')
ip netns add "$net"
host ip link set lo up
mail_interface host
shows 'it starts' guard
shows 'it has the rights that the page names and no others' is "$(bounded)" c0002011e1
shows 'it observes on the interface of the default route' says 'interface   mail0' contained sluicectl -i "$net" status
shows 'its policy is a file of the host' grep -q '^interfaces = {mail0}' "$store/etc/sluice.conf"
shows 'the policy counts by country' grep -q '^geoip { database = ' "$store/etc/sluice.conf"
shows 'its doctor finds nothing bad' contained sluicectl -i "$net" doctor
shows 'a ban is taken' contained sluicectl -i "$net" ban 192.0.2.1 --for 1h
shows 'it ends' guard_ends
shows 'the gate stays' test -e "/sys/fs/bpf/sluice/$net"
shows 'it is started again' guard
shows 'and the ban is in force' says 192.0.2.1 contained sluicectl -i "$net" bans
shows 'unload takes all of it away' contained sluicectl -i "$net" unload
shows 'nothing is in the kernel then' test ! -e "/sys/fs/bpf/sluice/$net"
shows_count
