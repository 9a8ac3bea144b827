/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tidies up rows and entries that a daemon left behind when it ended in the middle of a change of the bans. Their numbers tell which they are:
 * what a change after the one in force added never counted, and what the one in force removes no longer counts. Called at a start, and
 * after a change that failed.
 */
#include <errno.h>
#include <string.h>

#include "bans_change.h"
#include "tables.h"

struct standing {
	__u32 change; /* in force */
	uint64_t now;
};

static bool is_of_no_force(const struct sluice_ban *ban, const struct standing *s)
{
	return ban->until && ban->until <= s->change;
}

/* Makes the rows valid, without gaps or duplicates. If none is left, the prefix goes. */
static int rows_mend(struct engine *e, const struct sluice_ban_key *key, struct sluice_ban_row *row, size_t found,
		     __u32 *kept)
{
	size_t i;
	__u32 n;
	int err = 0;

	for (*kept = 0, i = 0; i < found; i++) {
		for (n = 0; n < *kept && strcmp(row[n].owner, row[i].owner); n++)
			;
		if (n == *kept)
			row[(*kept)++] = row[i];
	}
	for (n = 0; n < *kept && !err; n++) {
		struct sluice_ban_key at = { key->prefix, n };

		err = bpf_map_update_elem(e->map[MAP_ban_rows], &at, &row[n], BPF_ANY);
	}
	return err;
}

static void entry_mend(const struct sluice_ban_row *row, __u32 rows, __u32 change, struct sluice_ban *ban)
{
	__u64 end, last = 0;
	__u32 n;

	ban->rows = rows;
	ban->until = ban->refuses_ns = 0;
	ban->from = ban->from && ban->from < change ? ban->from : change;
	for (n = 0; n < rows; n++) {
		end = row[n].expires_ns ? row[n].expires_ns : SLUICE_EVER;
		last = end > last ? end : last;
		if (!row[n].observe && end > ban->refuses_ns)
			ban->refuses_ns = end;
	}
	ban->expires_ns = last == SLUICE_EVER ? 0 : last;
}

static int prefix_mend(struct engine *e, const struct sluice_ban_key *key, struct sluice_ban_row *row, size_t count,
		       const struct standing *s)
{
	struct sluice_ban ban = { .prefixlen = key->prefix.prefixlen };
	size_t i, found = 0;
	__u32 kept = 0;
	bool stands = !ban_exact(e, &key->prefix, &ban);
	int err;

	if (!stands)
		ban = (struct sluice_ban){ .prefixlen = key->prefix.prefixlen };
	for (i = 0; i < count && !(stands && is_of_no_force(&ban, s)); i++) {
		if (row[i].change <= s->change && !ban_is_over(row[i].expires_ns, s->now))
			row[found++] = row[i];
	}
	err = rows_mend(e, key, row, found, &kept);
	for (i = 0; i < count && !err; i++) {
		if (key[i].n >= kept)
			bpf_map_delete_elem(e->map[MAP_ban_rows], &key[i]);
	}
	if (err || !kept)
		return err ? err : (bpf_map_delete_elem(e->map[MAP_live_bans], &key->prefix), 0);
	entry_mend(row, kept, s->change, &ban);
	return bpf_map_update_elem(e->map[MAP_live_bans], &key->prefix, &ban, BPF_ANY);
}

struct found {
	struct sluice_ban_key key;
	struct sluice_ban_row row;
};

static int found_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sluice_ban_key));
}

/* Sorts the two arrays of a table as one. */
static struct found *found_sort(const struct sluice_ban_key *key, const struct sluice_ban_row *row, size_t count)
{
	struct found *all = calloc(count + 1, sizeof(*all));
	size_t i;

	if (!all)
		return NULL;
	for (i = 0; i < count; i++)
		all[i] = (struct found){ key[i], row[i] };
	qsort(all, count, sizeof(*all), found_order);
	return all;
}

static int all_mend(struct engine *e, struct sluice_ban_key *key, struct sluice_ban_row *row, size_t count,
		    const struct standing *s)
{
	_cleanup_free_ struct found *all = found_sort(key, row, count);
	size_t i, next;
	int err = all ? 0 : -ENOMEM;

	for (i = 0; i < count && !err; i++) {
		key[i] = all[i].key;
		row[i] = all[i].row;
	}
	for (i = 0; i < count && !err; i = next) {
		for (next = i + 1; next < count && !memcmp(&key[next].prefix, &key[i].prefix, sizeof(key->prefix));
		     next++)
			;
		err = prefix_mend(e, &key[i], &row[i], next - i, s);
	}
	return err;
}

/* Removes entries that have no row. */
static int orphans_remove(struct engine *e)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	struct sluice_ban_row row;
	size_t count = 0, i;
	int err = table_read(e->map[MAP_live_bans], sizeof(*key), sizeof(struct sluice_ban), &keys, &values, &count);

	key = keys;
	for (i = 0; i < count && !err; i++) {
		if (ban_row_read(e, &key[i], 0, &row) == -ENOENT)
			bpf_map_delete_elem(e->map[MAP_live_bans], &key[i]);
	}
	return err;
}

static int rows_count(struct engine *e, bool mend, const struct standing *s)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	size_t count = 0;
	int err = table_read(e->map[MAP_ban_rows], sizeof(struct sluice_ban_key), sizeof(struct sluice_ban_row), &keys,
			     &values, &count);

	if (!err && mend)
		err = all_mend(e, keys, values, count, s);
	e->live_count[LIVE_BAN] = count;
	return err;
}

int bans_recover(struct engine *e)
{
	struct sluice_control control;
	struct standing s = { .now = clock_ns() };
	int err = control_read(e, &control);

	if (err)
		return err;
	s.change = control.bans;
	if (!control.bans_begun)
		return rows_count(e, false, &s);
	err = rows_count(e, true, &s);
	if (!err)
		err = orphans_remove(e);
	if (!err)
		err = rows_count(e, false, &s);
	return err ? err : CONTROL_STORE(e, bans_begun, 0);
}
