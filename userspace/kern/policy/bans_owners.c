/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the bans of each owner. Called for each look at the metrics; reads the table only where the bans have changed since the last one. */
#include "bans_owners.h"

#include <errno.h>
#include <string.h>

#include "internal.h"
#include "redact.h"

static int name_order(const void *a, const void *b)
{
	const struct sluice_ban_row *const *x = a, *const *y = b;

	return strncmp((*x)->owner, (*y)->owner, sizeof((*x)->owner));
}

/* Puts an owner into his place among those with most; whoever drops out becomes one of the rest. */
static void owner_add(struct ban_owners *o, const char *name, uint64_t bans, uint64_t *rest)
{
	size_t at = o->count;

	while (at && o->item[at - 1].bans < bans)
		at--;
	if (o->count == BAN_OWNERS_NAMED)
		*rest += at == o->count ? bans : o->item[--o->count].bans;
	if (at == BAN_OWNERS_NAMED)
		return;
	memmove(&o->item[at + 1], &o->item[at], (o->count - at) * sizeof(*o->item));
	o->item[at] = (struct ban_owner){ .bans = bans };
	memcpy(o->item[at].name, name, sizeof(o->item[at].name));
	o->count++;
}

/* `row` is sorted by owner. */
static void owners_sum(const struct sluice_ban_row *const *row, size_t total, struct ban_owners *out)
{
	uint64_t rest = 0;
	size_t i, next;

	out->count = 0;
	for (i = 0; i < total; i = next) {
		for (next = i + 1; next < total && !name_order(&row[i], &row[next]); next++)
			;
		if (redact_finds(row[i]->owner)) /* whoever reads metrics must not see addresses */
			rest += next - i;
		else
			owner_add(out, row[i]->owner, next - i, &rest);
	}
	if (rest)
		out->item[out->count++] = (struct ban_owner){ BAN_OWNERS_REST, rest };
}

static int owners_count(const struct engine *e, struct ban_owners *out)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	_cleanup_free_ const struct sluice_ban_row **sorted = NULL;
	const struct sluice_ban_row *row;
	size_t total = 0, i;
	int err = table_read(e->map[MAP_ban_rows], sizeof(struct sluice_ban_key), sizeof(*row), &keys, &values, &total);

	if (err)
		return err;
	row = values;
	sorted = calloc(total + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < total; i++)
		sorted[i] = &row[i];
	qsort(sorted, total, sizeof(*sorted), name_order);
	owners_sum(sorted, total, out);
	return 0;
}

int bans_owners(const struct engine *e, struct ban_owners *kept)
{
	struct sluice_control control;
	int err = control_read(e, &control);

	if (err || kept->of == control.bans + 1)
		return err;
	err = owners_count(e, kept);
	kept->of = err ? 0 : control.bans + 1;
	return err;
}
