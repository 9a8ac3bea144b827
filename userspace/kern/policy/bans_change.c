/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the gate reads (`live_bans`) has one entry a prefix, the sum of its owners' rows (`ban_rows`). A change writes its rows and the
 * entries of new prefixes, which name the change and do not count yet; marks the entries of prefixes that go; stores its number into
 * control.bans, and with that both count; and then tidies up. A daemon that dies in between leaves control.bans_begun behind, by which
 * the next one knows (bans_recover).
 */
#include <errno.h>
#include <string.h>

#include "bans_change.h"
#include "list.h"
#include "tables.h"

#define BATCH 2048

/* Updates or deletes, many in one system call. */
struct batch {
	int fd;
	bool removes;
	size_t key_size, value_size;
	__u32 count;
	char keys[BATCH * sizeof(struct sluice_ban_key)];
	char values[BATCH * sizeof(struct sluice_ban_row)];
};

void change_free(struct change *c)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		free(c->item[i].row);
	free(c->item);
}

struct sluice_prefix_key ban_key(const struct prefix *p)
{
	return (struct sluice_prefix_key){ .prefixlen = p->len, .addr = p->addr };
}

bool ban_is_over(__u64 expires_ns, __u64 now)
{
	return expires_ns && expires_ns <= now;
}

int ban_exact(const struct engine *e, const struct sluice_prefix_key *key, struct sluice_ban *out)
{
	int err = bpf_map_lookup_elem(e->map[MAP_live_bans], key, out);

	return err ? err : out->prefixlen == key->prefixlen ? 0 : -ENOENT;
}

int ban_row_read(const struct engine *e, const struct sluice_prefix_key *key, __u32 n, struct sluice_ban_row *out)
{
	struct sluice_ban_key at = { *key, n };

	return bpf_map_lookup_elem(e->map[MAP_ban_rows], &at, out);
}

/* Nothing is kept of a ban that is over, but its rows still have to be removed. */
static int group_read(const struct engine *e, struct group *g)
{
	int err = e->live_count[LIVE_BAN] ? ban_exact(e, &g->key, &g->ban) : -ENOENT; /* a first list asks nothing */
	__u32 n;

	if (err)
		memset(&g->ban, 0, sizeof(g->ban));
	if (err)
		return err == -ENOENT ? 0 : err;
	g->rows_before = g->ban.rows;
	if (ban_is_over(g->ban.expires_ns, clock_ns())) {
		memset(&g->ban, 0, sizeof(g->ban));
		return 0;
	}
	g->stands = true;
	g->row = calloc(g->ban.rows + 1, sizeof(*g->row));
	if (!g->row)
		return -ENOMEM;
	for (n = 0; n < g->ban.rows; n++) {
		err = ban_row_read(e, &g->key, n, &g->row[n]);
		if (err)
			return err;
	}
	g->rows = g->ban.rows;
	return 0;
}

struct group *change_group(const struct engine *e, struct change *c, const struct sluice_prefix_key *key)
{
	struct group *g = c->count ? &c->item[c->count - 1] : NULL;

	if (g && !memcmp(&g->key, key, sizeof(*key)))
		return g;
	g = LIST_ADD(c);
	if (!g)
		return NULL;
	*g = (struct group){ .key = *key };
	return group_read(e, g) ? NULL : g;
}

int group_put(struct group *g, const struct sluice_ban_row *row)
{
	struct sluice_ban_row *more;
	__u32 n, change = 0;

	for (n = 0; n < g->rows && strcmp(g->row[n].owner, row->owner); n++)
		;
	if (n == SLUICE_BAN_OWNERS)
		return -E2BIG;
	if (n < g->rows)
		change = g->row[n].change; /* a change that was cut short leaves him with one of his two bans */
	if (n == g->rows) {
		more = reallocarray(g->row, n + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		g->row = more;
		g->rows++;
	}
	g->row[n] = *row;
	g->row[n].change = change;
	g->dirty |= 1ULL << n;
	return 0;
}

/* The last one moves into its place. */
void group_take(struct group *g, __u32 n)
{
	g->rows--;
	if (n < g->rows) {
		g->row[n] = g->row[g->rows];
		g->dirty |= 1ULL << n;
	}
}

/* Returns what all rows together say. */
static struct sluice_ban group_sum(const struct group *g, __u32 change)
{
	struct sluice_ban sum = { .from = change, .prefixlen = g->key.prefixlen, .rows = g->rows };
	__u64 end, last = 0;
	__u32 n;

	for (n = 0; n < g->rows; n++) {
		end = g->row[n].expires_ns ? g->row[n].expires_ns : SLUICE_EVER;
		last = end > last ? end : last;
		if (!g->row[n].observe && end > sum.refuses_ns)
			sum.refuses_ns = end;
	}
	sum.expires_ns = last == SLUICE_EVER ? 0 : last;
	return sum;
}

/* Does them one by one, if the kernel has no batches for this kind of table. */
static int batch_each(struct batch *b, __u32 done)
{
	int err = 0;

	for (; done < b->count && !err; done++) {
		if (b->removes)
			err = bpf_map_delete_elem(b->fd, b->keys + done * b->key_size);
		else
			err = bpf_map_update_elem(b->fd, b->keys + done * b->key_size, b->values + done * b->value_size,
						  BPF_ANY);
		if (b->removes && err == -ENOENT)
			err = 0;
	}
	b->count = 0;
	return err;
}

static int batch_flush(struct batch *b)
{
	__u32 done = b->count;
	int err;

	if (!b->count)
		return 0;
	if (b->removes)
		err = bpf_map_delete_batch(b->fd, b->keys, &done, NULL);
	else
		err = bpf_map_update_batch(b->fd, b->keys, b->values, &done, NULL);
	if (err)
		return batch_each(b, done < b->count ? done : 0);
	b->count = 0;
	return 0;
}

static int batch_add(struct batch *b, const void *key, const void *value)
{
	memcpy(b->keys + b->count * b->key_size, key, b->key_size);
	if (value)
		memcpy(b->values + b->count * b->value_size, value, b->value_size);
	return ++b->count == BATCH ? batch_flush(b) : 0;
}

static struct batch *batch_new(const struct engine *e, enum map_id map, bool removes)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->fd = e->map[map];
	b->removes = removes;
	b->key_size = map == MAP_ban_rows ? sizeof(struct sluice_ban_key) : sizeof(struct sluice_prefix_key);
	b->value_size = map == MAP_ban_rows ? sizeof(struct sluice_ban_row) : sizeof(struct sluice_ban);
	return b;
}

static int rows_write(struct batch *b, struct group *g, __u32 change)
{
	struct sluice_ban_key key = { .prefix = g->key };
	int err = 0;

	for (; key.n < g->rows && !err; key.n++) {
		if (!(g->dirty & 1ULL << key.n))
			continue;
		if (!g->row[key.n].change)
			g->row[key.n].change = change;
		err = batch_add(b, &key, &g->row[key.n]);
	}
	return err;
}

static int rows_prepare(struct engine *e, struct change *c, __u32 change)
{
	_cleanup_free_ struct batch *b = batch_new(e, MAP_ban_rows, false);
	int err = b ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; i < c->count && !err; i++)
		err = rows_write(b, &c->item[i], change);
	return err ? err : batch_flush(b);
}

/* Writes entries that are new, and those that go: neither counts before the flip. */
static int entries_prepare(struct engine *e, const struct change *c, __u32 change)
{
	_cleanup_free_ struct batch *b = batch_new(e, MAP_live_bans, false);
	int err = b ? 0 : -ENOMEM;
	struct sluice_ban ban;
	const struct group *g;

	for (g = c->item; g < c->item + c->count && !err; g++) {
		if (g->stands == (g->rows > 0))
			continue;
		ban = g->rows ? group_sum(g, change) : g->ban;
		ban.until = g->rows ? 0 : change;
		err = batch_add(b, &g->key, &ban);
	}
	return err ? err : batch_flush(b);
}

/* Writes entries that stay, with other rows. What they have stopped is read again, because the gate continues to count. */
static int entries_adjust(struct engine *e, const struct change *c)
{
	struct sluice_ban ban, now;
	const struct group *g;
	int err = 0;

	for (g = c->item; g < c->item + c->count && !err; g++) {
		if (!g->stands || !g->rows)
			continue;
		ban = group_sum(g, g->ban.from);
		if (ban.expires_ns == g->ban.expires_ns && ban.refuses_ns == g->ban.refuses_ns &&
		    ban.rows == g->ban.rows)
			continue;
		err = ban_exact(e, &g->key, &now);
		ban.syns = now.syns;
		ban.others = now.others;
		if (!err)
			err = bpf_map_update_elem(e->map[MAP_live_bans], &g->key, &ban, BPF_ANY);
	}
	return err;
}

static int entries_remove(struct engine *e, const struct change *c)
{
	_cleanup_free_ struct batch *b = batch_new(e, MAP_live_bans, true);
	int err = b ? 0 : -ENOMEM;
	const struct group *g;

	for (g = c->item; g < c->item + c->count && !err; g++) {
		if (!g->rows && g->rows_before)
			err = batch_add(b, &g->key, NULL);
	}
	return err ? err : batch_flush(b);
}

static int rows_remove(struct engine *e, const struct change *c)
{
	_cleanup_free_ struct batch *b = batch_new(e, MAP_ban_rows, true);
	int err = b ? 0 : -ENOMEM;
	struct sluice_ban_key key;
	const struct group *g;

	for (g = c->item; g < c->item + c->count && !err; g++) {
		key.prefix = g->key;
		for (key.n = g->rows; key.n < g->rows_before && !err; key.n++)
			err = batch_add(b, &key, NULL);
	}
	return err ? err : batch_flush(b);
}

long change_growth(const struct change *c)
{
	long more = 0;
	size_t i;

	for (i = 0; i < c->count; i++)
		more += (long)c->item[i].rows - (long)c->item[i].rows_before;
	return more;
}

static int change_make(struct engine *e, struct change *c)
{
	struct sluice_control control;
	__u32 change;
	int err = control_read(e, &control);

	change = control.bans + 1;
	if (!err)
		err = CONTROL_STORE(e, bans_begun, change);
	if (!err)
		err = rows_prepare(e, c, change);
	if (!err)
		err = entries_prepare(e, c, change);
	if (!err)
		err = CONTROL_STORE(e, bans, change);
	if (!err)
		err = entries_adjust(e, c);
	if (!err)
		err = entries_remove(e, c);
	if (!err)
		err = rows_remove(e, c);
	if (err)
		return err;
	e->live_count[LIVE_BAN] += change_growth(c);
	return CONTROL_STORE(e, bans_begun, 0);
}

int change_run(struct engine *e, struct change *c)
{
	int err = lane_shut(e);

	if (!err)
		err = change_make(e, c);
	lane_open(e);
	return err;
}
