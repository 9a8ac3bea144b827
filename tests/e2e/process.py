# SPDX-License-Identifier: BSD-2-Clause
"""sluiced and its keeper as processes, and their control socket without sluicectl in between."""
import contextlib, json, pathlib, socket


def status_of(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def keeper_of(pid):
    (child,) = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def socket_of(sluice):
    return f"/run/sluice/{sluice.instance}.sock"


def ask(path, said, timeout=30):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.settimeout(timeout)
        with contextlib.suppress(BrokenPipeError):  # sluiced may refuse the client before it has asked
            s.sendall(said)
        return json.loads(s.makefile().readline())
