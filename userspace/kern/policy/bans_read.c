/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads bans: all that are in force, or those that cover an address. */
#include <errno.h>
#include <string.h>

#include "bans_change.h"
#include "list.h"
#include "tables.h"

static uint64_t seconds_left(__u64 expires_ns, uint64_t now)
{
	return expires_ns ? (expires_ns - now + 999999999) / 1000000000 : 0;
}

static void ban_fill(const struct sluice_prefix_key *key, const struct sluice_ban_row *row, uint64_t now,
		     uint64_t shift, struct ban *out)
{
	*out = (struct ban){ .prefix = { key->addr, key->prefixlen },
			     .expires_in = seconds_left(row->expires_ns, now),
			     .ends = row->expires_ns ? (row->expires_ns + shift) / 1000000000 : 0,
			     .since = row->since_s,
			     .uid = row->uid,
			     .observe = row->observe };
	memcpy(out->owner, row->owner, sizeof(out->owner));
	memcpy(out->text, row->text, sizeof(out->text));
}

/* Bans that refuse come before those that only count, then the longer ones. */
static int rank_order(const struct ban *x, const struct ban *y)
{
	uint64_t a = x->expires_in ? x->expires_in : SLUICE_EVER, b = y->expires_in ? y->expires_in : SLUICE_EVER;

	if (x->observe != y->observe)
		return x->observe ? 1 : -1;
	return a > b ? -1 : a < b ? 1 : strcmp(x->owner, y->owner);
}

static int ban_order(const void *a, const void *b)
{
	const struct ban *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (!order)
		order = (int)x->prefix.len - (int)y->prefix.len;
	return order ? order : rank_order(x, y);
}

static bool same_prefix(const struct ban *x, const struct ban *y)
{
	return x->prefix.len == y->prefix.len && !memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));
}

/* Sorts them, and adds what each prefix has stopped. */
static void bans_finish(const struct engine *e, struct bans *out)
{
	struct sluice_prefix_key key;
	struct sluice_ban ban;
	size_t i;

	if (out->count)
		qsort(out->item, out->count, sizeof(*out->item), ban_order);
	for (i = 0; i < out->count; i++) {
		out->item[i].leads = !i || !same_prefix(&out->item[i], &out->item[i - 1]);
		if (out->item[i].leads) {
			key = ban_key(&out->item[i].prefix);
			if (ban_exact(e, &key, &ban))
				memset(&ban, 0, sizeof(ban));
		}
		out->item[i].packets = ban.syns + ban.others;
		out->item[i].connections = ban.syns;
	}
}

static bool is_wanted(const struct bans_wanted *want, const struct sluice_prefix_key *key,
		      const struct sluice_ban_row *row)
{
	const struct prefix p = { key->addr, key->prefixlen };

	if (want->owner && strcmp(want->owner, row->owner))
		return false;
	return !want->about || prefix_covers(&p, want->about) || prefix_covers(want->about, &p);
}

int bans_read(const struct engine *e, const struct bans_wanted *want, struct bans *out)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_ban_row *row;
	const struct sluice_ban_key *key;
	uint64_t now = clock_ns(), shift = clock_shift();
	size_t total = 0, i;
	struct ban *more;
	int err = table_read(e->map[MAP_ban_rows], sizeof(*key), sizeof(*row), &keys, &values, &total);

	key = keys;
	row = values;
	for (i = 0; i < total && !err; i++) {
		if (ban_is_over(row[i].expires_ns, now) || !is_wanted(want, &key[i].prefix, &row[i]))
			continue;
		more = LIST_ADD(out);
		if (!more)
			return -ENOMEM;
		ban_fill(&key[i].prefix, &row[i], now, shift, more);
	}
	if (!err && !want->bare)
		bans_finish(e, out);
	return err;
}

static int rows_read(const struct engine *e, const struct sluice_prefix_key *key, const struct sluice_ban *ban,
		     struct bans *out)
{
	struct sluice_ban_row row;
	uint64_t now = clock_ns(), shift = clock_shift();
	struct ban *more;
	__u32 n;

	for (n = 0; n < ban->rows; n++) {
		if (ban_row_read(e, key, n, &row) || ban_is_over(row.expires_ns, now))
			continue;
		more = LIST_ADD(out);
		if (!more)
			return -ENOMEM;
		ban_fill(key, &row, now, shift, more);
	}
	bans_finish(e, out);
	return 0;
}

int bans_of(const struct engine *e, const struct prefix *p, struct bans *out)
{
	struct sluice_prefix_key key = ban_key(p);
	struct sluice_ban ban;
	int err = ban_exact(e, &key, &ban);

	return err == -ENOENT ? 0 : err ? err : rows_read(e, &key, &ban, out);
}

static int leader_read(const struct engine *e, const struct sluice_prefix_key *key, const struct sluice_ban *ban,
		       struct ban *out)
{
	struct bans all = {};
	int err = rows_read(e, key, ban, &all);

	if (!err && !all.count)
		err = -ENOENT;
	if (!err)
		*out = all.item[0];
	free(all.item);
	return err;
}

/* Looks up as the gate does (bpf/source/classify.bpf.h, ban_holds). `key` holds what is asked about, and then the prefix found. */
static int entry_find(const struct engine *e, struct sluice_prefix_key *key, bool tried, struct sluice_ban *out)
{
	const struct sluice_addr asked = key->addr;
	uint64_t now = clock_ns();

	while (!bpf_map_lookup_elem(e->map[MAP_live_bans], key, out)) {
		if (out->prefixlen < SLUICE_IPV4_SHIFT && addr_is_ipv4(&asked))
			return -ENOENT;
		key->addr = addr_mask(&asked, out->prefixlen);
		key->prefixlen = out->prefixlen;
		if (!ban_is_over(out->expires_ns, now) && (tried || out->refuses_ns > now))
			return 0;
		if (!out->prefixlen)
			break;
		key->prefixlen = out->prefixlen - 1;
	}
	return -ENOENT;
}

/* Prefers a ban that refuses, as the gate does; with `tried`, one that only counts will do. */
static int best_find(const struct engine *e, const struct sluice_prefix_key *about, bool tried, struct ban *out)
{
	struct sluice_prefix_key key = *about;
	struct sluice_ban ban;
	int err = entry_find(e, &key, false, &ban);

	if (err == -ENOENT && tried) {
		key = *about;
		err = entry_find(e, &key, true, &ban);
	}
	return err ? err : leader_read(e, &key, &ban, out);
}

int bans_find(const struct engine *e, const struct sluice_addr *a, bool tried, struct ban *out)
{
	const struct sluice_prefix_key who = { .prefixlen = 128, .addr = engine_who(e, a, NULL) };

	return best_find(e, &who, tried, out);
}

int bans_around(const struct engine *e, const struct prefix *p, struct ban *out)
{
	const struct sluice_prefix_key wider = { .prefixlen = p->len - 1, .addr = p->addr };

	return p->len ? best_find(e, &wider, true, out) : -ENOENT;
}
