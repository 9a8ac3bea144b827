#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# test.sh [TEST...]: runs every test ring, as root, or the given tests: programs below build/, and tests of pytest. The last line is: N
# passed, N failed, N skipped. Two programs, then two files of e2e, run side by side if there are two processors and TEST_JOBS is not 1.
# With SLUICE_BUILD=build/san (`make test DEBUG=1`) it also prints what ASan, UBSan and LeakSanitizer reported of any process, including daemons
# and processes that were killed; each report is a failure.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH=/usr/sbin:/sbin:$PATH PYTHONDONTWRITEBYTECODE=1 SLUICE_BUILD=${SLUICE_BUILD:-build}
passed=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
side_by_side() { [ "${TEST_JOBS:-$(nproc)}" -gt 1 ]; }

run() { # PROGRAM LOG: prints what it printed as a whole, since others print at the same time
	"$1" >"$2" 2>&1
	echo $? >"$2.status"
	{
		flock 9
		echo "== $1"
		grep -vE 'RUN  |    OK |Running' "$2"
	} 9>"$logs/lock"
}

count() { # LOG: adds up the closing lines of a cmocka program
	local ok bad skip
	ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' "$1" | head -1)
	bad=$(sed -n 's/^\[  FAILED  \] \(.*[^0-9]\)\?\([0-9]*\) test(s).*/\2/p' "$1" | head -1)
	skip=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' "$1" | head -1)
	passed=$((passed + ${ok:-0}))
	failed=$((failed + ${bad:-0}))
	skipped=$((skipped + ${skip:-0}))
	[ -n "$ok" ] || failed=$((failed + 1))
	[ "$(cat "$1.status")" = 0 ] || grep -q '^\[  FAILED' "$1" || failed=$((failed + 1))
}

reports=$PWD/$SLUICE_BUILD/reports
sanitized() { case $SLUICE_BUILD in */san) ;; *) false ;; esac; }

if sanitized; then
	rm -rf "$reports"
	mkdir -m 1777 "$reports" # some tests run sluicectl as nobody
	export ASAN_OPTIONS=log_path=$reports/asan:detect_stack_use_after_return=1:allocator_may_return_null=1
	export UBSAN_OPTIONS=log_path=$reports/ubsan:halt_on_error=1:print_stacktrace=1
fi

[ $# -gt 0 ] || set -- "$SLUICE_BUILD"/tests/unit/test_* "$SLUICE_BUILD"/tests/datapath/test_* tests/e2e
programs=() pytests=()
for t; do
	case $t in "$SLUICE_BUILD"/*) programs+=("$t") ;; *) pytests+=("$t") ;; esac
done

ran=0
for t in "${programs[@]}"; do
	case $t in *.d | *.o | *'*'*) continue ;; esac
	if [ "$(jobs -r | wc -l)" -gt 1 ]; then wait -n; fi
	ran=$((ran + 1))
	run "$t" "$logs/$ran" &
	side_by_side || wait
done
wait
for ((i = 1; i <= ran; i++)); do count "$logs/$i"; done
[ "$ran" -gt 0 ] || [ ${#programs[@]} = 0 ] || failed=$((failed + 1))

if [ ${#pytests[@]} -gt 0 ]; then
	echo "== tests/e2e"
	jobs=() # options of pytest-xdist
	if side_by_side; then jobs=(-n 2 --dist loadfile); fi
	/usr/bin/python3 -m pytest -p no:cacheprovider -q -rs --junitxml="$logs/e2e.xml" "${jobs[@]}" "${pytests[@]}"
	[ $? -le 1 ] || failed=$((failed + 1)) # 1: tests failed, and the file counts them; more: pytest could not run all that was named
fi
if [ -s "$logs/e2e.xml" ]; then
	read -r p f s < <(/usr/bin/python3 - "$logs/e2e.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
s = next(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
bad, skip = int(s.get("failures")) + int(s.get("errors")), int(s.get("skipped"))
print(int(s.get("tests")) - bad - skip, bad, skip)
PY
	)
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
fi
told=
if sanitized; then
	tail -n +1 "$reports"/* 2>/dev/null
	found=$(find "$reports" -type f | wc -l)
	failed=$((failed + found)) told="; sanitizer reports: $found"
fi
echo "$passed passed, $failed failed, $skipped skipped$told"
[ "$failed" = 0 ]
