/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares two sets of databases, country by country: see geo_diff.h. */
#include <errno.h>
#include <stdlib.h>

#include "geo_diff.h"

static void stretch_add(const struct spans_walk *w, struct geo_change *all)
{
	bool ipv4 = w->first >= IPV4_FIRST && w->last <= IPV4_LAST;
	int family = ipv4 ? SLUICE_IPV4 : SLUICE_IPV6;
	uint64_t size = ipv4 ? w->last - w->first + 1 : (w->last >> 64) - (w->first >> 64) + 1;

	all[w->value_a].lost[family] += size;
	all[w->value_b].gained[family] += size;
}

static uint64_t moved(const struct geo_change *c, int family)
{
	return c->gained[family] + c->lost[family];
}

static int by_size(const void *a, const void *b)
{
	const struct geo_change *x = a, *y = b;
	int family = moved(x, SLUICE_IPV4) == moved(y, SLUICE_IPV4) ? SLUICE_IPV6 : SLUICE_IPV4;

	if (moved(x, family) != moved(y, family))
		return moved(x, family) > moved(y, family) ? -1 : 1;
	return (int)x->country - (int)y->country;
}

int geo_diff(const struct geo *now, const struct geo *next, struct geo_change out[static SLUICE_COUNTRIES])
{
	struct spans nothing = {};
	struct spans_walk w = { .a = now ? &now->by_kind[SLUICE_GEO_COUNTRY] : &nothing,
				.b = next ? &next->by_kind[SLUICE_GEO_COUNTRY] : &nothing };
	int i, n = 0;

	if (spans_init(&nothing, 0))
		return -ENOMEM;
	for (i = 0; i < SLUICE_COUNTRIES; i++)
		out[i] = (struct geo_change){ .country = i };
	while (spans_walk_next(&w)) {
		if (w.value_a != w.value_b)
			stretch_add(&w, out);
	}
	spans_free(&nothing);
	qsort(out, SLUICE_COUNTRIES, sizeof(*out), by_size);
	while (n < SLUICE_COUNTRIES && (moved(&out[n], SLUICE_IPV4) || moved(&out[n], SLUICE_IPV6)))
		n++;
	return n;
}
