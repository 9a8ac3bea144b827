#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# page.sh FOLDER: prints the status page as a C header: FOLDER/page.html with its style and script put in, and the
# Content-Security-Policy that allows exactly these two, and lets nothing be fetched from anywhere else.
set -eu
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hash() { openssl dgst -sha256 -binary "$1" | openssl base64 -A; }

# The page is a copy of the vendored code, too, so it carries its licence.
{ cat "$folder/uplot/uPlot.min.css"; echo; cat "$folder/page.css"; } >"$work/style"
{ echo '/*'; cat "$folder/uplot/LICENSE"; echo '*/'; cat "$folder/uplot/uPlot.iife.min.js"; echo; cat "$folder/day.js" "$folder/page.js"; } >"$work/script"
# The hash covers everything between the tags.
awk -v style="$work/style" -v script="$work/script" '
	function put(file, tag,   line, first) {
		printf "<%s>", tag
		first = 1
		while ((getline line < file) > 0) { printf "%s%s", first ? "" : "\n", line; first = 0 }
		printf "</%s>\n", tag
	}
	$0 == "<!-- style -->" { put(style, "style"); next }
	$0 == "<!-- script -->" { put(script, "script"); next }
	{ print }' "$folder/page.html" >"$work/page"
for part in style script; do
	printf '%s' "$(cat "$work/$part")" >"$work/$part.exact"
done

cat <<EOF
/* Made by scripts/page.sh. */
#define PAGE_SECURITY_POLICY \
	"default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-$(hash "$work/style.exact")'; " \
	"script-src 'sha256-$(hash "$work/script.exact")'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
EOF
echo 'static const unsigned char page_html[] = {'
od -An -v -tx1 "$work/page" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
echo '};'
