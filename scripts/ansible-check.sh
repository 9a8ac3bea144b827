#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks that the Ansible role (dist/ansible/sluice) sets up a mail host: in a bare Debian 12 tree, under its systemd, with Debian's
# ansible-core and ansible-lint (ansible-role.sh). Needs root, and heeds MIRROR=URL, KEEP=1 and DEB=FILE (scripts/tree.sh). The last line
# is: N passed, N failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/tree.sh

tree_make iproute2,procps,systemd
tree_package
tree_install ansible-core ansible-lint python3-apt
cp -r scripts/shows.sh scripts/ansible-role.sh dist/ansible "$tree/root/deb/"
boot bash /root/deb/ansible-role.sh
