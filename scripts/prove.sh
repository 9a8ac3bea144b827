#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# prove.sh [name ...]: checks the model of a handshake's life (tests/prove/handshake.pml) by spin, exhaustively at the bounds that it
# prints, and that each guard of the design, taken out of the model, is missed. Called by `make prove`; the tables go to stdout.
# Names choose scenarios and mutations. Leaves nothing behind but build/prove.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
work=${SLUICE_BUILD:-build}/prove
depth=100000

# name|bounds: all of them hold
scenarios="
two processors|-DCPUS=2 -DSYNS=2 -DACKS=2
two at one tuple|-DCPUS=2 -DTUPLES=1 -DSYNS=3 -DACKS=2 -DENDS=0
a burst|-DCPUS=1 -DQUEUE=3 -DSYNS=3 -DACKS=2 -DRSTS=1 -DCLOSES=0 -DENDS=0
a connection closes|-DCPUS=1 -DSYNS=3 -DACKS=3
three tuples|-DCPUS=1 -DTUPLES=3 -DLIMIT=2 -DQUEUE=1 -DSYNS=3 -DACKS=3 -DCLOSES=0 -DENDS=0
cookies|-DCPUS=1 -DQUEUE=3 -DCOOKIES=1 -DSYNS=2 -DACKS=3 -DRSTS=1 -DCLOSES=0 -DENDS=0
cookies on both|-DCPUS=2 -DTUPLES=1 -DCOOKIES=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0
full bucket|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0
missed events|-DCPUS=1 -DMISSES=1 -DAUDITS=2 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0
lower limit|-DCPUS=1 -DLIMIT=2 -DRELOADS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0
renamed|-DCPUS=1 -DRELOADS=2 -DCOOKIES=2 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0
stalled|-DCPUS=2 -DSTALLS -DTUPLES=1 -DSYNS=2 -DACKS=2 -DRSTS=1 -DCLOSES=0 -DENDS=0
"

# name|bounds|what is taken out
mutations="
WITHOUT_EXPIRING|-DCPUS=1 -DSYNS=2 -DACKS=2|slots are released the moment that time runs out
WITHOUT_WATCH|-DCPUS=1 -DSYNS=2 -DACKS=2|nobody watches when a handshake expires
WITHOUT_TOMBSTONE|-DCPUS=1 -DSYNS=2 -DACKS=2|an expired handshake is forgotten
WITHOUT_RENEWAL|-DCPUS=1 -DSYNS=2 -DACKS=2|an answer does not move EXPIRING back to ANSWERED
WITHOUT_LOCK|-DCPUS=1 -DSYNS=2 -DACKS=2|the sweeper looks and moves without a lock around both
WITHOUT_SERIAL|-DCPUS=2 -DSYNS=2 -DACKS=2|an answer acts on whatever the place holds by then
WITHOUT_SERIAL_OF_SLOTS|-DCPUS=2 -DSTALLS -DTUPLES=1 -DSYNS=2 -DACKS=2 -DRSTS=1 -DCLOSES=0 -DENDS=0|a serial counts lives, not slots
WITHOUT_CONNECTIONS|-DCPUS=1 -DSYNS=1 -DACKS=1|the tracker is told twice and does not look whether it counted
WITHOUT_WHOLE_AUDIT|-DCPUS=1 -DAUDITS=1 -DSYNS=2 -DACKS=2|what an audit that was cut short did not see is healed
WITHOUT_FIRM|-DCPUS=2 -DSYNS=2 -DACKS=2|unsure slots are overbooked as soon as somebody watches
WITHOUT_WATCH_AT_OVERBOOKING|-DCPUS=1 -DSYNS=2 -DACKS=2|the watch may end while slots are overbooked
WITHOUT_OVERBOOKING|-DCPUS=1 -DSYNS=2 -DACKS=2|answers are charged against all that is held
WITHOUT_PROOF|-DCPUS=1 -DSYNS=2 -DACKS=2|the answer of a slot that is held is not proved
WITHOUT_UNDO|-DCPUS=2 -DTUPLES=1 -DSYNS=2 -DACKS=0 -DLIMIT=2|who charged in vain does not release
WITHOUT_RESET_WAIT|-DCPUS=1 -DSYNS=2 -DACKS=2 -DRSTS=1|a RST releases at once
WITHOUT_RESET_FLAG|-DCPUS=1 -DQUEUE=3 -DCOOKIES=1 -DSYNS=2 -DACKS=3 -DRSTS=1 -DCLOSES=0 -DENDS=0|a client that has reset may answer
WITHOUT_STRAYS_DROPPED|-DCPUS=1 -DQUEUE=3 -DCOOKIES=1 -DSYNS=2 -DACKS=3 -DRSTS=1 -DCLOSES=0 -DENDS=0|a cookie may come to another handshake of its tuple
WITHOUT_AWAIT|-DCPUS=1 -DSYNS=3 -DACKS=3|a SYN on a connection passes unremembered
WITHOUT_REPEATED|-DCPUS=1 -DSYNS=3 -DACKS=3|a SYN that came again is forgotten when the first is a connection
WITHOUT_REPEATED_AT_BEGIN|-DCPUS=2 -DTUPLES=1 -DSYNS=3 -DACKS=2 -DENDS=0|the same, of two SYNs at once
WITHOUT_REPEATED_AFTER_EXPIRY|-DCPUS=2 -DTUPLES=1 -DSYNS=3 -DACKS=2 -DENDS=0|the same, of a SYN on an expired handshake
WITHOUT_GUARD_AT_EVICTION|-DCPUS=1 -DWAYS=1 -DSYNS=2 -DACKS=2|the table forgets and nobody guards the port
WITHOUT_GUARD_BEFORE_EVICTION|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|the port is guarded after the table forgot
WITHOUT_ASKING_LAST|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|the guard is read before the table
WITHOUT_CAUTION|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|an element that is gone is taken for a connection
WITHOUT_CAUTION_AT_BEGIN|-DCPUS=2 -DTUPLES=1 -DCOOKIES=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|an element that came meanwhile is taken for an answered one
WITHOUT_PORT|-DCPUS=1 -DRELOADS=2 -DCOOKIES=2 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|guards belong to a service, and a reload copies none
"

# model DIRECTORY FLAGS: runs it there; its output in `out`.
model() {
	local dir=$1
	shift
	rm -rf "$dir" && mkdir -p "$dir" && cd "$dir"
	spin "$@" -a "$root/tests/prove/handshake.pml" >out 2>&1 || return 1
	gcc -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=512 -DMEMLIM=3500 -o pan pan.c >>out 2>&1 || return 1
	./pan -m$depth >>out 2>&1
	rm -f pan pan.*
}

# found FILE: the property that was violated, or nothing.
found() {
	sed -nE 's/^pan:[0-9]+: assertion violated +!\( ?([a-z_]+) ?\).*/\1/p; s/^pan:[0-9]+: invalid end state.*/something_stuck/p' "$1" | tr _ ' '
}

states() { sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' "$1"; }
reached() { sed -nE 's/.*depth reached ([0-9]+),.*/\1/p' "$1"; }
# Not so where a search was cut short, for want of depth or memory.
complete() { grep -q 'errors: 0$' "$1" && ! grep -qE 'max search depth too small|Search not completed' "$1"; }

line_run() {
	local line=$1 kind=$2 name flags what dir bad=0
	IFS='|' read -r name flags what <<<"$line"
	dir=$root/$work/${name//[ ,]/-}
	[ "$kind" = scenario ] || flags="$flags -D$name"
	# shellcheck disable=SC2086 # a list of words
	(model "$dir" $flags) || true
	if [ "$kind" = scenario ]; then
		complete "$dir/out" || bad=1
		printf '%-30s %9s %6s  %-9s %s\n' "$name" "$(states "$dir/out")" "$(reached "$dir/out")" \
			"$([ $bad = 0 ] && echo holds || echo "FAILS: $(found "$dir/out")")" "${flags//-D/}"
	else
		[ -n "$(found "$dir/out")" ] || bad=1
		printf '%-30s %9s %6s  %-18s %s\n' "$name" "$(states "$dir/out")" "$(reached "$dir/out")" \
			"$([ $bad = 0 ] && found "$dir/out" || echo SURVIVES)" "$what"
	fi
	return $bad
}

# table KIND LINES: two at a time, in their order.
table() {
	local kind=$1 line
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		[ -z "$only" ] || [[ $only == *"|${line%%|*}|"* ]] || continue
		printf '%s\0' "$line"
	done <<<"$2" | xargs -0 -r -P "$(nproc)" -I{} "$0" --line "$kind" {}
}

if [ "${1:-}" = --line ]; then
	line_run "$3" "$2"
	exit
fi
command -v spin >/dev/null || { echo "prove: spin is missing: run scripts/setup.sh as root, or: apt-get install spin" >&2; exit 1; }
cd "$root"
only=
for name in "$@"; do only="$only|$name|"; done
failed=0
printf '%-30s %9s %6s  %-9s %s\n' SCENARIO STATES DEPTH RESULT BOUNDS
table scenario "$scenarios" || failed=1
printf '\n%-30s %9s %6s  %-18s %s\n' MUTATION STATES DEPTH 'FOUND AS' 'WHAT IS TAKEN OUT'
table mutation "$mutations" || failed=1
[ $failed = 0 ] || { echo "prove: a scenario fails or a mutation survives: see build/prove/*/out" >&2; exit 1; }
