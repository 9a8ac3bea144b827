#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""sbom.py PROGRAM...: prints a bill of materials (SPDX 2.3, JSON) of these programs: sluice itself, the libraries that they load, each with
the Debian package and version that it comes from here, and what is built in. `make release` calls it."""
import json
import pathlib
import re
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT_IN = [  # name, version, licence, where from
    ("uPlot", "1.6.32", "MIT", "https://github.com/leeoniya/uPlot"),
]


def said(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def libraries(programs):
    """{name: file} of the libraries that the programs name themselves."""
    names = {n for p in programs for n in re.findall(r"NEEDED.*\[(.*)\]", said("readelf", "-d", p))}
    loaded = {n: path for p in programs for n, path in re.findall(r"^\s+(\S+) => (\S+)", said("ldd", p), re.M)}
    return {name: loaded[name] for name in sorted(names)}


def package_of(path):
    """(name, version) of the Debian package that a file belongs to; with a merged /usr, dpkg may know it by its old name."""
    for path in (path, path.removeprefix("/usr"), "/usr" + path, str(pathlib.Path(path).resolve())):
        found = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True)
        if not found.returncode:
            name = found.stdout.split(":")[0]
            return name, said("dpkg-query", "-W", "-f", "${Version}", name)
    sys.exit(f"sbom.py: no package has {path}")


def package(name, version, licence, where):
    return {
        "name": name,
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
        "versionInfo": version,
        "downloadLocation": where,
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    version = re.search(r'SLUICE_VERSION "(.*)"', (ROOT / "userspace/core/base/protocol.h").read_text())[1]
    sluice = package("sluice", version, "BSD-2-Clause AND (GPL-2.0-only OR BSD-2-Clause)", "NOASSERTION")
    linked = {package_of(path) for path in libraries(sys.argv[1:]).values()}
    parts = [package(n, v, "NOASSERTION", f"https://packages.debian.org/{n}") for n, v in sorted(linked)]
    parts += [package(*part) for part in BUILT_IN]
    relation = lambda a, kind, b: {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
    built_in = {name for name, *_ in BUILT_IN}
    print(json.dumps({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"sluice-{version}",
        "documentNamespace": f"https://sluice.example/spdx/{uuid.uuid4()}",
        "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "creators": ["Tool: sluice-sbom"]},
        "packages": [sluice, *parts],
        "relationships": [relation("SPDXRef-DOCUMENT", "DESCRIBES", sluice["SPDXID"])] + [
            relation(sluice["SPDXID"], "CONTAINS" if p["name"] in built_in else "DYNAMIC_LINK", p["SPDXID"]) for p in parts],
    }, indent=1))


main()
