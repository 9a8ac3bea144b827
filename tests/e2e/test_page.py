# SPDX-License-Identifier: BSD-2-Clause
"""The status page in a real browser. It leaves pictures in build/page-*.png to look at."""
import time

import pytest

import tools
import web
from net import BUILD, SERVER, wait_for

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


def test_page_shows_what_status_says_and_a_refusal_within_two_seconds(browser, make):
    net, sluice = make(POLICY)
    tools.serve(net, 25), tools.serve(net, 143)
    b = browser(net)
    b.look(1280, 900)
    b.open(PAGE)
    assert wait_for(lambda: b.text("#live") == "live" and field(b, "smtp", "admitted") == "0")
    held = [connect(net, f"10.77.0.{i}", 25, 4) for i in range(2, 5)]
    connect(net, "10.77.0.5", 143, 7)

    start = time.monotonic()
    connect(net, "10.77.0.2", 25, 3)
    assert wait_for(lambda: b.text('[data-reason="source-connections"] [data-field="total"]') == "2", 2 - (time.monotonic() - start))

    for s in sluice.json("status")["services"]:
        shown = b.run("return document.querySelector(arguments[0]).dataset.value", f'[data-service="{s["name"]}"] [data-field="connections"]')
        assert (int(shown), field(b, s["name"], "admitted"), field(b, s["name"], "refused")) == (
            s["connections"], str(s["admitted"]), str(s["refused"]))
    assert field(b, "smtp", "connections") == "13 of 40 (32 %)"
    assert b.text('[data-tile="generation"] dd') == "1" and b.text('[data-tile="geoip"] dd') == "none"
    assert b.text('[data-reason="source-rate"] [data-field="total"]') == "4"

    for count in (2, 5, 1):  # for the pictures: a line needs more than one point
        time.sleep(0.7)
        connect(net, "10.77.0.2", 25, count)
    for name, look in {"wide": (1280, 900), "wide-dark": (1280, 900, True), "phone": (390, 844, False, True), "phone-dark": (390, 844, True, True)}.items():
        b.look(*look)
        assert wait_for(lambda: b.run("return document.querySelector('canvas').clientWidth <= arguments[0]", look[0])), "the chart follows"
        assert b.run("return document.documentElement.scrollWidth") <= look[0], f"{name}: something sticks out"
        b.picture(BUILD / f"page-{name}.png")

    sluice.kill()
    assert wait_for(lambda: (b.text("#live") or "").startswith("no answer for"))
    sluice.start()
    assert wait_for(lambda: b.text("#live") == "live")
    assert {url for url in b.requests() if not url.startswith("data:")} == {PAGE, PAGE + "status.json"}
    assert [line for line in b.console() if "ERR_CONNECTION_REFUSED" not in line] == [], "only the daemon's absence is told"
    for h in held:
        h.finish()


def test_page_warns_in_words_and_says_what_observe_mode_would_refuse(browser, make):
    net, sluice = make("mode = observe\n" + POLICY)
    tools.serve(net, 25)
    b = browser(net)
    b.open(PAGE)
    held = connect(net, "10.77.0.2", 25, 8)
    assert wait_for(lambda: field(b, "smtp", "refused") == "3")
    assert b.text("#mode") == "observing: refuses nothing" and b.text("#refused-title") == "would refuse"
    assert b.text('[data-reason="source-connections"] [data-field="total"]') == "3"
    sluice.write("service smtp { ports = }\n")
    assert sluice.ctl("reload")[0] == 2
    net.run(net.server, "ip", "link", "set", "s0", "xdp", "off")
    assert wait_for(lambda: "last reload failed" in b.text("#warnings") and "s0 is detached" in b.text("#warnings"))
    assert b.console() == []
    held.finish()


def test_page_is_not_led_astray_by_what_others_put_into_it(browser, make):
    """The policy file's name is the one text on it that may hold anything."""
    net, sluice = make(POLICY)
    odd = sluice.file.with_name("<img src=x onerror=document.title='owned'>.conf")
    odd.write_text(sluice.file.read_text())
    sluice.do("apply", odd)
    b = browser(net)
    b.open(PAGE)
    assert wait_for(lambda: "<img" in (b.text("#about") or ""))
    assert b.run("return document.querySelectorAll('img').length") == 0 and b.console() == []
    b.run("const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; document.body.append(s)")
    assert b.run("return document.title") == "sluice", "the security policy stops what is not ours"
