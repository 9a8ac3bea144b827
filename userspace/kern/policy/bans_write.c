/* SPDX-License-Identifier: BSD-2-Clause */
/* Orders about bans, as changes of the kernel's tables; and the end of those whose time is over. */
#include "bans.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "bans_change.h"
#include "list.h"
#include "plain.h"
#include "tables.h"

#define WALK_SHARE 10 /* the daemon spends at most a tenth of its time looking for bans that are over */

#define _cleanup_change_ __attribute__((cleanup(change_free)))

/* After a failure the tables are as they were. */
static int change_do(struct engine *e, struct change *c)
{
	int err = change_run(e, c);

	if (err)
		bans_recover(e);
	return err;
}

void ban_owner_of(uint32_t uid, char owner[static SLUICE_NAME_LEN])
{
	snprintf(owner, SLUICE_NAME_LEN, "uid:%u", uid);
}

bool ban_owner_is_good(const char *name)
{
	const char *at;

	for (at = name; isalnum((unsigned char)*at) || (*at && strchr("-_.:@/", *at)); at++)
		;
	return at > name && !*at && at - name < SLUICE_NAME_LEN;
}

static int by_prefix(const struct prefix *a, const struct prefix *b)
{
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	return order ? order : (int)a->len - (int)b->len;
}

/* Among those of one prefix, the first stays the first. */
static int ban_order(const void *a, const void *b)
{
	const struct ban *const *x = a, *const *y = b;
	int order = by_prefix(&(*x)->prefix, &(*y)->prefix);

	return order ? order : *x < *y ? -1 : 1;
}

static int prefix_order(const void *a, const void *b)
{
	return by_prefix(a, b);
}

static void row_fill(const struct ban *b, uint64_t now, struct sluice_ban_row *row)
{
	*row = (struct sluice_ban_row){ .since_s = b->since, .uid = b->uid, .observe = b->observe };
	row->expires_ns = b->expires_in ? now + b->expires_in * 1000000000ULL : 0;
	plain_copy(row->owner, sizeof(row->owner), b->owner);
	plain_copy(row->text, sizeof(row->text), b->text);
}

/* The next bans_expire() that has something to do is due by then. */
static void due_by(struct engine *e, uint64_t expires_ns)
{
	if (expires_ns && expires_ns < e->bans_due_ns)
		e->bans_due_ns = expires_ns;
}

static int put_plan(struct engine *e, struct change *c, const struct ban *list, size_t count)
{
	_cleanup_free_ const struct ban **sorted = calloc(count + 1, sizeof(*sorted));
	uint64_t now = clock_ns();
	struct sluice_prefix_key key;
	struct sluice_ban_row row;
	struct group *g;
	int err = 0;
	size_t i;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		sorted[i] = &list[i];
	qsort(sorted, count, sizeof(*sorted), ban_order);
	for (i = 0; i < count && !err; i++) {
		key = ban_key(&sorted[i]->prefix);
		g = change_group(e, c, &key);
		if (!g)
			return -ENOMEM;
		row_fill(sorted[i], now, &row);
		err = group_put(g, &row);
		due_by(e, row.expires_ns);
	}
	return err;
}

static int put_once(struct engine *e, const struct ban *list, size_t count, size_t *over)
{
	_cleanup_change_ struct change c = {};
	int err = put_plan(e, &c, list, count);
	long rows;

	if (err)
		return err;
	rows = (long)e->live_count[LIVE_BAN] + change_growth(&c);
	if (rows > SLUICE_MAX_LIVE) {
		*over = rows - SLUICE_MAX_LIVE;
		return -ENOSPC;
	}
	return change_do(e, &c);
}

int bans_put(struct engine *e, const struct ban *list, size_t count, size_t *over)
{
	size_t ignored = 0;
	int err;

	over = over ? over : &ignored;
	*over = 0;
	err = put_once(e, list, count, over);
	if (err != -ENOSPC)
		return err;
	e->bans_due_ns = e->bans_walk_ns = 0; /* bans that are over take no room */
	err = bans_expire(e);
	return err < 0 ? err : put_once(e, list, count, over);
}

int bans_take(struct engine *e, const struct prefix *list, size_t count, const char *owner, size_t *taken)
{
	_cleanup_free_ struct prefix *sorted = calloc(count + 1, sizeof(*sorted));
	_cleanup_change_ struct change c = {};
	struct sluice_prefix_key key;
	struct group *g;
	size_t i;
	__u32 n;

	*taken = 0;
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, list, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), prefix_order);
	for (i = 0; i < count; i++) {
		key = ban_key(&sorted[i]);
		g = change_group(e, &c, &key);
		if (!g)
			return -ENOMEM;
		for (n = g->rows; n-- > 0;) {
			if (owner && strcmp(g->row[n].owner, owner))
				continue;
			group_take(g, n);
			++*taken;
		}
	}
	return *taken ? change_do(e, &c) : 0;
}

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sluice_prefix_key));
}

/* Finds the prefixes of rows that are over, and when the next one will be. */
static int over_find(struct engine *e, struct sluice_prefix_key **out, size_t *count)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_ban_row *row;
	const struct sluice_ban_key *key;
	uint64_t now = clock_ns();
	size_t total = 0, i;
	LIST(struct sluice_prefix_key) list = {};
	struct sluice_prefix_key *more;
	int err = table_read(e->map[MAP_ban_rows], sizeof(*key), sizeof(*row), &keys, &values, &total);

	key = keys;
	row = values;
	e->bans_due_ns = SLUICE_EVER;
	for (i = 0; i < total && !err; i++) {
		if (!ban_is_over(row[i].expires_ns, now)) {
			due_by(e, row[i].expires_ns);
			continue;
		}
		more = LIST_ADD(&list);
		if (more)
			*more = key[i].prefix;
		else
			err = -ENOMEM;
	}
	if (list.count)
		qsort(list.item, list.count, sizeof(*list.item), key_order);
	*out = list.item;
	*count = list.count;
	e->live_count[LIVE_BAN] = total;
	return err;
}

static void group_expire(struct group *g, uint64_t now)
{
	__u32 n;

	for (n = g->rows; n-- > 0;) {
		if (ban_is_over(g->row[n].expires_ns, now))
			group_take(g, n);
	}
}

static int walk(struct engine *e)
{
	_cleanup_free_ struct sluice_prefix_key *over = NULL;
	_cleanup_change_ struct change c = {};
	uint64_t now = clock_ns();
	struct group *g;
	size_t count, i;
	long fewer;
	int err = over_find(e, &over, &count);

	for (i = 0; i < count && !err; i++) {
		g = change_group(e, &c, &over[i]);
		if (!g)
			return -ENOMEM;
		group_expire(g, now);
	}
	if (err || !count)
		return err;
	fewer = -change_growth(&c);
	err = change_do(e, &c);
	return err ? err : fewer;
}

int bans_expire(struct engine *e)
{
	uint64_t began = clock_ns();
	int fewer;

	if (began < e->bans_due_ns || began < e->bans_walk_ns)
		return 0;
	fewer = walk(e);
	e->bans_walk_ns = began + (clock_ns() - began) * WALK_SHARE;
	return fewer;
}
