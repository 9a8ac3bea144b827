/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns the overlapping and nested ranges of a database into spans: see geo_ranges.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "geo_ranges.h"
#include "list.h"

#define DEPTH 256

int geo_ranges_add(struct geo_ranges *r, const struct geo_range *add)
{
	bool follows = !r->count || r->item[r->count - 1].last < add->first;
	struct geo_range *more = LIST_ADD(r);

	if (!more)
		return -ENOMEM;
	r->unsorted |= !follows;
	*more = *add;
	return 0;
}

/* Ranges that enclose others come before them; among equal ones, the later line comes last. */
static int by_place(const void *a, const void *b)
{
	const struct geo_range *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* The ranges around the place that is looked at, from the outermost on. */
struct nest {
	const struct geo_range *open[DEPTH];
	size_t depth;
	enum sluice_geo_kind kind;
};

static uint32_t nest_value(const struct nest *n)
{
	return n->depth ? n->open[n->depth - 1]->value[n->kind] : 0;
}

/* Ends the open ranges that end before `next`: after each, the range around it continues. */
static int nest_leave(struct nest *n, addr_number next, bool all, struct spans *out)
{
	const struct geo_range *ended;
	int err = 0;

	while (n->depth && !err && (all || n->open[n->depth - 1]->last < next)) {
		ended = n->open[--n->depth];
		if (ended->last != ADDR_LAST)
			err = spans_add(out, ended->last + 1, nest_value(n));
	}
	return err;
}

static bool nest_has_room(const struct nest *n, const struct geo_range *one)
{
	return !n->depth || (n->depth < DEPTH && n->open[n->depth - 1]->last >= one->last);
}

static int nest_enter(struct nest *n, const struct geo_range *one, struct spans *out)
{
	n->open[n->depth++] = one;
	return spans_add(out, one->first, nest_value(n));
}

int geo_ranges_flatten(struct geo_ranges *r, enum sluice_geo_kind kind,
		       void (*odd)(void *arg, const struct geo_range *one, int around), void *arg, struct spans *out)
{
	struct nest nest = { .kind = kind };
	struct geo_range *one;
	size_t i;
	int err;

	if (r->unsorted)
		qsort(r->item, r->count, sizeof(*r->item), by_place);
	r->unsorted = false;
	err = spans_init(out, 0);
	for (i = 0; i < r->count && !err; i++) {
		one = &r->item[i];
		if (!one->value[kind])
			continue;
		err = nest_leave(&nest, one->first, false, out);
		if (!err && nest_has_room(&nest, one)) {
			err = nest_enter(&nest, one, out);
		} else if (!err) {
			odd(arg, one, nest.open[nest.depth - 1]->line);
			memset(one->value, 0, sizeof(one->value));
		}
	}
	return err ? err : nest_leave(&nest, 0, true, out);
}
