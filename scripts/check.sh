#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the checks that need no root: unit tests, layers, licences, sizes, linters. `make check` calls it. It prints a line for each step
# and ends with the counts.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${SLUICE_BUILD:-build}
passed=0 failed=0
for tool in ctags mandoc cppcheck shellcheck clang-format; do
	command -v "$tool" >/dev/null || { echo "check: $tool is missing: run scripts/setup.sh" >&2 && exit 1; }
done

step() { # NAME COMMAND...: a step passes if its command succeeds; $out is what the command printed
	local name=$1
	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok      $name"
	else
		failed=$((failed + 1))
		printf 'FAILED  %s\n%s\n' "$name" "$out"
	fi
}

none() { # fails when its input has a line
	local lines
	lines=$(cat)
	[ -z "$lines" ] || { echo "$lines"; return 1; }
}

includes() { grep -rnE '^#include' --include='*.[chly]' "$1" | grep -E "$2" | none; }

mapfile -t rooms < <(printf -- "-I%s\n" userspace/{core,import,kern,daemon,cli}/*/ userspace/{api,fleet}/)

layers() {
	includes maps '"(bpf|userspace|tests)' &&
		includes bpf 'userspace|tests/|"(addr|diag|policy|engine|tables)\.h"' &&
		includes userspace/core '<(bpf|xdp)/' &&
		includes userspace/daemon '<(bpf|xdp)/|"(internal|load)\.h"' &&
		includes userspace/cli '<(bpf|xdp)/|"(internal|load)\.h"' &&
		grep -rnE '^#include.*tests/' bpf maps userspace | none &&
		git ls-files 'tests/e2e/*.py' 'scripts/*.py' | grep -v '/test_' | xargs grep -nE '^(from|import) test_' | none
}

silent() { grep -rnE '\b(printf|puts|perror)\(|fprintf\(stderr' userspace/core userspace/import userspace/kern --include='*.c' | none; }

licences() {
	{
		grep -rL 'GPL-2.0-only OR BSD-2-Clause' bpf maps
		git ls-files 'userspace/*.[chly]' 'tests/*.[ch]' 'tests/*.py' 'scripts/*.sh' 'scripts/*.py' 'userspace/daemon/http/page/page.*' 'userspace/daemon/http/page/day.js' Makefile | xargs grep -L 'SPDX-License-Identifier: BSD-2-Clause'
	} | none
}

openings() { # each file says in its first sentence what it does
	local f
	git ls-files 'bpf/*.[ch]' 'maps/*.h' 'userspace/*.[ch]' | while read -r f; do
		sed -n 2p "$f" | grep -q '^/\*' || echo "$f does not open with what it does"
	done | none
}

file_length() { git ls-files '*.c' '*.h' '*.[ly]' '*.py' '*.sh' '*.js' | xargs wc -l | awk '$2 != "total" && $1 > 500' | none; }

function_length() {
	git ls-files '*.c' '*.h' | ctags -L - --languages=C --kinds-C=f --fields=+ne -f - 2>/dev/null |
		awk -F'\t' '{l=e=0; for(i=4;i<=NF;i++){if($i~/^line:/)l=substr($i,6); if($i~/^end:/)e=substr($i,5)} if(e-l>=60) print $2": "$1" ("e-l+1" lines)"}' | none
}

states_agree() {
	diff <(sed -n '/^enum sluice_handshake_state {/,/}/{s/^\t\(HANDSHAKE_[A-Z_]*\),$/\1/p}' maps/handshakes.h) \
		<(sed -nE 's/^#define (HANDSHAKE_[A-Z_]+) ([0-9])$/\2 \1/p' tests/prove/handshake.pml | sort | cut -d' ' -f2)
}

reasons_have_cases() {
	grep -oE '^(PASS|REFUSE)\([A-Z_]+' maps/reasons.def | sed 's/.*(//' | while read -r reason; do
		grep -qE "SLUICE_$reason\b" tests/datapath/test_*.c || echo "no packet case for $reason"
	done | none
}

lint_c() {
	# memleak is suppressed because cppcheck does not know the cleanup attribute
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=memleak --suppress=unknownMacro --suppress=syntaxError -DREASONS \
		-Imaps "${rooms[@]}" userspace
}

# Compares the man page's section with the one that tests/lib/api prints from userspace/api/answers.def.
manual_has_fields() {
	diff <("$build/tests/lib/api" manual) <(sed -n '/^\.Sh JSON$/,/^\.Sh /p' docs/sluicectl.8 | sed -n '/^\.Ss /,$p' | sed '/^\.Sh /d')
}

# Compares the commands that `sluicectl help` lists, with their arguments, with the items of the man page.
manual_has_commands() {
	diff <("$build/sluicectl" help | sed -n 's/^  \([a-z]\)/\1/p' | sed 's/ *$//') <(sed -n 's/^\.It Ic //p' docs/sluicectl.8)
}

manual_has_options() { # those of sluiced
	local o
	"$build/sluiced" -h | grep -oE '^  -[a-zA-Z]|, -[a-zA-Z]' | tr -d ' ,-' | while read -r o; do
		grep -qE "^\.It Fl.*\b$o\b" docs/sluiced.8 || echo "docs/sluiced.8 does not mention -$o"
	done | none
}

bones() { # README: prints the levels of its headings, its commands without their comments, and its links
	awk '/^```/ { code = !code } code { sub(/ +#.*/, ""); print; next } /^#/ { print $1 }' "$1"
	grep -oE '\]\([^)]+' "$1" | grep -v README
	grep -oE '(src|srcset)="[^"]+' "$1"
}

readmes_agree() { diff <(bones README.md) <(bones README.zh-CN.md); }

links_lead_somewhere() { # the links of the documents to files of this repository
	local f link
	for f in *.md docs/*.md; do
		{ grep -oE '\]\([^)#]+' "$f" | cut -c3-; grep -oE '(src|srcset)="[^"]+' "$f" | cut -d'"' -f2; } | grep -v : | while read -r link; do
			[ -e "$(dirname "$f")/$link" ] || echo "$f: $link"
		done
	done | none
}

named_files_exist() { # those that pages, and comments beside code, name with their folder, from the root or from userspace/
	local folders='(?<![\w<./~-])(bpf|maps|userspace|core|kern|daemon|cli|import|tests|scripts)' path
	{
		git grep -ohP "$folders/[a-z0-9_/.-]*[a-z0-9_]" -- '*.md' ':!CHANGES.md'
		git grep -ohP "$folders/[a-z0-9_/.-]*\.(c|h|l|y|def|py|sh|pml)\b" -- '*.[chly]' '*.def' '*.py' '*.sh'
	} | sort -u | while read -r path; do
		[ -e "$path" ] || [ -e "userspace/$path" ] || echo "no file: $path"
	done | none
}

pictures_are_small() { find docs -name '*.png' -size +150000c | none; }

# Checks each page about one kind of host: its sections, and the links to it.
pages_are_alike() {
	local page section file
	for page in docs/with-*.md docs/deny-feeds.md; do
		for section in 'What you get' 'The policy' 'Start, look on, enforce' 'See that it works' 'When it does not' 'Undo'; do
			grep -qxF "## $section" "$page" || echo "$page has no section '$section'"
		done
		for file in README.md README.zh-CN.md docs/setup.md; do
			grep -qF "${page##*/})" "$file" || echo "$file has no link to $page"
		done
	done | none
}

pages_are_followed() { # a test runs the commands of each page that has some; those of setup.md are run by the package's test
	grep -lE '^ *# run( on another host)?$' docs/*.md | while read -r page; do
		grep -qF -e "$(basename "$page" .md))" -e "docs/${page##*/}" scripts/pages-check.sh scripts/deb-life.sh || echo "nothing follows $page"
	done | none
}

manual_lint() { mandoc -T lint -W warning docs/*.8 docs/*.5 | grep -v 'referenced manual not found' | none; }

# Runs the completion script in its shell; ask() prints what the shell would offer. tests/e2e/test_completion.py tests the names that
# come from a running daemon.
completes() { # SHELL PRELUDE
	local line expected got script="$build/completion.$1"
	"$build/sluicectl" completion "$1" >"$script" || return 1
	while IFS='|' read -r line expected; do
		got=$(PATH=$(realpath "$build"):$PATH "$1" -c "$2
			ask '$line'" "$1" "$script") || return 1
		[ "$got" = "$expected" ] || { echo "$1: '$line' is completed by '$got', not '$expected'"; return 1; }
	done <<-'END'
		sluicectl exp|explain export
		sluicectl -i x explain 192.0.2.1 --s|--service
		sluicectl mode o|observe
		sluicectl set service smtp on-excess r|reset
		sluicectl set service smtp max-rate|max-rate max-rate-per-network max-rate-per-source
		sluicectl ban 2001:db8::1 --ki|--kill
		sluicectl help unb|unban
	END
}

completion_works() {
	# shellcheck disable=SC2016 # the other shell expands it
	completes bash 'source "$1"; ask() { COMP_LINE=$1 COMP_POINT=${#1}; _sluicectl; printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd" "; }' &&
		completes zsh 'compdef() { :; }; source "$1"; compadd() { print -rl -- $names | sort | paste -sd" "; }; ask() { words=(${=1}) CURRENT=$#words; _sluicectl; }' &&
		completes fish 'source $argv[2]; function ask; complete -C $argv[1] | string replace -r "\t.*" "" | sort | paste -sd" "; end'
}

alerts() {
	local alert
	promtool check rules dist/prometheus/sluice.rules.yml && promtool test rules tests/prometheus/alerts.yml || return 1
	sed -n 's/^ *- alert: //p' dist/prometheus/sluice.rules.yml | while read -r alert; do
		grep -A1 "alertname: $alert$" tests/prometheus/alerts.yml | grep -q exp_alerts || echo "no scenario fires $alert"
	done | none
}

versions_agree() {
	local said linux f
	said=$(sed -n 's/^#define SLUICE_VERSION "\(.*\)"/\1/p' userspace/core/base/protocol.h)
	{
		grep -qF "sluice ($said)" dist/debian/changelog || echo "protocol.h says $said, dist/debian/changelog does not"
		grep -qE "^Version: +$said$" dist/rpm/sluice.spec || echo "protocol.h says $said, dist/rpm/sluice.spec does not"
		grep -qxF "## $said" CHANGES.md || echo "protocol.h says $said, CHANGES.md does not"
		linux=$(sed -n 's/^#define LINUX_NEEDED "\(.*\)"/\1/p' userspace/kern/floor/internal.h)
		for f in README.md docs/kernels.md; do
			grep -qF "Linux $linux or newer" $f || echo "internal.h says Linux $linux or newer, $f does not"
		done
	} | none
}

format() { git ls-files 'bpf/*.[ch]' 'userspace/*.[ch]' 'tests/*.[ch]' | xargs clang-format --dry-run --Werror; }

fuzz_targets_compile() { # `make fuzz` links them, with ASan
	local target
	for target in tests/fuzz/target_*.c; do
		clang -fsyntax-only -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Imaps "${rooms[@]}" "$target" || return 1
	done
}

# A few of each kind: a header, a list or a page, and a program that is made again if it changes.
rebuilds() {
	local changed target
	while read -r changed target; do
		make -n -W "$changed" "$build/$target" 2>/dev/null | grep -q -- "-o $build/$target" || echo "$target is not made again if $changed changes"
	done <<-'END' | none
		maps/abi.h sluice.bpf.o
		bpf/lane.bpf.h sluiced
		userspace/api/verbs.def sluicectl
		userspace/core/read/scanner.l sluicectl
		userspace/daemon/http/page/day.js sluiced
		userspace/fleet/fleet_link.h sluice-fleet
		userspace/core/geo/geo_layout.h tests/fuzz/fuzz_core
		tests/datapath/frame.h tests/datapath/test_gate
		tests/lib/tool.h tests/lib/serve
	END
}

for t in "$build"/tests/unit/test_*; do
	case $t in *.d | *.o | *'*'*) continue ;; esac
	step "$t" "$t"
done
step 'arrows between layers point one way' layers
step 'arrows between rooms point one way, no files depend on each other in a circle, and no room is too full' scripts/floors.py
echo "        ${out##*$'\n'}"
step 'core, import and kern print nothing' silent
step 'every file has its licence' licences
step 'every file opens with what it does' openings
step 'no file over 500 lines' file_length
step 'no function over 60 lines' function_length
step 'every reason has a packet case' reasons_have_cases
step 'the gate and its documents follow the order of checks in maps/steps.def' scripts/order.py
step 'model and code have the same states of a handshake' states_agree
step 'sluicectl(8) has every command with its arguments' manual_has_commands
step 'sluicectl(8) has every field of every answer' manual_has_fields
step 'sluiced(8) has every option' manual_has_options
step 'man pages are clean' manual_lint
step 'links of the documents lead somewhere' links_lead_somewhere
step 'the files that documents and comments name are there' named_files_exist
step 'the pictures of the documents are small' pictures_are_small
step 'the pages about a kind of host are alike and linked' pages_are_alike
step 'a page that has commands to run is followed by a test' pages_are_followed
step 'the two READMEs have the same headings, commands and links' readmes_agree
step 'completion completes, in bash, zsh and fish' completion_works
step 'every alert fires in its scenario' alerts
step 'version, changes and package agree' versions_agree
step 'every fuzz target compiles' fuzz_targets_compile
step 'a changed header has everything made again that includes it' rebuilds
step 'shellcheck' shellcheck scripts/*.sh dist/package/* dist/container/start tests/vm/*.sh tests/vm/init .ci/run
step 'cppcheck' lint_c
[ ! -f .clang-format ] || step 'format' format
echo "check: $passed passed, $failed failed"
[ "$failed" = 0 ]
