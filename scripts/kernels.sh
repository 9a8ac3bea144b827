#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kernels.sh [quick]: runs tests on Debian's kernels in virtual machines, as root; quick: those that cross what kernels do differently.
# KERNEL_PACKAGES names other (meta) packages. A line for each kernel, and the sum last. Where there is no QEMU or no kernel to be
# had: a skip, and a failure where CI=true.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH=/usr/sbin:/sbin:$PATH
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# First what depends on a clock that has just begun.
quick="build/tests/datapath/test_cookie build/tests/datapath/test_crooked build/tests/datapath/test_counts
tests/e2e/test_nic.py tests/e2e/test_dispatcher.py::test_programs_before_and_after_sluice_see_packets_and_stay_when_it_goes
tests/e2e/test_limits.py::test_connections_older_than_sluice_are_counted
tests/e2e/test_flood.py::test_service_under_pressure_answers_by_cookies_and_is_calm_again"
# Not: page, top, metrics and prometheus, privacy, mail servers, keys: they meet no other kernel than the ones below do.
whole="build/tests/datapath/test_cookie build/tests/datapath/test_crooked build/tests/datapath/test_counts
build/tests/datapath/test_explain build/tests/datapath/test_gate tests/e2e/test_nic.py tests/e2e/test_dispatcher.py
tests/e2e/test_limits.py tests/e2e/test_daemon.py tests/e2e/test_explain.py tests/e2e/test_watch.py tests/e2e/test_observe.py
tests/e2e/test_flood.py tests/e2e/test_geo.py tests/e2e/test_drift.py::test_forged_fin_and_rst_free_no_place
tests/e2e/test_drift.py::test_the_audit_finds_connections_whose_begin_or_end_was_missed"

cannot() { # WHY: for this machine, not a fault of sluice
	if [ "${CI:-}" = true ]; then
		echo "test-kernels: $1"
		echo "0 passed, 1 failed, 0 skipped"
		exit 1
	fi
	echo "test-kernels: skipped: $1"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

one() { # FOLDER: boots the kernel and runs the tests there
	local began=$SECONDS ok=0 bad=1 skip=0
	VM_NICS="virtio-net-pci vmxnet3 e1000e" tests/vm/run.sh "$1" "scripts/test.sh ${tests//$'\n'/ }" 2>&1 | tee "$log"
	read -r ok bad skip < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | tail -1) ||
		echo "it broke off; the kernel's last words are in ${1#"$PWD/"}/console.log"
	results+=("${1##*/linux-image-}: ${ok:-0} passed, ${bad:-1} failed, ${skip:-0} skipped, $(((SECONDS - began) / 60)) min")
	passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-1})) skipped=$((skipped + ${skip:-0}))
}

command -v qemu-system-x86_64 >/dev/null || cannot "no QEMU: scripts/setup.sh kernels"
tests=$whole
[ "${1:-}" != quick ] || tests=$quick
results=()
for package in ${KERNEL_PACKAGES:-linux-image-amd64 linux-image-6.12-amd64}; do
	folder=$(tests/vm/kernel.sh "$package") || cannot "cannot get $package"
	echo "=== ${folder##*/} ($package)"
	one "$folder"
done
printf '%s\n' "${results[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
