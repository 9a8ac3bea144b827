#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tests the life of the RPM package. rpm-check.sh runs it under systemd, in a tree and a network of their own, with /root/deb/sluice.rpm.
# The tree is Debian's, so rpm knows no library there (--nodeps).
set -u
# shellcheck source=scripts/shows.sh
. /root/deb/shows.sh

install() { rpm -i --nodeps --force-debian /root/deb/sluice.rpm; }

ip link set lo up
mail_interface command
shows 'it installs' install
shows 'each of its files is as it was packed' rpm -V --nodeps sluice
shows 'the group is there' getent group sluice
shows 'the policy is for the interface of the default route' grep -q '^interfaces = {mail0}' /etc/sluice/sluice.conf
shows 'and names the database of countries that is installed' grep -q '^geoip { database = {/usr/share/tor/geoip,' /etc/sluice/sluice.conf
shows 'the packaged policy is good' sluiced -n
shows 'the programs that the units name are there' test -x "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' /usr/lib/systemd/system/sluiced.service)" -a \
	-x "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' /usr/lib/systemd/system/sluice-geo.service)"
shows 'nothing was started' fails systemctl is-active sluiced
shows 'doctor finds nothing bad' sluicectl doctor
shows 'it is enabled and starts, by its unit' systemctl enable --now --quiet sluiced
shows 'it observes on that interface' says 'interface   mail0' sluicectl status
shows 'a ban is taken' sluicectl ban 192.0.2.1 --for 1h
before=$(systemctl show -P MainPID sluiced)
shows 'a newer package is installed over it' rpm -U --force --nodeps --force-debian /root/deb/sluice.rpm
shows 'and a new sluiced runs' fails is "$(systemctl show -P MainPID sluiced)" "$before"
shows 'the ban is still in force' says 192.0.2.1 sluicectl bans
echo '# mine' >>/etc/sluice/sluice.conf
shows 'it is removed' rpm -e --nodeps sluice
shows 'and is no longer in the kernel' test ! -e /sys/fs/bpf/sluice
shows 'nothing of it runs' fails systemctl is-active sluiced
shows 'nothing of it is started at the next boot' test ! -e /etc/systemd/system/multi-user.target.wants/sluiced.service
shows 'what the administrator wrote stays' grep -qx '# mine' /etc/sluice/sluice.conf
shows_count
