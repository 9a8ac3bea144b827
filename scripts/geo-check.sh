#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# geo-check.sh [FILE...]: compares our reading of MMDB files with libmaxminddb's, by 200,000 random addresses each. Without FILE it
# fetches public ones (CC0, from npm's registry: needs npm).
set -euo pipefail
cd "$(dirname "$0")/.."
make -s build/tests/unit/test_mmdb
if [ $# = 0 ]; then
	where=$(mktemp -d)
	trap 'rm -rf "$where"' EXIT
	(cd "$where" && tar -xzf "$(npm pack --silent @ip-location-db/geo-whois-asn-country-mmdb)")
	mapfile -t files < <(find "$where" -name '*.mmdb')
	set -- "${files[@]}"
fi
build/tests/unit/test_mmdb "$@"
