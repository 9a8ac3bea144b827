#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Second stage of a guest, which tests/vm/init starts: it mounts what a booted host has, then runs the command that is in the share `out`,
# on the terminal hvc0. The command's status goes to `rc` in that share.
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
for driver in ${VM_DRIVERS//,/ }; do modprobe "$driver"; done # nothing else here loads a driver when a device appears
cd "$VM_DIR" || exit
setsid -c bash /run/vm/cmd <>/dev/hvc0 >&0 2>&1
echo $? >/run/vm/rc
dmesg >/run/vm/dmesg
sync
reboot -f
