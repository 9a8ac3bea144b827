#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# test.sh [TEST...]: every test ring, as root, or these: programs below build/, tests of pytest. The last line: N passed, N failed,
# N skipped.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH=/usr/sbin:/sbin:$PATH PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log" "$log.xml"' EXIT

count() { # sums a cmocka program's closing lines
	local ok bad
	ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' "$log" | head -1)
	bad=$(sed -n 's/^\[  FAILED  \] .*[^0-9]\([0-9]*\) test(s).*/\1/p' "$log" | head -1)
	passed=$((passed + ${ok:-0}))
	failed=$((failed + ${bad:-0}))
	[ -n "$ok" ] || failed=$((failed + 1))
}

[ $# -gt 0 ] || set -- build/tests/unit/test_* build/tests/datapath/test_* tests/e2e
programs=() pytests=()
for t; do
	case $t in build/*) programs+=("$t") ;; *) pytests+=("$t") ;; esac
done

ran=0
for t in "${programs[@]}"; do
	case $t in *.d | *.o | *'*'*) continue ;; esac
	echo "== $t"
	"$t" >"$log" 2>&1
	status=$?
	grep -vE 'RUN  |    OK |Running' "$log"
	count
	[ "$status" = 0 ] || grep -q '^\[  FAILED' "$log" || failed=$((failed + 1))
	ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || [ ${#programs[@]} = 0 ] || failed=$((failed + 1))

if [ ${#pytests[@]} -gt 0 ]; then
	echo "== tests/e2e"
	/usr/bin/python3 -m pytest -p no:cacheprovider -q -rs --junitxml="$log.xml" "${pytests[@]}" || [ -s "$log.xml" ] || failed=$((failed + 1))
fi
if [ -s "$log.xml" ]; then
	read -r p f s < <(/usr/bin/python3 - "$log.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
s = next(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
bad, skip = int(s.get("failures")) + int(s.get("errors")), int(s.get("skipped"))
print(int(s.get("tests")) - bad - skip, bad, skip)
PY
	)
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
