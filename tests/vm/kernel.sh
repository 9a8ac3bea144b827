#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kernel.sh PACKAGE: downloads Debian's kernel of this (meta) package and unpacks it below build/vm; it never installs it. It also makes the
# initramfs that reaches the host's files. Prints the folder. What is there already is not made again.
set -eu
cd "$(dirname "$0")/../.."
vm=$PWD/tests/vm
export PATH=/usr/sbin:/sbin:$PATH
new=$PWD/build/vm/new.$$
trap 'rm -rf "$new"' EXIT

resolve() { # META: sets the package that it stands for now, and where that is unpacked
	package=$(apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \(linux-image-[0-9][^ ]*\)/\1/p" | head -1)
	package=${package:-$1}
	version=${package#linux-image-}
	dir=$PWD/build/vm/$package
}

download() { (cd "$new/deb" && apt-get -o APT::Sandbox::User=root -qq download "$package") >&2; }

unpack() { # META
	mkdir -p "$new/deb"
	if ! download; then # the lists may be too old and name an earlier package
		apt-get -qq update >&2
		resolve "$1"
		download
	fi
	dpkg-deb -x "$new"/deb/*.deb "$new"
	rm -rf "$new/deb"
	depmod -b "$new" "$version"
	mv -T "$new" "$dir"
}

initramfs() { # makes it of busybox, the modules in their order, and the first stage
	local tmp
	tmp=$(mktemp -d)
	mkdir -p "$tmp/bin" "$tmp/lib"
	cp /bin/busybox "$tmp/bin/"
	install -m 755 "$vm/init" "$tmp/init"
	for m in virtio_pci virtio_console virtio_rng overlay 9pnet_virtio 9p; do
		modprobe -d "$dir" -S "$version" --show-depends "$m" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' | while read -r m; do
		cp "$m" "$tmp/lib/"
		echo "/lib/${m##*/}"
	done >"$tmp/modules"
	(cd "$tmp" && find . | cpio -o -H newc --quiet) >"$dir/initramfs.$$"
	mv "$dir/initramfs.$$" "$dir/initramfs"
	rm -rf "$tmp"
}

resolve "$1"
[ -d "$dir" ] || unpack "$1"
[ "$dir/initramfs" -nt "$vm/init" ] || initramfs
echo "$dir"
