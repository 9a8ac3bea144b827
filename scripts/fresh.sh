#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks that the README's two commands work on a fresh machine: a bare Debian 12 tree (debootstrap, this host's kernel) gets nothing but
# make and the committed files, and `make demo` and `make test` run in it. Needs root, and Debian's packages in reach.
# It heeds MIRROR=URL, TARGETS="demo" and KEEP=1 (leave the tree for a look).
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
