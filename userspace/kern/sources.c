/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources and what the live tables say of them. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "internal.h"
#include "tables.h"
#include "trie.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* As the gate does it (bpf/classify.bpf.h, live_holds): an expired entry does not hide a shorter one. */
static bool live_holds(int fd, const struct sluice_addr *a)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = *a };
	struct sluice_live live;

	while (!bpf_map_lookup_elem(fd, &key, &live)) {
		if (!live.expires_ns || live.expires_ns > now_ns())
			return true;
		if (!live.prefixlen)
			return false;
		key.prefixlen = live.prefixlen - 1;
	}
	return false;
}

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

	if (live_holds(e->map[MAP_live_allows], a))
		return SLUICE_ALLOWED;
	if (live_holds(e->map[MAP_live_bans], a))
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
	struct sluice_control control;
	int err;

	err = control_read(e, &control);
	out->engine = e;
	out->slot = control.active;
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
	struct asker q = {};
	int err;

	err = asker_open(e, &q);
	if (!err)
		err = asker_ask(&q, a, service, out);
	trie_view_close(&q.trie);
	return err;
}

static unsigned int mask_length(const struct sluice_addr *mask)
{
	unsigned int i, bits = 0;

	for (i = 0; i < 4; i++)
		bits += __builtin_popcount(mask->word[i]);
	return bits;
}

static int by_connections(const void *a, const void *b)
{
	const struct source_status *x = a, *y = b;

	if (x->connections != y->connections)
		return x->connections < y->connections ? 1 : -1;
	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static void source_fill(const struct asker *q, const struct sluice_generation *g, const struct sluice_source_key *key,
			const struct sluice_counter *c, struct source_status *out)
{
	struct lookup_status look = {};

	out->addr = key->addr;
	out->service = key->service;
	out->prefix_len = mask_length(addr_is_ipv4(&key->addr) ? &g->mask4 : &g->mask6);
	out->connections = c->held - c->reserved;
	out->reserved = c->reserved;
	out->limit = 0;
	if (asker_ask(q, &key->addr, key->service, &look))
		return;
	out->country = look.country;
	if (look.rule.action == SLUICE_ACTION_LIMIT)
		out->limit = look.rule.source.connections;
}

/* Those of the table that hold something, at `service` (0: all). The number of them, or -errno. */
static int sources_list(const struct asker *q, unsigned int service, struct source_status **out)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_source_key *key;
	const struct sluice_counter *counter;
	struct source_status *list;
	struct sluice_generation g;
	size_t i, total = 0;
	int err, n = 0;

	err = bpf_map_lookup_elem(q->engine->map[MAP_generations], &q->slot, &g);
	if (!err)
		err = table_read(q->engine->map[MAP_sources], sizeof(*key), sizeof(*counter), &keys, &values, &total);
	if (err)
		return err;
	list = calloc(total + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	key = keys;
	counter = values;
	for (i = 0; i < total; i++) {
		if (counter[i].held && (!service || key[i].service == service))
			source_fill(q, &g, &key[i], &counter[i], &list[n++]);
	}
	*out = list;
	return n;
}

int sources_read(const struct engine *e, unsigned int service, struct source_status **out, size_t *count)
{
	struct source_status *list = NULL;
	struct asker q = {};
	int n;

	n = asker_open(e, &q);
	if (!n)
		n = sources_list(&q, service, &list);
	trie_view_close(&q.trie);
	if (n < 0)
		return n;
	qsort(list, n, sizeof(*list), by_connections);
	*out = list;
	*count = n;
	return 0;
}

static int live_map(const struct engine *e, enum live_kind kind)
{
	return e->map[kind == LIVE_ALLOW ? MAP_live_allows : MAP_live_bans];
}

static struct sluice_prefix_key live_key(const struct prefix *p)
{
	return (struct sluice_prefix_key){ .prefixlen = p->len, .addr = p->addr };
}

int live_set(struct engine *e, enum live_kind kind, const struct prefix *p, uint32_t seconds, const char *text)
{
	struct sluice_prefix_key key = live_key(p);
	struct sluice_live live = { .prefixlen = p->len };

	if (seconds)
		live.expires_ns = now_ns() + seconds * 1000000000ULL;
	snprintf(live.text, sizeof(live.text), "%s", text ? text : "");
	return bpf_map_update_elem(live_map(e, kind), &key, &live, BPF_ANY);
}

int live_clear(struct engine *e, enum live_kind kind, const struct prefix *p)
{
	struct sluice_prefix_key key = live_key(p);

	return bpf_map_delete_elem(live_map(e, kind), &key);
}

static int by_prefix(const void *a, const void *b)
{
	const struct live_status *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	return order ? order : (int)x->prefix.len - (int)y->prefix.len;
}

int live_read(const struct engine *e, enum live_kind kind, struct live_status **out, size_t *count)
{
	_cleanup_free_ struct live_status *list = NULL;
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	const struct sluice_live *live;
	size_t i, total = 0, n = 0;
	uint64_t now = now_ns();
	int err;

	err = table_read(live_map(e, kind), sizeof(*key), sizeof(*live), &keys, &values, &total);
	if (err)
		return err;
	list = calloc(total + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	key = keys;
	live = values;
	for (i = 0; i < total; i++) {
		if (live[i].expires_ns && live[i].expires_ns <= now)
			continue;
		list[n].prefix = (struct prefix){ key[i].addr, key[i].prefixlen };
		list[n].expires_in = live[i].expires_ns ? (live[i].expires_ns - now + 999999999) / 1000000000 : 0;
		memcpy(list[n++].text, live[i].text, sizeof(live[i].text));
	}
	qsort(list, n, sizeof(*list), by_prefix);
	*out = TAKE_PTR(list);
	*count = n;
	return 0;
}

static int expire_in(struct engine *e, enum live_kind kind)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	int fd = live_map(e, kind), err;
	const struct sluice_prefix_key *key;
	const struct sluice_live *live;
	uint64_t now = now_ns();
	size_t i, total = 0;
	uint32_t left = 0;

	err = table_read(fd, sizeof(*key), sizeof(*live), &keys, &values, &total);
	key = keys;
	live = values;
	for (i = 0; i < total && !err; i++) {
		if (live[i].expires_ns && live[i].expires_ns <= now)
			bpf_map_delete_elem(fd, &key[i]);
		else
			left++;
	}
	if (!err)
		e->live_count[kind] = left;
	return err;
}

int live_expire(struct engine *e)
{
	int err = expire_in(e, LIVE_ALLOW);

	return err ? err : expire_in(e, LIVE_BAN);
}
