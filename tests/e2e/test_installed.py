# SPDX-License-Identifier: BSD-2-Clause
"""Countries of connections are counted by databases that are only installed (tor-geoipdb), when the policy names neither a country nor a database."""
import pytest

import tools
import web
import world

SMTP = "service smtp { ports = {25} on-excess = reset max-connections-per-source = 9 }\n"
COUNTING = SMTP + "geoip { count-countries = true }\n"


@pytest.fixture
def met(make):
    """A host to which two countries connect, once each; its policy does not mention countries."""
    net, sluice = make(COUNTING)
    places = world.come_from(net, "DE", "BR")
    tools.serve(net, 25)

    def connect():
        for sources in places.values():
            for source in sources:
                hold, first = tools.hold(net, world.target(source), 25, 1, source, processes=1)
                assert first["greeted"] == 1
                hold.finish()

    connect()
    return net, sluice, connect


def counted(sluice):
    return {c["country"]: c["admitted"] for c in sluice.service()["countries"] or []}


def test_installed_databases_count_countries_even_if_no_rule_names_one(met):
    net, sluice, connect = met
    assert counted(sluice) == {"DE": 2, "BR": 2}
    assert 'sluice_country_admitted_total{service="smtp",country="DE"} 2' in web.request(net.server, 9798, "/metrics")[2]
    suggested = sluice.json("suggest")["services"][0]["countries"]
    assert suggested["admitted"] == 4, suggested
    assert [f["path"] for f in sluice.json("geo", "status")["databases"]] == list(world.TABLES.values())
    assert sluice.json("geo", "update")["changed_countries"] == 0
    assert "count-countries" not in sluice.do("dump"), "it is the default"
    sluice.write("geoip { count-countries = false }\n" + SMTP)
    sluice.do("reload")
    connect()
    assert sluice.json("geo", "status")["databases"] == [] and sluice.json("suggest")["services"][0]["countries"] is None
    assert "install tor-geoipdb" in sluice.do("suggest")
    assert "nothing to update" in sluice.ctl("geo", "update")[2]
    sluice.write(COUNTING)
    sluice.do("reload")
    connect()
    assert counted(sluice) == {"DE": 4, "BR": 4}, "connections that came while no database was in force are not counted"


def test_policy_that_does_not_mention_countries_counts_them(make):
    _, sluice = make(COUNTING)
    sluice.file.write_text("interfaces = {s0}\n" + SMTP)
    sluice.do("reload")
    assert sluice.json("geo", "status")["databases"]
    assert "0 added, 0 changed, 0 removed" in sluice.do("reload")


def test_databases_that_nobody_asked_for_prevent_no_start(make, tmp_path):
    """A mount that only the daemon has replaces the installed file, first by one that is no database, then by one that looks torn."""
    net, sluice = make(COUNTING)
    assert sluice.json("geo", "status")["databases"]
    (tmp_path / "spoilt").write_text("this is no database\n" * 9)
    (tmp_path / "torn").write_text("16777216,16777471,AU\n")
    for name, said in (("spoilt", "not counted by country"), ("torn", "")):
        sluice.kill()
        for kept in sluice.state.iterdir():
            kept.unlink()
        mount = 'mount --bind "$0" /usr/share/tor/geoip; exec "$@"'
        sluice.start(["unshare", "--mount", "--propagation", "slave", "sh", "-ec", mount, tmp_path / name])
        assert said in sluice.logged()
        databases = sluice.json("geo", "status")["databases"]
        assert databases == [] if said else databases[0]["ipv4"] == 1
