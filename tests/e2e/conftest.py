# SPDX-License-Identifier: BSD-2-Clause
"""The fixtures that the e2e tests share: networks of namespaces and a running sluice, a store for sluice-fleet. In a guest a failure is printed at once."""
import pytest

import fleet
from net import VM, Net, Sluice


def pytest_runtest_logreport(report):
    """Prints a failure at once, because a guest may be gone before pytest sums up."""
    if VM and report.failed:
        print(f"\n{report.nodeid}\n{report.longreprtext}", flush=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Sets item.failed, since pytest does not tell fixtures whether their test failed."""
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed


@pytest.fixture
def make(tmp_path):
    """make(policy, rtt=0) -> (net, sluice). Both are removed after the test, even if it failed."""
    made = []

    def build(policy, rtt=0):
        net = Net(rtt)
        made.append(net)
        sluice = Sluice(net, tmp_path, policy)
        made.append(sluice)
        return net, sluice

    yield build
    problem = None
    for thing in reversed(made):
        try:
            thing.close()
        except BaseException as e:  # the others must still be closed
            problem = problem or e
    if problem:
        raise problem


@pytest.fixture
def place(tmp_path):
    """A namespace for a store and programs that talk to it."""
    p = fleet.Place(tmp_path)
    yield p
    p.close()
