/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks through the counters for those whose limits hold over the fleet: after a start, another policy, or changes that nobody heard of.
 * A part in each call, so that the daemon's loop is not held up. See fleet_tables.h.
 */
#include <errno.h>
#include <string.h>

#include "fleet_state.h"
#include "tables.h"

#define PART 2048 /* rows that one call reads: no bucket has more */

static __u32 seconds_of(const struct sluice_limit *l)
{
	return l->width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000;
}

static void tell_limit(const struct fleet_tables *t, struct fleet_counter c, const struct sluice_limit *l, bool exact)
{
	const struct fleet_news news = { .counter = c, .limit = c.rate ? l->rate : l->connections, .exact = exact };

	if (news.limit && (!c.rate || c.seconds == seconds_of(l)))
		t->tell(&news, t->arg);
}

/* Finds the service in force. Returns false if none has this number. */
static bool service_in_force(const struct fleet_tables *t, __u32 id, struct sluice_service *out)
{
	__u32 slot = 0, at;

	if (slot_read(t->engine, &slot))
		return false;
	at = slot * SLUICE_MAX_SERVICES + id % SLUICE_MAX_SERVICES;
	return !bpf_map_lookup_elem(t->engine->map[MAP_services], &at, out) && *out->name;
}

/* Reads a counter or a rate of a source or a network. */
static void look_at(const struct fleet_tables *t, const struct sluice_source_key *key, __u32 seconds)
{
	const bool network = key->level == SLUICE_LEVEL_NETWORK;
	const struct fleet_counter c = { .of = *key,
					 .seconds = seconds,
					 .level = network ? SLUICE_FLEET_NETWORK : SLUICE_FLEET_SOURCE,
					 .rate = seconds != 0 };
	struct lookup_status look;
	struct sluice_service s;

	if (lookup_read(t->engine, &key->addr, key->service, &look) || !look.rule.fleet ||
	    !service_in_force(t, key->service, &s))
		return;
	tell_limit(t, c, network ? &look.rule.network : &look.rule.source, s.exact);
}

static void look_at_counter(const struct fleet_tables *t, const void *key, const void *value)
{
	const struct sluice_counter *c = value;

	if (c->held)
		look_at(t, key, 0);
	if (c->first_seconds)
		look_at(t, key, c->first_seconds);
}

static void look_at_rate(const struct fleet_tables *t, const void *key, const void *value)
{
	const struct sluice_rate_key *k = key;

	(void)value;
	look_at(t, &k->of, k->seconds);
}

/* Reads both limits of a set or a service. */
static void look_at_total(const struct fleet_tables *t, struct fleet_counter c, const struct sluice_limit *l,
			  bool exact)
{
	tell_limit(t, c, l, exact);
	c.rate = 1;
	c.seconds = seconds_of(l);
	tell_limit(t, c, l, exact);
}

static void look_at_services(const struct fleet_tables *t)
{
	struct fleet_counter c = { .level = SLUICE_FLEET_SERVICE };
	struct sluice_service s;

	for (c.total = 1; c.total < SLUICE_MAX_SERVICES; c.total++) {
		c.of.service = c.total;
		if (service_in_force(t, c.total, &s) && s.fleet)
			look_at_total(t, c, &s.total, s.exact);
	}
}

/* Returns the service whose name has this hash, or 0. */
static __u32 service_of(const struct fleet_tables *t, __u64 fleet, struct sluice_service *out)
{
	__u32 id;

	for (id = 1; id < SLUICE_MAX_SERVICES; id++) {
		if (service_in_force(t, id, out) && fleet_name(out->name) == fleet)
			return id;
	}
	return 0;
}

static void look_at_sets(const struct fleet_tables *t)
{
	struct fleet_counter c = { .level = SLUICE_FLEET_SET };
	struct sluice_service s;
	struct sluice_rule rule;
	__u32 slot = 0, i, at;

	if (slot_read(t->engine, &slot))
		return;
	for (i = 0; i < SLUICE_MAX_RULES; i++) {
		at = slot * SLUICE_MAX_RULES + i;
		if (bpf_map_lookup_elem(t->engine->map[MAP_rules], &at, &rule) || !rule.set_total || !rule.fleet_set)
			continue;
		c.total = rule.set_total;
		c.of.service = service_of(t, rule.fleet, &s);
		if (c.of.service)
			look_at_total(t, c, &rule.set, s.exact);
	}
}

static const struct looked {
	enum map_id map;
	size_t key_size, value_size;
	void (*look)(const struct fleet_tables *t, const void *key, const void *value);
} tables[] = {
	{ MAP_sources, sizeof(struct sluice_source_key), sizeof(struct sluice_counter), look_at_counter },
	{ MAP_networks, sizeof(struct sluice_source_key), sizeof(struct sluice_counter), look_at_counter },
	{ MAP_rates, sizeof(struct sluice_rate_key), sizeof(struct sluice_rate), look_at_rate },
};
#define TABLES (sizeof(tables) / sizeof(*tables))

void fleet_walk_begin(struct fleet_tables *t)
{
	memset(&t->walk, 0, sizeof(t->walk));
	look_at_services(t);
	look_at_sets(t);
}

/* Reads rows of one table. Returns false if it has no more. */
static bool walk_part(struct fleet_tables *t, const struct looked *l)
{
	_cleanup_free_ char *keys = calloc(PART, l->key_size), *values = calloc(PART, l->value_size);
	__u32 got = PART, i;
	int err;

	if (!keys || !values)
		return false;
	err = bpf_map_lookup_batch(t->engine->map[l->map], t->walk.under_way ? t->walk.token : NULL, t->walk.token,
				   keys, values, &got, NULL);
	if (err && err != -ENOENT)
		return false;
	for (i = 0; i < got; i++)
		l->look(t, keys + i * l->key_size, values + i * l->value_size);
	t->walk.under_way = true;
	return !err;
}

bool fleet_walk(struct fleet_tables *t)
{
	if (t->walk.step < TABLES && !walk_part(t, &tables[t->walk.step])) {
		t->walk.step++;
		t->walk.under_way = false;
	}
	return t->walk.step < TABLES;
}
