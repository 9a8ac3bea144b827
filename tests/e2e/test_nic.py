# SPDX-License-Identifier: BSD-2-Clause
"""Real drivers, with two joined interfaces of each: sluice uses native XDP if the driver has it, otherwise generic XDP with a clear message."""
import contextlib
import os

import pytest

from net import BUILD, SERVER, SERVER6, VM, Net, Sluice, needs, sh, wait_for
from pressure import PRESSED, press

TWO = "service smtp { ports = {25} max-connections-per-source = 2 on-excess = reset }\n"
NATIVE = {"virtio_net": (5, 0), "vmxnet3": (6, 6), "e1000e": None}  # the first Linux in which the driver has native XDP; None: not yet


def has_native(driver):
    release = tuple(int(n) for n in os.uname().release.split(".")[:2])
    return NATIVE[driver] is not None and release >= NATIVE[driver]


def interfaces_of(driver):
    """Returns the driver's interfaces in this namespace. Only a virtual machine made for this test has two."""
    names = [n for n in sorted(os.listdir("/sys/class/net")) if os.path.exists(f"/sys/class/net/{n}/device/driver")]
    return [n for n in names if os.path.basename(os.readlink(f"/sys/class/net/{n}/device/driver")) == driver]


@pytest.fixture(params=NATIVE)
def driver(request):
    return request.param


@pytest.fixture
def net(driver):
    nics = interfaces_of(driver) if VM else []
    needs(len(nics) == 2, f"two joined interfaces of {driver}, in a virtual machine (make test-kernels)")
    with contextlib.closing(Net(nics=nics)) as net:
        assert wait_for(lambda: net.run(net.client, "ping", "-c1", "-W1", SERVER, check=False).returncode == 0, 30)
        yield net


def test_limits_and_cookies_hold_in_the_mode_that_the_driver_has(net, driver, tmp_path):
    with contextlib.closing(Sluice(net, tmp_path, PRESSED + TWO)) as sluice:
        mode = "native" if has_native(driver) else "generic"
        assert sluice.json("status")["interfaces"][0]["xdp_mode"] == mode
        assert ("interface s0: the driver refuses native XDP" in sluice.logged()) == (mode == "generic")
        net.serve("::", 25)
        h = net.hold("10.77.0.2")
        h("open", 5)
        assert h.greeted(2) and h.settle()["greeted"] == 2
        assert h("count")["refused"] == 3, "the gate sends RSTs itself, and they arrive"
        press(net, sluice)
        for source, target in (("10.77.0.3", SERVER), ("fd77:0:1::2", SERVER6)):
            h = net.hold(source, target)
            h("open", 2)
            assert h.greeted(2)
        assert sluice.reason("cookie-valid", "connections") >= 4
        assert wait_for(lambda: sluice.connections() == net.established() == 6)


def test_native_alone_is_refused_if_the_driver_does_not_have_it(net, driver, tmp_path):
    if has_native(driver):
        pytest.skip("this driver has it")
    file = tmp_path / "sluice.conf"
    file.write_text("xdp-mode = native\ninterfaces = {s0}\n" + TWO)
    done = net.run(net.server, BUILD / "sluiced", "-c", file, "-i", net.tag, check=False)
    assert done.returncode == 1 and "xdp-mode = auto" in done.stderr, done.stderr
    assert "the driver refuses native XDP" in done.stderr or "the driver has no native mode" in done.stderr, done.stderr
    assert "xdp" not in net.run(net.server, "ip", "link", "show", "s0").stdout
    sh(BUILD / "sluicectl", "-i", net.tag, "unload", check=False)
