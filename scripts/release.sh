#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# release.sh VERSION: makes a release of what is committed here: it writes the version in its four places, runs the checks, builds the
# package and its bill of materials, commits and tags. It pushes nothing. If a step fails, or somebody ends it, all is as it was.
set -eu
cd "$(dirname "$0")/.."
refuse() { echo "release.sh: $*" >&2; exit 2; }

version=${1:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || refuse "'$version' is not a version: write three numbers, as in make release VERSION=1.0.0"
[ -z "$(git status --porcelain)" ] || refuse "something is not committed: git status shows it; commit it, or put it aside"
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || refuse "v$version is released already: take the next number"
grep -qx '## Unreleased' CHANGES.md || refuse "CHANGES.md has no '## Unreleased': write what has changed under it"

began=$(git rev-parse HEAD)
undo() { git reset -q --hard "$began" && echo "release.sh: it failed, and all files and commits are as they were" >&2; }
trap undo EXIT # whether a step fails, or a signal ends it
sed -i "s/^#define SLUICE_VERSION .*/#define SLUICE_VERSION \"$version\"/" userspace/core/base/protocol.h
sed -i "s/^## Unreleased$/## $version/" CHANGES.md
day=$(LC_ALL=C date -u '+%a %b %d %Y')
sed -i "s/^Version: .*/Version:        $version/; s/^%changelog$/&\n* $day sluice maintainers <maintainers@sluice.example> - $version-1\n- CHANGES.md tells what is new.\n/" \
	dist/rpm/sluice.spec
{
	printf 'sluice (%s) unstable; urgency=medium\n\n  * /usr/share/doc/sluice/CHANGES.md tells what is new.\n\n' "$version"
	printf ' -- sluice maintainers <maintainers@sluice.example>  %s\n\n' "$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S +0000')"
	cat dist/debian/changelog
} >build/changelog
cp build/changelog dist/debian/changelog
make check
git commit -qam "release: $version"
make deb
scripts/sbom.py build/sluiced build/sluicectl build/sluice-fleet >"build/deb/sluice_$version.spdx.json"
git tag -a "v$version" -m "sluice $version"
trap - EXIT
echo "v$version is made here, and nothing is pushed. What goes out is in build/deb; then: git push --follow-tags"
