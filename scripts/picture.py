#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""picture.py [FOLDER]: draws the status page as README.md shows it, light and dark, into FOLDER (default: docs). `make picture` calls it, as root.

A real daemon judges real connections in namespaces of its own for a minute, and Chromium draws its page. Only the day before that is made up:
the daemon reads it from a history file, as after a restart. In a folder other than docs it also leaves the whole page, and the page on a phone.
"""
import contextlib
import math
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import tools  # noqa: E402
import web  # noqa: E402
from net import SERVER, Net, Sluice, wait_for  # noqa: E402
from day_file import file_of, sealed  # noqa: E402

WIDTH, HEIGHT = 1200, 900  # of what README.md shows
SMALL = 150_000  # the most bytes that a picture may have
SECONDS = 60
HOUR = 15.3  # the hour of the day that the picture shows, wherever it is made
POLICY = """stop-grace = 5m
geoip { database = {/usr/share/tor/geoip, /usr/share/tor/geoip6, countries.csv} }
service smtp {
    ports = {25}
    max-connections = 400  max-connections-per-source = 20
}
service submission {
    ports = {465, 587}
    max-connections = 200  max-rate-per-source = 30/1m
}
service imaps {
    ports = {993}
    max-connections = 600  max-connections-per-source = 50
    allow-countries = {DE, AT, CH}
}
source-set drop-list { prefixes = {10.77.254.0/24}  action = deny }
"""
SERVICES = {"smtp": (25, 110, 400), "submission": (587, 60, 200), "imaps": (993, 330, 600)}  # port, held in the day's middle, limit
COUNTRIES = {"DE": 128, "AT": 160, "CH": 176, "FR": 192, "NL": 208, "SE": 224, "IT": 240}  # from 10.77.N.0 on


def countries():
    first = sorted(COUNTRIES.items(), key=lambda c: c[1])
    last = [n - 1 for _, n in first[1:]] + [253]
    return "".join(f"10.77.{n}.0,10.77.{end}.255,{name}\n" for (name, n), end in zip(first, last))


def wave(ago):
    """How busy a minute was, `ago` minutes before HOUR, from 0 to 1: a night, a morning peak, noon, an afternoon."""
    hour = (HOUR - ago / 60) % 24
    return 0.08 + 0.55 * math.exp(-((hour - 10) / 2.2) ** 2) + 0.45 * math.exp(-((hour - 15) / 2.6) ** 2) + 0.12 * math.exp(-((hour - 20.5) / 1.8) ** 2)


def day():
    """Makes a history file: an office day, bots that come and go, and a storm that lasted three quarters of an hour."""
    dice = random.Random(18)
    rows = {name: [] for name in SERVICES}
    for ago in range(1440):
        for name, (_, held, limit) in SERVICES.items():
            n = int(held * 2 * wave(ago) * dice.uniform(0.95, 1.05))
            storm = max(0, 1 - abs(ago - 416) / 22) if name == "smtp" else 0
            bots = dice.randrange(120, 220) + int(1800 * storm * dice.uniform(0.8, 1.2)) + (dice.randrange(300) if 800 < ago < 840 else 0)
            rows[name].append([n, min(limit, n + dice.randrange(4, 14) + int(limit * 2 * storm)), n + dice.randrange(40), 0,
                               bots if name == "smtp" else dice.randrange(6), dice.randrange(9), dice.randrange(30), dice.randrange(25) if name == "imaps" else 0, 0, 0])
    lines = f"sluice-history 1 {int(time.time())}\nknown 0 1440\n"
    for name in ("-", *SERVICES):
        lines += f"line {name} 0 0 0 0 0 0 0 0 0\n"
        for ago in range(1440):
            row = rows[name][ago] if name in rows else [sum(of) for of in zip(*(r[ago] for r in rows.values()))]
            lines += f"row {ago} {' '.join(map(str, row))}\n"
    return sealed(lines)


def source(country, i=1):
    return f"10.77.{COUNTRIES[country] + i // 250}.{i % 250 + 1}"


def people(net):
    """Opens connections that are let in, and stay. Returns the tools that hold them."""
    crowd = []
    for port, country, senders, count in ((25, "DE", 40, 90), (25, "FR", 12, 30), (587, "DE", 30, 50), (587, "CH", 10, 14), (993, "DE", 120, 260), (993, "AT", 30, 60), (993, "CH", 20, 44)):
        crowd.append(tools.hold(net, SERVER, port, count, f"{source(country)}+{senders}", processes=1, wait_ms=400)[0])
    return crowd


def storms(net, calm):
    """Opens connections that are refused, in waves of about a second, until `calm` is set."""
    dice, second = random.Random(7), 0
    while not calm.is_set():
        second, tools_now = second + 1, []
        bot = 7 + int(6 * math.sin(second / 5)) + dice.randrange(4)
        for port, sources, count in ((25, f"{source('SE', 9)}+1", bot + 12), (993, f"{source('NL', 3)}+6", 1 + dice.randrange(4)), (993, f"{source('IT', 3)}+3", dice.randrange(3)),
                                     (993, f"{source('FR', 8)}+3", dice.randrange(2)), (25, "10.77.254.1+20", 2 + dice.randrange(3)), (587, f"{source('IT', 5)}+1", 4 if second % 9 < 5 else 0)):
            if count:
                tools_now.append(tools.hold(net, SERVER, port, count, sources, processes=1, wait_ms=60)[0])
        for tool in tools_now:
            tool.finish()
        calm.wait(0.3)


def orders(sluice):
    sluice.do("set", "service", "smtp", "max-connections-per-source", "12", "--for", "2h")
    for i in range(37):
        sluice.do("ban", f"198.51.100.{i + 1}", "--for", "1h", "--by", "f2b-postfix")
    sluice.do("ban", "203.0.113.0/24", "--for", "1d", "--by", "anna", "--reason", "open relay test")


def zone():
    """Returns the time zone in which it is about HOUR now."""
    ahead = round((HOUR - time.time() / 3600) % 24)
    ahead -= 24 if ahead > 12 else 0
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def shoot(browser, folder, whole):
    """Takes the pictures of the documents; with `whole`, also those that are only for a look."""
    looks = {"status-light": (WIDTH, HEIGHT), "status-dark": (WIDTH, HEIGHT, True)}
    if whole:
        looks |= {"whole-light": (WIDTH, HEIGHT), "whole-dark": (WIDTH, HEIGHT, True), "phone-light": (390, 844, False, True), "phone-dark": (390, 844, True, True)}
    for name, look in looks.items():
        browser.look(*look)
        assert wait_for(lambda: browser.run("return document.querySelector('#day svg').clientWidth <= arguments[0] - 30", look[0])), "the graph follows"
        time.sleep(1.5)
        browser.picture(folder / f"{name}.png", "section:has(#services)" if name.startswith("status") else None)
        size = (folder / f"{name}.png").stat().st_size
        print(f"{folder / name}.png: {size} bytes")
        assert size < SMALL or not name.startswith("status"), "too large for a document"


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs").resolve()
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work, contextlib.closing(Net()) as net:
        net.tag = "picture"  # names the instance; the namespaces keep their names
        pathlib.Path(work, "countries.csv").write_text(countries())
        tools.any_source(net)
        with contextlib.closing(Sluice(net, work, POLICY)) as sluice:
            sluice.kill(signal.SIGTERM)
            file_of(sluice).write_text(day())
            sluice.start()
            for port, _, _ in SERVICES.values():
                tools.serve(net, port)
            calm = threading.Event()
            storm = threading.Thread(target=storms, args=(net, calm), daemon=True)
            browser = web.Browser(net, pathlib.Path(work) / "browser")
            try:
                browser.look(WIDTH, HEIGHT)
                browser.devtools("Emulation.setTimezoneOverride", timezoneId=zone())
                browser.open("http://127.0.0.1:9798/")
                held = people(net)
                orders(sluice)
                storm.start()
                time.sleep(SECONDS)
                shoot(browser, folder, folder != ROOT / "docs")
                assert browser.console() == []
            finally:
                calm.set()
                if storm.is_alive():
                    storm.join()
                browser.close()
            for tool in held:
                tool.finish()


main()
