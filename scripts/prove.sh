#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# prove.sh [name ...]: checks the models of a handshake's life and of the set of refusals (tests/prove/handshake.pml, refusals.pml) with spin,
# exhaustively at the bounds that it prints. It also takes each guard of the design out of its model, and checks that spin then finds a fault.
# `make prove` calls it. It prints tables of both, and counts at the end. Names choose scenarios and mutations. It leaves only build/prove.
set -eu -o pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=${SLUICE_BUILD:-build}/prove
depth=100000

# name|bounds: all of these must hold
handshake_scenarios="
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
handshake_mutations="
WITHOUT_EXPIRING|-DCPUS=1 -DSYNS=2 -DACKS=2|slots are released the moment that time runs out
WITHOUT_WATCH|-DCPUS=1 -DSYNS=2 -DACKS=2|nobody watches when a handshake expires
WITHOUT_TOMBSTONE|-DCPUS=1 -DSYNS=2 -DACKS=2|an expired handshake is forgotten
WITHOUT_RENEWAL|-DCPUS=1 -DSYNS=2 -DACKS=2|an answer does not move EXPIRING back to ANSWERED
WITHOUT_LOCK|-DCPUS=1 -DSYNS=2 -DACKS=2|the sweeper looks and moves without a lock around both
WITHOUT_SERIAL|-DCPUS=2 -DSYNS=2 -DACKS=2|an answer acts on whatever the place holds by then
WITHOUT_SERIAL_OF_SLOTS|-DCPUS=2 -DSTALLS -DTUPLES=1 -DSYNS=2 -DACKS=2 -DRSTS=1 -DCLOSES=0 -DENDS=0|a serial changes with a new handshake only, not with its slots
WITHOUT_CONNECTIONS|-DCPUS=1 -DSYNS=1 -DACKS=1|the tracker is told twice and does not look whether it counted
WITHOUT_WHOLE_AUDIT|-DCPUS=1 -DAUDITS=1 -DSYNS=2 -DACKS=2|an audit that was cut short heals what it did not see
WITHOUT_FIRM|-DCPUS=2 -DSYNS=2 -DACKS=2|unsure slots are overbooked as soon as somebody watches
WITHOUT_WATCH_AT_OVERBOOKING|-DCPUS=1 -DSYNS=2 -DACKS=2|the watch may end while slots are overbooked
WITHOUT_OVERBOOKING|-DCPUS=1 -DSYNS=2 -DACKS=2|answers are charged against all that is held
WITHOUT_PROOF|-DCPUS=1 -DSYNS=2 -DACKS=2|an answer is not proved if its handshake holds a slot
WITHOUT_UNDO|-DCPUS=2 -DTUPLES=1 -DSYNS=2 -DACKS=0 -DLIMIT=2|a charge is kept although no handshake begins
WITHOUT_RESET_WAIT|-DCPUS=1 -DSYNS=2 -DACKS=2 -DRSTS=1|a RST releases at once
WITHOUT_RESET_FLAG|-DCPUS=1 -DQUEUE=3 -DCOOKIES=1 -DSYNS=2 -DACKS=3 -DRSTS=1 -DCLOSES=0 -DENDS=0|a client that has reset may answer
WITHOUT_STRAYS_DROPPED|-DCPUS=1 -DQUEUE=3 -DCOOKIES=1 -DSYNS=2 -DACKS=3 -DRSTS=1 -DCLOSES=0 -DENDS=0|a cookie may come to another handshake of its tuple
WITHOUT_AWAIT|-DCPUS=1 -DSYNS=3 -DACKS=3|a SYN on a connection passes unremembered
WITHOUT_REPEATED|-DCPUS=1 -DSYNS=3 -DACKS=3|a SYN that came again is forgotten when the first is a connection
WITHOUT_REPEATED_AT_BEGIN|-DCPUS=2 -DTUPLES=1 -DSYNS=3 -DACKS=2 -DENDS=0|the same, with two SYNs at once
WITHOUT_REPEATED_AFTER_EXPIRY|-DCPUS=2 -DTUPLES=1 -DSYNS=3 -DACKS=2 -DENDS=0|the same, with a SYN on an expired handshake
WITHOUT_GUARD_AT_EVICTION|-DCPUS=1 -DWAYS=1 -DSYNS=2 -DACKS=2|the table forgets and nobody guards the port
WITHOUT_GUARD_BEFORE_EVICTION|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|the port is guarded after the table forgot
WITHOUT_ASKING_LAST|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|the guard is read before the table
WITHOUT_CAUTION|-DCPUS=2 -DWAYS=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|an element that is gone is taken for a connection
WITHOUT_CAUTION_AT_BEGIN|-DCPUS=2 -DTUPLES=1 -DCOOKIES=1 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|an element that came meanwhile is taken for an answered one
WITHOUT_PORT|-DCPUS=1 -DRELOADS=2 -DCOOKIES=2 -DSYNS=2 -DACKS=2 -DCLOSES=0 -DENDS=0|guards belong to a service, and a reload copies none
"

small="-DNOTES=1 -DGIVES=1 -DCHARGES=1"
refusals_scenarios="
one noter|-DREADS=2
two noters|-DREADS=2 -DNOTERS=2 -DNOTES=1
two givers|-DREADS=2 -DGIVERS=2 -DGIVES=1
two places in the line|-DREADS=2 -DWAYS=2 -DGIVES=1 -DCHARGES=1
changes|-DCHANGES=3 $small
lines renumbered|-DRESIZES=3 $small
changes, lines renumbered|-DCHANGES=2 -DRESIZES=1 $small
"

refusals_mutations="
WITHOUT_RECHECK||a full counter is not read again under the lock
WITHOUT_SURE||a source that only handshakes fill is noted, too
WITHOUT_WIPE||a slot is given back and its source's word stays
WITHOUT_ORDER||the word is wiped before the slot is given back
WITHOUT_SHUT|-DCHANGES=1 $small|the lane stays open while something changes
WITHOUT_EPOCH|-DCHANGES=1 $small|it opens in the epoch that it had before
WITHOUT_WIPE_AT_FIRST_EPOCH|-DCHANGES=2 $small|words of an epoch are still there when its number is used again
WITHOUT_NUMBER|-DCHANGES=2 $small|two openings may have the same word
WITHOUT_LANE_AT_NOTE|-DCHANGES=2 $small|a noter does not check whether the lane is still the same
WITHOUT_LANE_AT_READ|-DCHANGES=1 -DRESIZES=1 $small|a reader does not check it either
"

# model FILE DIRECTORY FLAGS: runs the model in DIRECTORY; its output goes to `out` there.
model() {
	local file=$root/tests/prove/$1.pml dir=$2
	shift 2
	rm -rf "$dir" && mkdir -p "$dir" && cd "$dir"
	spin "$@" -a "$file" >out 2>&1 || return 1
	gcc -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=512 -DMEMLIM=3500 -o pan pan.c >>out 2>&1 || return 1
	./pan -m$depth >>out 2>&1
	rm -f pan pan.*
}

# found FILE: prints the property that was violated, or nothing.
found() {
	sed -nE 's/^pan:[0-9]+: assertion violated +!\( ?([a-z_]+) ?\).*/\1/p; s/^pan:[0-9]+: invalid end state.*/something_stuck/p' "$1" | tr _ ' '
}

states() { sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' "$1"; }
reached() { sed -nE 's/.*depth reached ([0-9]+),.*/\1/p' "$1"; }
# A search that was cut short, because depth or memory ran out, is not complete.
complete() { grep -q 'errors: 0$' "$1" && ! grep -qE 'max search depth too small|Search not completed' "$1"; }

line_run() {
	local model=$1 kind=$2 line=$3 name flags what dir bad=0
	IFS='|' read -r name flags what <<<"$line"
	dir=$root/$work/$model/${name//[ ,]/-}
	[ "$kind" = scenario ] || flags="$flags -D$name"
	# shellcheck disable=SC2086 # a list of words
	(model "$model" "$dir" $flags) || true
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

# table MODEL KIND LINES: runs the lines, one on each processor at a time, in their order.
table() {
	local model=$1 kind=$2 rows=$work/$1.$2 line
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		[ -z "$only" ] || [[ $only == *"|${line%%|*}|"* ]] || continue
		printf '%s\0' "$line"
	done <<<"$3" | xargs -0 -r -P "$(nproc)" -I{} "$0" --line "$model" "$kind" {} | tee "$rows"
}

# sum KIND WORDS: prints how many rows both tables have, and how many are as they should be.
sum() {
	cat "$work"/*."$1" | awk -v kind="$1" -v words="$2" '!/ (SURVIVES|FAILS)/ { good++ } END { printf "%d %ss, %d %s\n", NR, kind, good, words }'
}

if [ "${1:-}" = --line ]; then
	line_run "$2" "$3" "$4"
	exit
fi
command -v spin >/dev/null || { echo "prove: spin is missing: run scripts/setup.sh as root, or: apt-get install spin" >&2; exit 1; }
cd "$root"
mkdir -p "$work"
only=
for name in "$@"; do only="$only|$name|"; done
failed=0
# tables MODEL SCENARIOS MUTATIONS
tables() {
	printf '%s, %-20s %9s %6s  %-9s %s\n' SCENARIO "$1" STATES DEPTH RESULT BOUNDS
	table "$1" scenario "$2" || failed=1
	printf '\n%s, %-20s %9s %6s  %-18s %s\n' MUTATION "$1" STATES DEPTH 'FOUND AS' 'WHAT IS TAKEN OUT'
	table "$1" mutation "$3" || failed=1
}
tables handshake "$handshake_scenarios" "$handshake_mutations"
echo
tables refusals "$refusals_scenarios" "$refusals_mutations"
echo
sum scenario hold
sum mutation found
[ $failed = 0 ] || { echo "prove: a scenario fails or a mutation survives: see build/prove/*/*/out" >&2; exit 1; }
