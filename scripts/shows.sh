# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Functions that show that sentences are true, and that follow pages. They are sourced by scripts that run in a tree of their own
# (deb-life.sh, deb-page.sh), or that set $shows_out. shows_count prints how many sentences were true.
passed=0 failed=0
: "${shows_out:=/root/deb/out}" # the output of the last command

shows() { # SENTENCE COMMAND...
	local name=$1
	shift
	if "$@" >"$shows_out" 2>&1; then # not in a subshell, because commands may set variables, such as a pid
		passed=$((passed + 1))
		echo "ok      $name"
	else
		failed=$((failed + 1))
		echo "FAILED  $name"
		cat "$shows_out"
	fi
}

shows_count() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}

mail_interface() { # COMMAND...: makes the interface of a mail host, mail0, with a default route that leads nowhere. COMMAND runs ip, here or elsewhere
	"$@" ip link add mail0 type veth peer name out
	"$@" ip link set mail0 up
	"$@" ip link set out up
	"$@" ip address add 198.51.100.2/24 dev mail0
	"$@" ip route add default via 198.51.100.1 dev mail0
}

is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }; }
says() { # TEXT COMMAND...: true if its output has TEXT
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	case $out in *"$text"*) ;; *) echo "'$text' is not in: $out"; return 1 ;; esac
}
fails() { ! "$@"; }
soon() { # COMMAND...: true if it succeeds within ten seconds
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$@" && return
		sleep 1
	done
	return 1
}

# Prints what a page tells its reader to do, a line each: its headings; the commands of blocks that begin with `# run`, or `# run on another
# host`; and the files of blocks that begin with their path, as `# /etc/sluice/sluice.conf`. A block in a list is indented like its fence.
page_steps() { # PAGE
	awk '/^## / { print "heading " substr($0, 4) }
		/^ *```/ { inside = !inside; kind = inside ? "first" : ""; margin = index($0, "`"); next }
		inside { $0 = substr($0, margin) }
		kind == "first" { kind = $0 == "# run" ? "run" : $0 == "# run on another host" ? "elsewhere" : $0 ~ /^# \/[^ ]+$/ ? "line" : ""
			if (kind == "line") { print "file " substr($0, 3); print "line " $0 }
			next }
		kind { print kind " " $0 }' "$1"
}

at() { :; } # HEADING: a test redefines it to do something where this section begins; with skip=1 the section is left out
elsewhere() { bash -c "$1"; }

page_follow() { # PAGE: does what it says, as somebody would who has nothing else
	local step text file='' skip='' name=${1##*/}
	shows "$name is there" test -s "$1"
	while IFS= read -r -u 3 step; do
		text=${step#* }
		case $step in
			heading\ *)
				skip=
				at "$text"
				continue
				;;
		esac
		[ -z "$skip" ] || continue
		case $step in
			run\ *) shows "$name: $text" bash -c "$text" ;;
			elsewhere\ *) shows "$name, on another host: $text" elsewhere "$text" ;;
			file\ *) file=$text && mkdir -p "${file%/*}" && : >"$file" ;;
			line\ *) printf '%s\n' "$text" >>"$file" ;;
		esac
	done 3< <(page_steps "$1")
}
