/* SPDX-License-Identifier: BSD-2-Clause */
/* Says how full the tables are, without walking through any of them. */
#include <string.h>

#include "internal.h"
#include "registry.h"
#include "tables.h"

/* Each connection and each handshake holds a slot of its service, so the services' counters know how many there are. */
static int slots_read(const struct engine *e, uint64_t *held, uint64_t *reserved)
{
	struct sluice_counter counter;
	uint64_t sum = 0, of_these = 0;
	__u32 id;
	int err;

	for (id = 1; id < SLUICE_MAX_SERVICES; id++) {
		err = bpf_map_lookup_elem(e->map[MAP_totals], &id, &counter);
		if (err)
			return err;
		sum += counter.held;
		of_these += counter.reserved;
	}
	*held = sum;
	*reserved = of_these;
	return 0;
}

static uint64_t capacity_of(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.max_entries;
}

int usage_read(const struct engine *e, __u32 slot, struct snapshot *s)
{
	uint64_t held, networks, rates;
	__u64 no_room[SLUICE_TABLES];
	int err;

	err = tally_read(e, SLUICE_TALLY_SOURCES, &s->sources_tracked);
	if (!err)
		err = tally_read(e, SLUICE_TALLY_NETWORKS, &networks);
	if (!err)
		err = tally_read(e, SLUICE_TALLY_RATES, &rates);
	if (!err)
		err = slots_read(e, &held, &s->reservations);
	if (!err)
		err = percpu_sums(e->map[MAP_no_room], 0, SLUICE_TABLES, 1, no_room);
	if (err)
		return err;
	const struct map_usage usage[MAP_USAGES] = {
		{ "sources", s->sources_tracked, capacity_of(e->map[MAP_sources]), no_room[SLUICE_TABLE_SOURCES] },
		{ "reservations", s->reservations, SLUICE_MAX_HANDSHAKES, no_room[SLUICE_TABLE_HANDSHAKES] },
		{ "live_bans", e->live_count[LIVE_BAN], SLUICE_MAX_LIVE, 0 },
		{ "live_allows", e->live_count[LIVE_ALLOW], SLUICE_MAX_LIVE, 0 },
		{ "services", registry_count(e->registry, 1, SLUICE_MAX_SERVICES), SLUICE_MAX_SERVICES - 1, 0 },
		{ "totals", registry_count(e->registry, 1, SLUICE_MAX_TOTALS), SLUICE_MAX_TOTALS - 1, 0 },
		{ "listeners", e->committed[slot].listeners, SLUICE_MAX_LISTENERS, 0 },
		{ "classes", e->committed[slot].classes, SLUICE_MAX_CLASSES, 0 },
		{ "rules", e->committed[slot].rules, SLUICE_MAX_RULES, 0 },
		{ "tries", e->committed[slot].pages, SLUICE_TRIE_NODE / SLUICE_TRIE_CELLS, 0 },
		{ "networks", networks, capacity_of(e->map[MAP_networks]), no_room[SLUICE_TABLE_NETWORKS] },
		{ "rates", rates, capacity_of(e->map[MAP_rates]), no_room[SLUICE_TABLE_RATES] },
		{ "connections", held - s->reservations, capacity_of(e->map[MAP_connections]), 0 },
	};
	memcpy(s->usage, usage, sizeof(usage));
	return 0;
}
