#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kernels.sh [quick]: runs tests on Debian's kernels in virtual machines, side by side, as root; quick runs those of what kernels do
# differently. KERNEL_PACKAGES names other (meta) packages. It ends with a row for each kernel, and the sum. Without QEMU, or a kernel, the
# tests are skipped; with CI=true that is a failure, unless KERNELS_OPTIONAL=1. A failure in a guest is a failure everywhere.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH=/usr/sbin:/sbin:$PATH
passed=0 failed=0 skipped=0 rows=()

# These come first because they depend on a clock that has just started. Under emulation it takes half a minute to load a program, and each
# test loads some. So the tests of the whole express lane, of handshakes and of rates are in no list: each of them takes three or four minutes.
datapath="build/tests/datapath/test_cookie build/tests/datapath/test_counts"
shared=tests/e2e/test_dispatcher.py::test_programs_before_and_after_sluice_see_packets_and_stay_when_it_goes
upgrade=tests/e2e/test_dispatcher.py::test_another_abi_is_taken_over_among_the_others_and_they_miss_no_packet
kinds=tests/e2e/test_kinds.py::test_limits_bans_and_countries_hold_there
cookies=tests/e2e/test_kinds.py::test_cookies_hold_there_whoever_answers
quick="$datapath build/tests/datapath/test_lane_segments tests/e2e/test_nic.py ${kinds}[IPIP] ${cookies}[IPIP] ${cookies}[tags] ${shared}[native] ${upgrade}[native]
tests/e2e/test_limits.py::test_connections_older_than_sluice_are_counted
tests/e2e/test_flood.py::test_service_under_pressure_answers_by_cookies_and_is_calm_again"
# Left out are the tests of page, top, metrics and prometheus, privacy, mail servers, keys and state files, which use little of the kernel;
# and those of containers, hosts of a fleet, bans by file, the express lane, rates, networks and others. What these alone use
# of a kernel is tested on the host's only. So are speed, and what starts hundreds of processes (faults, killed).
whole="$datapath build/tests/datapath/test_invalid build/tests/datapath/test_confirm build/tests/datapath/test_rights build/tests/datapath/test_explain
build/tests/datapath/test_fleet build/tests/datapath/test_gate build/tests/datapath/test_lane_segments build/tests/datapath/test_local build/tests/datapath/test_promised tests/e2e/test_ipvs.py tests/e2e/test_nic.py tests/e2e/test_kinds.py tests/e2e/test_bare.py tests/e2e/test_forms.py tests/e2e/test_modes.py tests/e2e/test_forward.py tests/e2e/test_dispatcher.py tests/e2e/test_upgrade.py tests/e2e/test_confirm.py
tests/e2e/test_rights.py tests/e2e/test_kill.py tests/e2e/test_doctor.py tests/e2e/test_limits.py tests/e2e/test_daemon.py
tests/e2e/test_explain.py tests/e2e/test_watch.py tests/e2e/test_observe.py tests/e2e/test_geo.py tests/e2e/test_flood.py
--deselect=tests/e2e/test_flood.py::test_spoofed_victim_is_served_all_the_same
tests/e2e/test_drift.py::test_forged_fin_and_rst_free_no_place
tests/e2e/test_drift.py::test_the_audit_finds_connections_whose_begin_or_end_was_missed"

row() { # KERNEL RESULT MINUTES
	rows+=("| $(date +%F) | make test-kernels${selection:+ KERNELS=$selection} | $1 | $2 | $3 |")
}

missing() { # WHAT WHY: records that this machine cannot run it
	local kind=skipped
	if [ "${CI:-}" = true ] && [ "${KERNELS_OPTIONAL:-}" != 1 ]; then kind=failed; fi
	echo "test-kernels: $kind: $1: $2"
	row "$1" "$kind: $2" 0
	declare -g "$kind=$((${!kind} + 1))"
}

# FOLDER: boots the kernel and runs the tests there. "PASSED FAILED SKIPPED MINUTES" goes to FOLDER/result.
guest() {
	local began=$SECONDS ok bad skip status name=${1##*/linux-image-}
	VM_NICS="virtio-net-pci vmxnet3 e1000e" VM_SECONDS=${VM_SECONDS:-$limit} \
		tests/vm/run.sh "$1" "PYTEST_ADDOPTS=-vv TEST_JOBS=1 scripts/test.sh ${tests//$'\n'/ }" 2>&1 | tee "$1/test.log" | sed -u "s/^/${name%%[-+]*}  /"
	status=${PIPESTATUS[0]}
	read -r ok bad skip < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$1/test.log" | tail -1) ||
		echo "$name: the run broke off; what the kernel printed is in ${1#"$PWD/"}/console.log"
	if [ "$status" != 0 ] && [ "${bad:-0}" = 0 ]; then bad=1; fi
	echo "${ok:-0} ${bad:-1} ${skip:-0} $(((SECONDS - began + 30) / 60))" >"$1/result"
}

selection=${1:-} tests=$whole limit=5400
if [ "$selection" = quick ]; then tests=$quick limit=2400; fi
folders=() qemu=
if scripts/setup.sh kernels; then qemu=$(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p'); fi
for package in ${KERNEL_PACKAGES:-linux-image-amd64 linux-image-6.12-amd64}; do
	if [ -z "$qemu" ]; then
		missing "$package" "no QEMU"
	elif folder=$(tests/vm/kernel.sh "$package"); then
		echo "=== ${folder##*/} ($package), QEMU $qemu"
		folders+=("$folder")
	else
		missing "$package" "cannot be downloaded"
	fi
done

pids=()
end() { for pid in "${pids[@]}"; do kill -- "-$pid"; done 2>/dev/null; }
trap end EXIT
trap 'exit 1' INT TERM
set -m # each guest gets a process group of its own, which can be ended as a whole
for folder in "${folders[@]}"; do
	guest "$folder" &
	pids+=($!)
done
wait
pids=()
for folder in "${folders[@]}"; do
	read -r ok bad skip minutes <"$folder/result"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	row "${folder##*/linux-image-}" "$ok passed, $bad failed, $skip skipped" "$minutes"
done
printf '%s\n' "${rows[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
