#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Do the two commands work on a fresh machine? A bare Debian 12 tree (debootstrap, this host's kernel) gets nothing but
# make and the committed files; `make demo` and `make test` run in it. As root, with Debian's packages in reach.
# MIRROR=URL, TARGETS="demo" and KEEP=1 (leave the tree for a look) are heeded.
set -eu
cd "$(dirname "$0")/.."
. scripts/tree.sh

tree_make make
mkdir -p "$tree/root/sluice"
git archive HEAD | tar -x -C "$tree/root/sluice"
for target in ${TARGETS:-demo test}; do
	echo "== make $target"
	inside make -C /root/sluice "$target" </dev/null
done
