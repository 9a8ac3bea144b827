#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the Ansible role does, for ansible-check.sh: runs under systemd in a tree and a network of its own, with /root/deb/sluice.deb and
# the role in /root/deb/ansible.
set -u
# shellcheck source=scripts/shows.sh
. /root/deb/shows.sh
export LC_ALL=C.UTF-8
cd /root/deb/ansible || exit 1

play() { ansible-playbook -i localhost, -c local play.yml "$@"; }

ip link set lo up
mail_interface command
cat >play.yml <<'END'
---
- name: Guard the mail hosts
  hosts: all
  become: false
  roles:
    - role: sluice
      vars:
        sluice_deb: /root/deb/sluice.deb
END
shows 'ansible-lint finds nothing' ansible-lint --offline -q --profile production sluice
shows 'a host is made' play
shows 'sluiced runs, and will at boot' bash -c 'systemctl is-active sluiced && systemctl is-enabled sluiced'
shows 'it observes on the interface of the default route' says 'interface   mail0' sluicectl status
shows 'the second time nothing is changed' says 'changed=0' play
shows 'another policy is read' play -e '{"sluice_policy": "interfaces = {mail0}\nmode = observe\nservice smtp { ports = {25} max-connections-per-source = 7 }\n"}'
shows 'and is in force' says 'max-connections-per-source = 7' sluicectl dump
shows 'a policy that is not good is refused' fails play -e '{"sluice_policy": "interfaces = {mail0}\nservice smtp { ports = {none} }\n"}'
shows 'and the file is the one of before' grep -q 'max-connections-per-source = 7' /etc/sluice/sluice.conf
systemctl disable --quiet --now sluiced
sluicectl unload >/dev/null
shows_count
