/* SPDX-License-Identifier: BSD-2-Clause */
/* Since when sources are connected: the oldest of their open connections says it. report.c asks, for `sources` and `top`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "internal.h"
#include "list.h"
#include "tables.h"

#define TAKEN_SHIFT 20 /* a holding's `taken` counts 2^20 ns, as bpf/charge/rate.bpf.h writes it */

static int key_compare(const void *a, const void *b)
{
	const struct source_status *const *x = a, *const *y = b;
	int order = memcmp(&(*x)->addr, &(*y)->addr, sizeof((*x)->addr));

	if (order)
		return order;
	if ((*x)->service != (*y)->service)
		return (*x)->service < (*y)->service ? -1 : 1;
	return ((*x)->prefix_len > (*y)->prefix_len) - ((*x)->prefix_len < (*y)->prefix_len);
}

/* `taken` wraps every 52 days: returns the last time at which it had this value. */
static uint64_t moment_of(uint32_t taken, uint64_t now)
{
	return now - ((uint64_t)(uint32_t)((now >> TAKEN_SHIFT) - taken) << TAKEN_SHIFT);
}

static void connection_date(struct source_status **by_key, size_t count, const struct sluice_holding *h, uint64_t now)
{
	struct source_status about = { .addr = h->source.addr,
				       .service = h->source.service,
				       .prefix_len = h->source.bits };
	struct source_status *key = &about, **found;
	uint64_t since = moment_of(h->taken, now);

	found = bsearch(&key, by_key, count, sizeof(*by_key), key_compare);
	if (found && (!(*found)->since_ns || since < (*found)->since_ns))
		(*found)->since_ns = since;
}

int sources_date(const struct engine *e, struct source_status *list, size_t count)
{
	_cleanup_free_ struct source_status **by_key = calloc(count + 1, sizeof(*by_key));
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_connection *c;
	size_t i, connections = 0;
	uint64_t now;
	int err;

	if (!by_key)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		by_key[i] = &list[i];
	qsort(by_key, count, sizeof(*by_key), key_compare);
	err = table_read(e->map[MAP_connections], sizeof(__u64), sizeof(*c), &keys, &values, &connections);
	if (err)
		return err;
	now = clock_ns();
	for (i = 0, c = values; i < connections; i++)
		connection_date(by_key, count, &c[i].holding, now);
	return 0;
}
