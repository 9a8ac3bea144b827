#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Second stage of a guest: what a booted host has, then the command of the share `out` on the terminal hvc0. Its status goes to `rc`.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb VM_KERNEL=1
mount -t sysfs sys /sys
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tracefs trace /sys/kernel/tracing
mkdir -p /dev/pts /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount -t devpts pts /dev/pts
for d in /run /var/tmp /dev/shm; do mount -t tmpfs tmp "$d"; done
mkdir -p /run/netns /run/lock /run/vm
mount -t 9p -o trans=virtio,version=9p2000.L out /run/vm
mount --bind "$VM_MODULES" "/usr/lib/modules/$(uname -r)" 2>/dev/null || {
	mkdir -p "/usr/lib/modules/$(uname -r)"
	mount --bind "$VM_MODULES" "/usr/lib/modules/$(uname -r)"
}
ip link set lo up
modprobe tun # for its node in /dev
for driver in ${VM_DRIVERS//,/ }; do modprobe "$driver"; done # nobody does that here when a device appears
cd "$VM_DIR" || exit
setsid -c bash /run/vm/cmd <>/dev/hvc0 >&0 2>&1
echo $? >/run/vm/rc
dmesg >/run/vm/dmesg
sync
reboot -f
