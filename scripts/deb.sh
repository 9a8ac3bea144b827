#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# deb.sh DIRECTORY [VERSION]: builds the Debian package into DIRECTORY, from the files that git tracks as they are in the work tree.
# The same files give the same package, byte for byte. VERSION replaces the version of the changelog, to try upgrades.
set -eu
out=$1 version=${2:-}
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC
umask 022
for tool in dpkg-buildpackage dh; do
	command -v $tool >/dev/null || { echo "deb.sh: no $tool here: run scripts/setup.sh as root" >&2; exit 1; }
done

mkdir -p "$out"
out=$(realpath "$out")
rm -rf "$out/sluice" "$out"/sluice*.deb "$out"/sluice*.changes "$out"/sluice*.buildinfo
mkdir "$out/sluice"
git ls-files -z | tar --null --no-recursion -cf - -T - | tar -xf - -C "$out/sluice"
cp -r dist/debian "$out/sluice/debian"
if [ -n "$version" ]; then
	sed "1s/(.*)/($version)/" dist/debian/changelog >"$out/sluice/debian/changelog"
fi
cd "$out/sluice"
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -STimestamp)
export SOURCE_DATE_EPOCH
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} + # in a clone, files have the time of the checkout
dpkg-buildpackage -us -uc -b -j2 >../build.log 2>&1 || { tail -30 ../build.log; echo "deb.sh: the whole log is $out/build.log" >&2; exit 1; }
cd ..
rm -rf sluice
sha256sum -- *.deb
