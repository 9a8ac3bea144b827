#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks that the Debian package is fit for a host: two builds in different places are the same; lintian finds nothing; and in a bare
# Debian 12 tree, under its systemd, it is installed, runs by its unit, is upgraded while it runs, is removed and purged, and leaves no
# trace. Needs root, and heeds MIRROR=URL and KEEP=1 (scripts/tree.sh). The last line is: N passed, N failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/tree.sh
one=build/deb other=$tree/root/deb

tree_make iproute2,procps,systemd
mkdir -p "$other"
echo "== the same package twice"
scripts/deb.sh "$one" >"$tree/root/one"
mkdir -p "$tree/root/elsewhere"
scripts/deb.sh "$tree/root/elsewhere" >"$tree/root/two"
diff "$tree/root/one" "$tree/root/two" || { echo "deb-check: two builds gave different packages" >&2; exit 1; }
cat "$tree/root/one"
rm -rf "$tree/root/elsewhere"

echo "== lintian"
lintian --allow-root --fail-on error,warning,info --tag-display-limit 0 -I "$one"/sluice_*.changes

echo "== install, upgrade, remove, purge"
cp "$one"/sluice_*.deb "$other/old.deb"
scripts/deb.sh "$tree/root/newer" 9.9 >/dev/null
cp "$tree"/root/newer/sluice_*.deb "$other/new.deb"
cp scripts/deb-life.sh scripts/shows.sh "$other/"
inside apt-get update -qq
inside apt-get satisfy -y -qq --no-install-recommends "$(dpkg-deb -f "$other/old.deb" Depends)" >/dev/null 2>&1
boot bash /root/deb/deb-life.sh
