/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources, and what the live tables say about them. */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "bans.h"
#include "internal.h"
#include "tables.h"
#include "trie.h"

static int rule_read(const struct engine *e, __u32 slot, __u32 class_id, unsigned int service, struct sluice_rule *out)
{
	__u32 index = slot * SLUICE_MAX_CLASSES + class_id;
	struct sluice_class row;
	int err;

	err = bpf_map_lookup_elem(e->map[MAP_classes], &index, &row);
	if (err)
		return err;
	index = slot * SLUICE_MAX_RULES + row.rule[service % SLUICE_MAX_SERVICES];
	return bpf_map_lookup_elem(e->map[MAP_rules], &index, out);
}

static enum sluice_reason reason_of(const struct engine *e, const struct sluice_addr *a, const struct sluice_rule *rule)
{
	static const enum sluice_reason reasons[] = {
		[SLUICE_ACTION_LIMIT] = SLUICE_UNDECIDED,
		[SLUICE_ACTION_ALLOW] = SLUICE_ALLOWED,
		[SLUICE_ACTION_DENY] = SLUICE_DENIED,
		[SLUICE_ACTION_COUNTRY] = SLUICE_COUNTRY,
	};
	struct live_status live;
	struct ban ban;

	if (!allow_find(e, a, &live))
		return SLUICE_ALLOWED;
	if (!bans_find(e, a, false, &ban))
		return SLUICE_BANNED;
	return reasons[rule->action & 3];
}

/* One generation's trie, to ask it about many addresses. */
struct asker {
	const struct engine *engine;
	__u32 slot;
	struct trie_view trie;
};

static int asker_open(const struct engine *e, struct asker *out)
{
	int err = slot_read(e, &out->slot);

	out->engine = e;
	return err ? err : trie_view_open(e, out->slot, &out->trie);
}

static int asker_ask(const struct asker *q, const struct sluice_addr *a, unsigned int service,
		     struct lookup_status *out)
{
	__u32 leaf = trie_find(q->trie.cell, q->trie.pages, a);
	struct lookup_status s = { .class_id = SLUICE_LEAF_CLASS(leaf), .country = SLUICE_LEAF_COUNTRY(leaf) };
	int err;

	err = rule_read(q->engine, q->slot, s.class_id, service, &s.rule);
	if (err)
		return err;
	s.reason = reason_of(q->engine, a, &s.rule);
	*out = s;
	return 0;
}

int lookup_read(const struct engine *e, const struct sluice_addr *a, unsigned int service, struct lookup_status *out)
{
	struct sluice_addr who = engine_who(e, a, NULL);
	struct asker q = {};
	int err;

	err = asker_open(e, &q);
	if (!err)
		err = asker_ask(&q, &who, service, out);
	trie_view_close(&q.trie);
	return err;
}

static int by_connections(const void *a, const void *b)
{
	const struct source_status *x = a, *y = b;

	if (x->connections != y->connections)
		return x->connections < y->connections ? 1 : -1;
	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static void source_plain(const struct sluice_source_key *key, const struct sluice_counter *c, struct source_status *out)
{
	*out = (struct source_status){ .addr = key->addr, .service = key->service, .prefix_len = key->bits };
	out->connections = c->held - c->reserved;
	out->reserved = c->reserved;
	out->peak = c->most;
	out->seen_ns = c->seen_ns;
}

static void source_fill(const struct asker *q, const struct sluice_source_key *key, const struct sluice_counter *c,
			struct source_status *out)
{
	struct lookup_status look = {};

	source_plain(key, c, out);
	if (asker_ask(q, &key->addr, key->service, &look))
		return;
	out->country = look.country;
	if (look.rule.action == SLUICE_ACTION_LIMIT)
		out->limit = look.rule.source.connections;
}

/* The table as it stands, and a list with room for each of its rows. It is owned, as are `keys` and `values`. */
struct tracked {
	void *keys, *values;
	const struct sluice_source_key *key;
	const struct sluice_counter *counter;
	size_t count;
	struct source_status *list;
};

static void tracked_free(struct tracked *t)
{
	free(t->keys);
	free(t->values);
	free(t->list);
}
#define _cleanup_tracked_ __attribute__((cleanup(tracked_free)))

static int tracked_read(const struct engine *e, struct tracked *t)
{
	int err =
		table_read(e->map[MAP_sources], sizeof(*t->key), sizeof(*t->counter), &t->keys, &t->values, &t->count);

	if (err)
		return err;
	t->key = t->keys;
	t->counter = t->values;
	t->list = calloc(t->count + 1, sizeof(*t->list));
	return t->list ? 0 : -ENOMEM;
}

/* Passes the first `n` of the list, most connections first, to the caller. */
static void tracked_take(struct tracked *t, size_t n, struct source_status **out, size_t *count)
{
	qsort(t->list, n, sizeof(*t->list), by_connections);
	*out = TAKE_PTR(t->list);
	*count = n;
}

/* Adds those that hold something, at `service` (0: all). Returns how many. */
static size_t holders_fill(const struct asker *q, unsigned int service, const struct tracked *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->count; i++) {
		if (t->counter[i].held && (!service || t->key[i].service == service))
			source_fill(q, &t->key[i], &t->counter[i], &t->list[n++]);
	}
	return n;
}

int sources_read(const struct engine *e, unsigned int service, struct source_status **out, size_t *count)
{
	_cleanup_tracked_ struct tracked t = {};
	struct asker q = {};
	int err = asker_open(e, &q);

	if (!err)
		err = tracked_read(e, &t);
	if (!err)
		tracked_take(&t, holders_fill(&q, service, &t), out, count);
	trie_view_close(&q.trie);
	return err;
}

static void held_add(const struct prefix *about, const struct sluice_source_key *key, const struct sluice_counter *c,
		     struct held *out)
{
	const struct prefix source = { key->addr, key->bits };

	if (!c->held || !(prefix_covers(about, &source) || prefix_covers(&source, about)))
		return;
	out->sources++;
	out->connections += c->held - c->reserved;
	out->reserved += c->reserved;
}

int sources_held(const struct engine *e, const struct prefix *about, struct held out[static SLUICE_MAX_SERVICES])
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_source_key *key;
	const struct sluice_counter *counter;
	size_t total = 0, i;
	int err = table_read(e->map[MAP_sources], sizeof(*key), sizeof(*counter), &keys, &values, &total);

	memset(out, 0, SLUICE_MAX_SERVICES * sizeof(*out));
	key = keys;
	counter = values;
	for (i = 0; i < total && !err; i++)
		held_add(about, &key[i], &counter[i], &out[key[i].service % SLUICE_MAX_SERVICES]);
	return err;
}

int sources_tracked(const struct engine *e, struct source_status **out, size_t *count)
{
	_cleanup_tracked_ struct tracked t = {};
	int err = tracked_read(e, &t);
	size_t i;

	for (i = 0; i < t.count && !err; i++)
		source_plain(&t.key[i], &t.counter[i], &t.list[i]);
	if (!err)
		tracked_take(&t, t.count, out, count);
	return err;
}

int source_key(const struct engine *e, const struct sluice_addr *a, unsigned int service,
	       struct sluice_source_key *source, struct sluice_source_key *network)
{
	struct sluice_addr who = engine_who(e, a, NULL);
	const struct sluice_aggregate *as;
	struct lookup_status look;
	int err = lookup_read(e, &who, service, &look);

	if (err)
		return err;
	as = &look.rule.aggregate[addr_is_ipv4(&who) ? SLUICE_IPV4 : SLUICE_IPV6];
	*source = (struct sluice_source_key){ addr_mask(&who, as->source_bits), service, as->source_bits };
	*network = (struct sluice_source_key){ addr_mask(&who, as->network_bits), service, as->network_bits,
					       SLUICE_LEVEL_NETWORK };
	return 0;
}
