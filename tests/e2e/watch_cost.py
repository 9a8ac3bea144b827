#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What watch costs while one processor refuses all it can: no test, prints a table. As root; build/ must be made (make tests)."""
import json, os, pathlib, statistics, subprocess, tempfile, time

from net import BUILD, SERVER, Net, Sluice

SECONDS, ROUNDS = 3, 3
POLICY = "service smtp { ports = {25} }\nsource-set foes { prefixes = {192.0.2.0/24} action = deny }\n"


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def hammer(net, sluice):
    argv = [BUILD / "tests/datapath/hammer", sluice.instance, "192.0.2.9", SERVER, 25, SECONDS]
    return json.loads(net.run(net.server, *argv).stdout)


def watched(net, sluice):
    argv = net.enter(net.server, [BUILD / "sluicectl", "-i", sluice.instance, "watch"])
    with tempfile.TemporaryFile("w+") as out:
        watch = subprocess.Popen(argv, stdout=out)
        time.sleep(0.5)
        before = cpu(sluice.daemon.pid), cpu(watch.pid)
        got = hammer(net, sluice)
        after = cpu(sluice.daemon.pid), cpu(watch.pid)
        watch.terminate()
        watch.wait()
        out.seek(0)
        got["lines"] = len(out.readlines())
    got["daemon"], got["watch"] = ((b - a) / got["seconds"] * 100 for a, b in zip(before, after))
    return got


def main():
    net = Net()
    sluice = None
    try:
        with tempfile.TemporaryDirectory() as directory:
            sluice = Sluice(net, directory, POLICY)
            pairs = [(hammer(net, sluice), watched(net, sluice)) for _ in range(ROUNDS)]
            print(f"{'refusals a second':>18} {'unwatched ns':>13} {'watched ns':>11} {'ratio':>6} {'daemon cpu':>11} {'watch cpu':>10} {'lines':>6}")
            for off, on in pairs:
                rate = on["packets"] / on["seconds"]
                print(f"{rate:18.0f} {off['ns']:13} {on['ns']:11} {on['ns'] / off['ns']:6.2f} {on['daemon']:10.2f}% {on['watch']:9.2f}% {on['lines']:6}")
            print("median ratio of ns per refused packet, watched to not:", statistics.median(on["ns"] / off["ns"] for off, on in pairs))
            sluice.close()
            sluice = None
    finally:
        if sluice:
            sluice.close()
        net.close()


if __name__ == "__main__":
    main()
