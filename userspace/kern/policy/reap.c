/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nobody needs any more goes: counters of idle sources and networks, rates whose interval is over, suspicions and fragments, and 4-tuples
 * of containers whose connection is over. Called
 * by the daemon. Looks through the tables from userspace, with a cursor and a budget, and hands what is due to the kernel side in small
 * lists, so that no processor is held up, whatever the size of the tables.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define BATCH 2048 /* elements that one system call reads: no bucket has more */
#define BUDGET 32768 /* elements that one call of engine_reap() looks at */

struct moment {
	__u64 now, retention;
	const struct engine *engine;
};

struct reaped {
	enum map_id map;
	size_t key_size, value_size;
	enum sluice_due_table due; /* NOTHING: no lock is needed, so it is deleted from here */
	bool (*is_due)(const void *key, const void *value, const struct moment *t);
};

static bool counter_is_due(const void *key, const void *value, const struct moment *t)
{
	const struct sluice_counter *c = value;

	(void)key;
	return !c->held && !first_counts(c, c->first_seconds, t->now) &&
	       (c->state != SLUICE_COUNTER_PROVEN || c->seen_ns + t->retention < t->now);
}

static bool rate_is_due(const void *key, const void *value, const struct moment *t)
{
	const struct sluice_rate_key *k = key;
	const struct sluice_rate *r = value;

	return r->seen_ns + k->seconds * 1050000000ULL < t->now;
}

/* Checks again: the 4-tuple may have another connection by now. */
static bool inside_is_due(const void *key, const void *value, const struct moment *t)
{
	struct sluice_connection c;
	__u64 cookie;

	(void)value;
	return !bpf_map_lookup_elem(t->engine->map[MAP_insides], key, &cookie) &&
	       bpf_map_lookup_elem(t->engine->map[MAP_connections], &cookie, &c) == -ENOENT;
}

static bool suspect_is_due(const void *key, const void *value, const struct moment *t)
{
	(void)key;
	return *(const __u64 *)value < t->now;
}

static bool fragment_is_due(const void *key, const void *value, const struct moment *t)
{
	(void)key;
	return ((const struct sluice_fragment *)value)->seen_ns + SLUICE_FRAGMENT_NS < t->now;
}

#define ROOM_KEY sizeof(struct sluice_tuple)
#define ROOM_VALUE sizeof(struct sluice_rate)

static const struct reaped tables[] = {
	{ MAP_sources, sizeof(struct sluice_source_key), sizeof(struct sluice_counter), SLUICE_DUE_SOURCE,
	  counter_is_due },
	{ MAP_networks, sizeof(struct sluice_source_key), sizeof(struct sluice_counter), SLUICE_DUE_NETWORK,
	  counter_is_due },
	{ MAP_rates, sizeof(struct sluice_rate_key), sizeof(struct sluice_rate), SLUICE_DUE_RATE, rate_is_due },
	{ MAP_shared_rates, sizeof(struct sluice_rate_key), sizeof(struct sluice_rate), SLUICE_DUE_SHARED_RATE,
	  rate_is_due },
	{ MAP_insides, sizeof(struct sluice_tuple), sizeof(__u64), SLUICE_DUE_NOTHING, inside_is_due },
	{ MAP_suspects, sizeof(struct sluice_source_key), sizeof(__u64), SLUICE_DUE_NOTHING, suspect_is_due },
	{ MAP_fragments, sizeof(struct sluice_fragment_key), sizeof(struct sluice_fragment), SLUICE_DUE_NOTHING,
	  fragment_is_due },
};

#define TABLES (sizeof(tables) / sizeof(*tables))

int due_free(const struct engine *e, const struct sluice_due *list, size_t count)
{
	struct sluice_due row[SLUICE_DUE];
	__u32 key[SLUICE_DUE], n, i, next;
	int err = 0, freed = 0;

	for (; count && !err; count -= n, list += n) {
		n = count < SLUICE_DUE ? count : SLUICE_DUE;
		for (i = 0; i < SLUICE_DUE; i++) {
			key[i] = i;
			row[i] = i < n ? list[i] : (struct sluice_due){};
		}
		i = SLUICE_DUE;
		err = bpf_map_update_batch(e->map[MAP_due], key, row, &i, NULL);
		if (!err)
			err = program_ask(e->program[PROGRAM_REAP]);
		if (err < 0)
			break;
		i = SLUICE_DUE;
		err = bpf_map_lookup_batch(e->map[MAP_due], NULL, &next, key, row, &i, NULL);
		err = err == -ENOENT ? 0 : err; /* the end of the map */
		for (i = 0; i < n && !err; i++)
			freed += row[i].freed;
	}
	return err ? err : freed;
}

struct batch {
	char *keys, *values;
	__u32 count;
};

static int batch_free(struct engine *e, const struct reaped *t, const struct batch *b, const struct moment *m)
{
	struct sluice_due list[SLUICE_DUE] = {};
	const char *key;
	size_t n = 0;
	int err = 0;
	__u32 i;

	for (i = 0; i < b->count && err >= 0; i++) {
		key = b->keys + i * t->key_size;
		if (!t->is_due(key, b->values + i * t->value_size, m))
			continue;
		if (t->due == SLUICE_DUE_NOTHING) {
			bpf_map_delete_elem(e->map[t->map], key); /* its owner may have been quicker */
			continue;
		}
		list[n] = (struct sluice_due){ .table = t->due };
		memcpy(&list[n++].key, key, t->key_size);
		if (n == SLUICE_DUE) {
			err = due_free(e, list, n);
			n = 0;
		}
	}
	if (err >= 0 && n)
		err = due_free(e, list, n);
	return err < 0 ? err : 0;
}

/* Reads the next part of the table under way. Returns 1 if it has more. */
static int table_reap(struct engine *e, struct batch *b, const struct moment *m)
{
	const struct reaped *t = &tables[e->reaper.table];
	struct reaper *at = &e->reaper;
	int err, end;

	b->count = BATCH;
	err = bpf_map_lookup_batch(e->map[t->map], at->under_way ? at->token : NULL, at->token, b->keys, b->values,
				   &b->count, NULL);
	end = err == -ENOENT;
	if (err && !end)
		return err;
	at->under_way = !end;
	err = batch_free(e, t, b, m);
	return err ? err : !end;
}

static int moment_now(const struct engine *e, struct moment *out)
{
	struct sluice_generation g;
	__u32 slot;
	int err = slot_read(e, &slot);

	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &g);
	if (!err)
		*out = (struct moment){ clock_ns(), g.retention_ns, e };
	return err;
}

int engine_reap(struct engine *e)
{
	_cleanup_free_ char *keys = malloc(BATCH * ROOM_KEY), *values = malloc(BATCH * ROOM_VALUE);
	struct batch b = { keys, values, 0 };
	unsigned int looked = 0;
	struct moment m;
	int err, more;

	if (!keys || !values)
		return -ENOMEM;
	err = moment_now(e, &m);
	while (!err && looked < BUDGET) {
		more = table_reap(e, &b, &m);
		looked += b.count;
		if (more == 1)
			continue;
		e->reaper.under_way = false;
		e->reaper.table = (e->reaper.table + 1) % TABLES;
		err = more;
		if (!e->reaper.table)
			return err;
	}
	return err ? err : 1;
}
