# SPDX-License-Identifier: BSD-2-Clause
"""sluice-fleet carries records and the list of hosts, and the test plays sluiced: which record a store keeps, and how long a list may be."""
import fleet
from fleet import SPACE, Record

HOSTS = 256


def test_of_two_records_of_the_same_microsecond_the_store_keeps_the_one_that_all_hosts_choose(place):
    """Hosts compare the seals, as bytes; the store compared what is before the seal, too, in the order of its own language."""
    place.server()
    h = place.host("mx1", bans=True)
    for number, (less, more) in enumerate(((b"\1", b"\2"), (b"\x7f", b"\x80"), (b"\0", b"\xff"), (b"B", b"a"))):
        about = bytes([number]) * 16
        pair = [Record(about, 1700000000000000, 4000000002 - i, seal * 256) for i, seal in enumerate((less, more))]
        for order in (pair, list(reversed(pair)), pair):
            for record in order:
                h.put(record)
        h.put(Record(about[:15] + b"e", 1700000000000000, 0, b"e" * 256))
        assert h.until(lambda: any(r.id == about[:15] + b"e" for r in h.records))
        assert [r for r in h.records if r.id == about][-1] == pair[1], number


CROWD = """
local ends, names = 4000000000000, tonumber(ARGV[1])
for i = 1, names do
  local name = string.format('%064d', i)
  redis.call('zadd', KEYS[1], ends, name)
  redis.call('hset', KEYS[2], '@' .. name, ARGV[2])
end
return names
"""


def test_256_hosts_with_the_longest_names_of_which_each_has_other_limits_are_listed(place):
    server = place.server()
    h = place.host("mx1")
    says = lambda value: " ".join(f"{key:016x}={value:016x}" for key in range(4))
    h.send(fleet.POLICY, says(1).encode())
    crowd = server.cli("eval", CROWD, 2, f"sluice:{{{SPACE}}}:hosts", f"sluice:{{{SPACE}}}:epoch", HOSTS - 1, says(2))
    assert int(crowd) == HOSTS - 1
    assert h.until(lambda: len(h.hosts) == HOSTS and len(h.hosts[-1]["differs"]) == 4), (len(h.hosts), h.state)
    h.seen.clear()
    h.drain(1.5)
    assert h.seen and all(s.connected and s.hosts == HOSTS and not s.error for s in h.seen)
