# SPDX-License-Identifier: BSD-2-Clause
"""The file in which sluiced keeps the last day (userspace/core/memory/history_keep.h), and one of a day that never was."""
import time, zlib


def file_of(sluice):
    return sluice.state / f"{sluice.instance}.history"


def sealed(lines):
    return lines + f"end {zlib.crc32(lines.encode()):08x}\n"


def day(saved=None, minutes=1440, services=("smtp", "imap")):
    """Returns a file of a made-up day: a wave of connections, refusals now and then, and a storm in the evening."""
    lines = f"sluice-history 1 {int(saved or time.time())}\nknown 0 {minutes}\n"
    for share, name in enumerate(("-", *services)):
        lines += f"line {name} 0 0 0 0 0 0 0 0 0\n"
        for ago in range(minutes):
            n = max(1, (720 - abs(720 - ago)) // (6 * (share or 0.7)).__ceil__())
            lines += f"row {ago} {n} {n + 3} {n * 2} 0 {n // 9} {n // 30 + (2 * n if 380 < ago < 430 else 0)} {n // 12 if ago % 60 < 9 else 0} 0 0 0\n"
    return sealed(lines)
