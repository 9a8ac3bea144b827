/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a limit's counter holds for sure, and by which key the store knows it: see fleet_tables.h. Unanswered handshakes are nothing sure:
 * what a spoofer makes of them here takes nothing from the other hosts.
 */
#include <errno.h>

#include "fleet_state.h"

int fleet_counter_key(const struct fleet_tables *t, const struct fleet_counter *c, __u64 *key)
{
	char name[SLUICE_TOTAL_NAME_LEN] = "";
	__u32 at = c->level == SLUICE_FLEET_SET ? c->total : c->of.service;
	int err = bpf_map_lookup_elem(t->engine->map[MAP_names], &at, name);

	if (err || !*name)
		return err ? err : -ENOENT;
	*key = fleet_key(t->row->secret, fleet_name(name), &c->of.addr, c->of.bits, c->level, c->rate, c->seconds);
	return 0;
}

/* Returns the sum of the running bucket and the 20 before it, as in bpf/charge/window.bpf.h. `epoch` is the present one. */
static __u32 window_sum_at(const struct sluice_window *w, __u64 epoch)
{
	__u64 gap = epoch > w->epoch ? epoch - w->epoch : 0;
	__u32 i, sum = 0;

	for (i = 0; i + gap < SLUICE_RATE_BUCKETS; i++)
		sum += w->hits[(w->running + SLUICE_RATE_BUCKETS - i) % SLUICE_RATE_BUCKETS];
	return sum;
}

static bool is_total(const struct fleet_counter *c)
{
	return c->level == SLUICE_FLEET_SET || c->level == SLUICE_FLEET_SERVICE;
}

/* Returns how many events of its rate a source's counter has, 1 or 0, and how many of these are unanswered. */
static __u32 first_read(const struct engine *e, const struct fleet_counter *c, __u32 *unsure)
{
	struct sluice_counter row;

	*unsure = 0;
	if (c->level != SLUICE_FLEET_SOURCE || bpf_map_lookup_elem(e->map[MAP_sources], &c->of, &row) ||
	    !first_counts(&row, c->seconds, clock_ns()))
		return 0;
	*unsure = row.first_unanswered;
	return 1;
}

/* Returns what is held in all, and how much of it is unanswered. */
static __u32 rate_read(const struct engine *e, const struct fleet_counter *c, __u32 *unsure)
{
	const struct sluice_rate_key key = { c->of, c->seconds };
	const __u32 total = c->total;
	const void *at = &key;
	struct sluice_rate r;
	__u32 first;
	__u64 epoch;

	if (is_total(c))
		at = &total;
	first = first_read(e, c, unsure);
	if (bpf_map_lookup_elem(e->map[is_total(c) ? MAP_total_rates : MAP_rates], at, &r) || !r.all.width_ns)
		return first;
	epoch = clock_ns() / r.all.width_ns;
	*unsure += window_sum_at(&r.unanswered, epoch);
	return first + window_sum_at(&r.all, epoch);
}

static __u32 connections_read(const struct engine *e, const struct fleet_counter *c, __u32 *unsure)
{
	int source = c->level == SLUICE_FLEET_SOURCE ? MAP_sources : MAP_networks;
	const __u32 total = c->total;
	const void *at = &c->of;
	struct sluice_counter row;

	if (is_total(c))
		at = &total;
	if (bpf_map_lookup_elem(e->map[is_total(c) ? MAP_totals : source], at, &row))
		return 0;
	*unsure = row.reserved > row.proven ? row.reserved - row.proven : 0;
	return row.held;
}

static __u32 counter_read(const struct fleet_tables *t, const struct fleet_counter *c, __u32 *unsure)
{
	*unsure = 0;
	return c->rate ? rate_read(t->engine, c, unsure) : connections_read(t->engine, c, unsure);
}

__u32 fleet_counter_sure(const struct fleet_tables *t, const struct fleet_counter *c)
{
	__u32 unsure, held = counter_read(t, c, &unsure);

	return held > unsure ? held - unsure : 0;
}

__u32 fleet_counter_held(const struct fleet_tables *t, const struct fleet_counter *c)
{
	__u32 unsure;

	return counter_read(t, c, &unsure);
}
