# SPDX-License-Identifier: BSD-2-Clause
"""Gives a test network's client real addresses of real countries, from Debian's tables."""
import functools
import ipaddress

from net import SERVER, SERVER6

TABLES = {4: "/usr/share/tor/geoip", 6: "/usr/share/tor/geoip6"}


@functools.cache
def address_of(country, family=4):
    """Returns an address in the middle of the first large range of the country."""
    with open(TABLES[family], encoding="utf-8") as table:
        for line in table:
            first, _, rest = line.strip().partition(",")
            last, _, where = rest.partition(",")
            if where != country:
                continue
            low, high = (int(first), int(last)) if family == 4 else (int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last)))
            if high - low >= 1023:
                return str(ipaddress.ip_address((low + high) // 2) if family == 4 else ipaddress.IPv6Address((low + high) // 2))
    raise LookupError(country)


def come_from(net, *countries):
    """Gives the client an address of each family in each country, and the server the way back. Returns {country: (IPv4, IPv6)}."""
    places = {}
    for country in countries:
        places[country] = tuple(address_of(country, family) for family in (4, 6))
        for address, bits, gate in zip(places[country], (32, 128), ("10.77.0.2", "fd77:0:1::2")):
            net.addresses(net.client, "c0", f"{address}/{bits}")
            net.run(net.server, "ip", "route", "add", f"{address}/{bits}", "via", gate)
    return places


def target(address):
    return SERVER6 if ":" in address else SERVER
