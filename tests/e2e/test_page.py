# SPDX-License-Identifier: BSD-2-Clause
"""The status page in a real browser. The tests leave pictures of it in build/page-*.png."""
import signal
import time

import pytest

import tools
import web
from net import BUILD, SERVER, wait_for
from day_file import day, file_of

PAGE = "http://127.0.0.1:9798/"
POLICY = ("service smtp { ports = {25} max-connections = 40 max-connections-per-source = 5 on-excess = reset }\n"
          "service imap { ports = {143, 993} max-rate-per-source = 3/1h on-excess = reset }\n")


@pytest.fixture
def browser(tmp_path, make):
    """browser(net) -> web.Browser, closed before the network goes."""
    opened = []

    def build(net):
        opened.append(web.Browser(net, tmp_path / "browser"))
        return opened[-1]

    yield build
    for b in opened:
        b.close()


def field(browser, service, name):
    return browser.text(f'[data-service="{service}"] [data-field="{name}"]')


def connect(net, source, port, count):
    return tools.hold(net, SERVER, port, count, source, processes=1, wait_ms=300)[0]


def fits(browser, width, name):
    assert browser.run("return document.documentElement.scrollWidth") <= width, f"{name}: something sticks out"


def shape(browser, part):
    """Returns where a line of the last day begins and ends, in pixels of its picture, and how high it is."""
    box = browser.run("const b = document.querySelector(arguments[0]).getBBox(); return [b.x, b.x + b.width, b.height]", f"#day .{part}")
    return [round(n) for n in box]


def test_page_shows_the_last_day_at_once_after_a_reload_of_the_page_and_of_the_daemon(browser, make):
    net, sluice = make(POLICY)
    sluice.kill(signal.SIGTERM)
    file_of(sluice).write_text(day())
    sluice.start()
    told, sums = sluice.json("history")["rows"], lambda rows: (str(sum(r["admitted"] for r in rows)), str(sum(sum(r["refused"].values()) for r in rows)))
    peak = max(r["peak"] for r in told)
    b = browser(net)
    b.look(1280, 900)
    b.open(PAGE)
    assert wait_for(lambda: b.text('[data-day="peak"]') == str(peak))
    shown = tuple(b.text(f'[data-day="{what}"]').replace(",", "") for what in ("admitted", "refused"))
    assert shown in (sums(told), sums(sluice.json("history")["rows"])), "the sums are those just before or just after the page was asked for"
    assert f"at most {peak} connections at once" in b.run("return document.querySelector('#day svg').getAttribute('aria-label')")
    assert f"peak {peak} in a day" in b.text('[data-tile="connections"]')
    whole = b.run("return document.querySelector('#day svg').clientWidth")
    for part in ("peak", "held", "admitted", "refused"):
        left, right, high = shape(b, part)
        assert left <= 60 and right >= whole - 12 and high > 10, f"{part}: the line covers the whole day, and is not flat"
    b.run("const s = document.querySelector('#day-of'); s.value = 'imap'; s.dispatchEvent(new Event('change'))")
    of = max(r["peak"] for r in sluice.json("history", "--service", "imap")["rows"])
    assert of < peak and wait_for(lambda: b.text('[data-day="peak"]') == str(of))
    b.open(PAGE)
    assert wait_for(lambda: b.text('[data-day="peak"]') == str(peak)), "the page keeps nothing itself"
    sluice.do("set", "service", "smtp", "max-connections", "60", "--for", "1h")
    for owner, count in (("f2b-postfix", 3), ("anna", 1)):
        for i in range(count):
            sluice.do("ban", f"192.0.2.{count * 10 + i}", "--by", owner)
    assert wait_for(lambda: b.text('[data-owner="anna"] td') == "1" and b.text("[data-live]"))
    for name, look in {"wide": (1280, 900), "wide-dark": (1280, 900, True), "phone": (390, 844, False, True), "phone-dark": (390, 844, True, True)}.items():
        b.look(*look)
        assert wait_for(lambda: b.run("return document.querySelector('#day svg').clientWidth <= arguments[0] - 30", look[0])), "the graph follows"
        fits(b, look[0], name)
        b.picture(BUILD / f"page-day-{name}.png")
    assert b.console() == []


def test_page_shows_gaps_as_gaps(browser, make):
    net, sluice = make(POLICY)
    sluice.kill(signal.SIGTERM)
    file_of(sluice).write_text(day(time.time() - 6 * 3600))
    sluice.start()
    b = browser(net)
    b.look(1280, 900)
    b.open(PAGE)
    assert wait_for(lambda: b.run("return document.querySelectorAll('#day .peak').length"))
    assert b.run("return document.querySelector('#day .peak').getAttribute('d').split('M').length - 1") == 2, "one line before the gap, one after it"


def test_page_shows_what_is_set_live_bans_by_owner_and_the_last_change_without_an_address(browser, make):
    net, sluice = make("privacy { addresses = full }\nsource-set foes { prefixes = {10.77.1.0/24} action = deny }\n" + POLICY)
    b = browser(net)
    b.open(PAGE)
    assert wait_for(lambda: b.text("#set-live") == "Nothing: the policy is as its files say." and b.text("#bans") == "Nobody is banned.")
    assert "as read at the start" in b.text('[data-tile="generation"]') and "up " in b.text("#instance")
    assert b.run("return document.querySelector('#full').hidden"), "the page shows tables only if they are near full"
    sluice.do("set", "service", "smtp", "max-connections", "60", "--for", "1h")
    sluice.do("set", "source-set", "foes", "prefixes", "{10.77.2.0/24, fd77:0:9::/48}")
    sluice.do("limit", "10.77.0.9", "max-connections-per-source", "50", "--service", "smtp")
    for source in ("10.77.0.7", "10.77.0.8"):
        sluice.do("ban", source, "--by", "f2b-postfix", "--reason", f"loud from {source}")
    sluice.do("ban", "10.77.0.8", "--by", "anna")
    assert wait_for(lambda: b.text('[data-owner="f2b-postfix"] td') == "2" and b.text('[data-owner="anna"] td') == "1")
    live = b.text("#set-live")
    assert "service smtp: max-connections60the file: 40; by root" in live and "1 hour more" in live.replace("59 minutes more", "1 hour more").replace("60 minutes more", "1 hour more"), live
    assert "source-set foes: prefixesaddresses" in live and "one sender at smtp: max-connections-per-source50" in live and "until the next reload" in live
    assert "limit by root" in b.text('[data-tile="generation"]')
    said = b.run("return document.body.textContent")
    assert not [a for a in ("10.77.0.", "10.77.1.", "10.77.2.", "fd77:0:9") if a in said]
    sluice.do("ban", "10.77.0.6")
    time_of = lambda: b.text('[data-tile="generation"]')
    assert wait_for(lambda: b.text('[data-owner="uid:0"] td') == "1") and "limit by root" in time_of(), "a ban is no change of the policy"
    sluice.do("reload")
    assert wait_for(lambda: "reload by root" in time_of() and b.text("#set-live").startswith("Nothing"))
    sluice.daemon.send_signal(signal.SIGHUP)
    assert wait_for(lambda: "reload by a signal" in time_of())
    assert b.console() == []


def test_page_shows_what_status_says_and_a_refusal_by_itself(browser, make):
    net, sluice = make(POLICY)
    tools.serve(net, 25), tools.serve(net, 143)
    b = browser(net)
    b.look(1280, 900)
    b.open(PAGE)
    assert wait_for(lambda: b.text("#live") == "live" and field(b, "smtp", "admitted") == "0")
    held = [connect(net, f"10.77.0.{i}", 25, 4) for i in range(2, 5)]
    connect(net, "10.77.0.5", 143, 7)

    connect(net, "10.77.0.2", 25, 3)
    assert wait_for(lambda: b.text('[data-reason="source-connections"] [data-field="total"]') == "2")

    for s in sluice.json("status")["services"]:
        shown = b.run("return document.querySelector(arguments[0]).dataset.value", f'[data-service="{s["name"]}"] [data-field="connections"]')
        assert (int(shown), field(b, s["name"], "admitted"), field(b, s["name"], "refused")) == (
            s["connections"], str(s["admitted"]), str(s["refused"]))
    assert field(b, "smtp", "connections") == "13 of 40 (32 %)"
    assert b.text('[data-tile="generation"] dd') == "1" and b.text('[data-tile="geoip"] dd') == "none"
    assert b.text('[data-reason="source-rate"] [data-field="total"]') == "4"
    assert wait_for(lambda: field(b, "smtp", "peak") == "13"), "the day's peak is next to the present number"

    for count in (2, 5, 1):  # for the pictures, since a line needs more than one point
        time.sleep(0.7)
        connect(net, "10.77.0.2", 25, count)
    for name, look in {"wide": (1280, 900), "wide-dark": (1280, 900, True), "phone": (390, 844, False, True), "phone-dark": (390, 844, True, True)}.items():
        b.look(*look)
        assert wait_for(lambda: b.run("return document.querySelector('canvas').clientWidth <= arguments[0]", look[0])), "the chart follows"
        fits(b, look[0], name)
        b.picture(BUILD / f"page-{name}.png")

    sluice.kill()
    assert wait_for(lambda: (b.text("#live") or "").startswith("no answer for"))
    sluice.start()
    assert wait_for(lambda: b.text("#live") == "live")
    assert {url for url in b.requests() if not url.startswith("data:")} == {PAGE, PAGE + "status.json", PAGE + "history.json"}
    assert [line for line in b.console() if "ERR_CONNECTION_REFUSED" not in line] == [], "the console reports only the daemon's absence"
    for h in held:
        h.finish()


def test_page_warns_in_words_and_says_what_observe_mode_would_refuse(browser, make):
    net, sluice = make("mode = observe\n" + POLICY)
    tools.serve(net, 25)
    b = browser(net)
    b.open(PAGE)
    held = connect(net, "10.77.0.2", 25, 8)
    assert wait_for(lambda: field(b, "smtp", "refused") == "3")
    assert b.text("#mode") == "observing: only live bans refuse" and b.text("#refused-title") == "would refuse"
    assert b.text('[data-reason="source-connections"] [data-field="total"]') == "3"
    sluice.write("service smtp { ports = }\n")
    assert sluice.ctl("reload")[0] == 2
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "off")
    assert wait_for(lambda: "last reload failed" in b.text("#warnings") and "s0 is detached" in b.text("#warnings"))
    assert b.console() == []
    held.finish()


def test_page_is_not_led_astray_by_what_others_put_into_it(browser, make):
    """The name of the policy file is the one text on the page that may have any characters."""
    net, sluice = make(POLICY)
    odd = sluice.file.with_name("<img src=x onerror=document.title='owned'>.conf")
    odd.write_text(sluice.file.read_text())
    sluice.do("apply", odd)
    b = browser(net)
    b.open(PAGE)
    assert wait_for(lambda: "<img" in (b.text("#about") or ""))
    assert b.run("return document.querySelectorAll('img').length") == 0 and b.console() == []
    b.run("const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; document.body.append(s)")
    assert b.run("return document.title") == "sluice", "the content security policy stops scripts of others"
