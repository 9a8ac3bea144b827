#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh FOLDER COMMAND: runs a shell command in a guest with the kernel of FOLDER (see kernel.sh), in the current directory, and returns its
# status, or 125 if the guest did not finish it, or not in time. VM_MEMORY (MB), VM_SECONDS and VM_NICS ("virtio-net-pci e1000e": two
# connected interfaces of each) set the guest up. What its kernel prints is kept in FOLDER/console.log.
set -u
seconds=${VM_SECONDS:-3600}
kernel=$1
[ -e "$kernel/initramfs" ] || { echo "run.sh: $kernel has no kernel of kernel.sh" >&2; exit 125; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf '%s\n' "$2" >"$out/cmd"
here=$(cd "$(dirname "$0")" && pwd)

accel=tcg,thread=multi # by default, because /dev/kvm may be there and not work
if [ -w /dev/kvm ] && { [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; }; then accel=kvm; fi
nics=() drivers=
hub=0
for nic in ${VM_NICS:-}; do
	for end in a b; do
		nics+=(-netdev "hubport,id=n$hub$end,hubid=$hub" -device "$nic,netdev=n$hub$end")
	done
	hub=$((hub + 1))
	case $nic in virtio-net-pci) drivers+=,virtio_net ;; *) drivers+=,$nic ;; esac
done
timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none \
	-M q35 -accel "$accel" -cpu max -smp "${VM_CPUS:-2}" -m "${VM_MEMORY:-3072}" \
	-kernel "$kernel"/boot/vmlinuz-* -initrd "$kernel/initramfs" \
	-append "console=ttyS0 quiet loglevel=4 panic=-1 reboot=t mitigations=off audit=0 random.trust_cpu=on VM_DIR=$PWD \
VM_NEXT=$here/guest.sh VM_DRIVERS=$drivers VM_MODULES=$(echo "$kernel"/lib/modules/*)" \
	-serial "file:$kernel/console.log" \
	-device virtio-serial-pci -chardev stdio,id=o,signal=off -device virtconsole,chardev=o -device virtio-rng-pci \
	-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=host,mount_tag=host \
	-fsdev "local,id=out,path=$out,security_model=none" -device virtio-9p-pci,fsdev=out,mount_tag=out \
	"${nics[@]}" </dev/null | sed -u 's|\r$||'
ended=${PIPESTATUS[0]}
[ ! -s "$out/dmesg" ] || cp "$out/dmesg" "$kernel/dmesg.log"
if [ ! -s "$out/rc" ]; then
	why="died"
	[ "$ended" != 124 ] || why="was not done in $seconds seconds"
	echo "the guest $why: $(tail -3 "$kernel/console.log")" >&2
	exit 125
fi
exit "$(cat "$out/rc")"
