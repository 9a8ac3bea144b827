#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks that the RPM package (dist/rpm/sluice.spec) is fit for a host. Debian's rpmbuild builds it from the files that git tracks; rpmlint
# finds nothing; it has the files of `make install`; and in a bare Debian 12 tree, under its systemd, it is installed, runs by its unit and
# is removed (rpm-life.sh). Debian stands in for Fedora and openSUSE, so the names of packages there are not tested. Needs root, and heeds
# MIRROR=URL, KEEP=1 and RPM=FILE (a package that was built before). The last line is: N passed, N failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/tree.sh
top=$PWD/build/rpm version=$(sed -n 's/^Version: *//p' dist/rpm/sluice.spec)

for tool in rpmbuild rpmlint; do
	command -v $tool >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rpm rpmlint >/dev/null
done

if [ -z "${RPM:-}" ]; then
	echo "== the package"
	rm -rf "$top"
	mkdir -p "$top/SOURCES"
	git ls-files -z | tar --null --no-recursion --transform "s,^,sluice-$version/," -czf "$top/SOURCES/sluice-$version.tar.gz" -T -
	# --nodeps, because rpm knows neither Debian's packages, from which it is built, nor systemd's macros
	rpmbuild -ba --nodeps --define "_topdir $top" --define '_unitdir /usr/lib/systemd/system' --define '_sysusersdir /usr/lib/sysusers.d' \
		--define '_tmpfilesdir /usr/lib/tmpfiles.d' dist/rpm/sluice.spec >"$top/log" 2>&1 || { tail -20 "$top/log"; exit 1; }
	RPM=$(echo "$top"/RPMS/*/sluice-"$version"-*.rpm)
fi
sha256sum "$RPM"

echo "== rpmlint"
rpmlint -c scripts/rpmlint.toml dist/rpm/sluice.spec "$RPM" "${top}"/SRPMS/*.rpm

echo "== its life"
tree_make iproute2,procps,systemd,rpm
mkdir -p "$tree/root/deb"
cp "$RPM" "$tree/root/deb/sluice.rpm"
cp scripts/shows.sh scripts/rpm-life.sh "$tree/root/deb/"
inside apt-get update -qq
# The libraries come from Debian, as they do here.
libraries=$(rpm -qp --requires "$RPM" | sed -n 's/^\(lib[^()]*\.so[^()]*\)(.*/\1/p' | grep -v '^libc\.so' | sort -u | while read -r file; do dpkg -S "*/$file"; done | cut -d: -f1 | sort -u)
# shellcheck disable=SC2086 # a list of words
tree_install tor-geoipdb $libraries
boot bash /root/deb/rpm-life.sh
