#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz.sh SECONDS: runs libFuzzer's targets under ASan and UBSan, SECONDS each, from tests/fuzz/corpus, and prints a line for each. New
# inputs stay in build/fuzz/corpus. It ends at a crash: the end of the log is shown, and the input is left in build/fuzz.
set -eu
cd "$(dirname "$0")/.."
fuzz=${SLUICE_BUILD:-build}/fuzz
for target in "$fuzz"/target_*; do
	case $target in *.*) continue ;; esac
	name=${target##*target_}
	mkdir -p "$fuzz/corpus/$name"
	if ! "$target" -max_total_time="$1" -max_len=8192 -timeout=20 -print_final_stats=1 -artifact_prefix="$fuzz/$name-" \
		"$fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$fuzz/$name.log" 2>&1; then
		tail -40 "$fuzz/$name.log"
		echo "fuzz: $name: failed" >&2
		exit 1
	fi
	awk -v name="$name" '/number_of_executed_units/ { runs = $2 } / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
		END { printf "%-8s %10d executions, %d edges, no crash\n", name, runs, cov }' "$fuzz/$name.log"
done
