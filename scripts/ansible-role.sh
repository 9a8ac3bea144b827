#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tests what the Ansible role does. ansible-check.sh runs it under systemd, in a tree and a network of their own, with
# /root/deb/sluice.deb and the role in /root/deb/ansible.
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
shows 'the role sets up a host' play
shows 'sluiced runs, and will start at boot' bash -c 'systemctl is-active sluiced && systemctl is-enabled sluiced'
shows 'it observes on the interface of the default route' says 'interface   mail0' sluicectl status
shows 'a second run changes nothing' says 'changed=0' play
shows 'another policy is read' play -e '{"sluice_policy": "interfaces = {mail0}\nmode = observe\nservice smtp { ports = {25} max-connections-per-source = 7 }\n"}'
shows 'and is in force' says 'max-connections-per-source = 7' sluicectl dump
shows 'a bad policy is refused' fails play -e '{"sluice_policy": "interfaces = {mail0}\nservice smtp { ports = {none} }\n"}'
shows 'and the file is as it was' grep -q 'max-connections-per-source = 7' /etc/sluice/sluice.conf
systemctl disable --quiet --now sluiced
sluicectl unload >/dev/null
shows_count
