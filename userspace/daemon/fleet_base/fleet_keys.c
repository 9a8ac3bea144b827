/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of limits: see fleet_keys.h. Owned by fleet_run.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_keys.h"

#define BUCKETS 65536 /* a power of two */

int fleet_keys_open(struct fleet_keys *k)
{
	*k = (struct fleet_keys){ .by_counter = calloc(BUCKETS, sizeof(*k->by_counter)),
				  .by_key = calloc(BUCKETS, sizeof(*k->by_key)) };
	TAILQ_INIT(&k->queue);
	return k->by_counter && k->by_key ? 0 : -ENOMEM;
}

void fleet_keys_close(struct fleet_keys *k)
{
	while (!LIST_EMPTY(&k->all))
		fleet_keys_drop(k, LIST_FIRST(&k->all));
	free(k->by_counter);
	free(k->by_key);
	*k = (struct fleet_keys){};
}

/* FNV-1a. To fill one bucket on purpose takes many addresses of one's own, all of which hold connections. */
static struct fleet_entries *bucket_of(const struct fleet_keys *k, const struct fleet_counter *c)
{
	const unsigned char *byte = (const unsigned char *)c;
	uint32_t hash = 2166136261U;
	size_t i;

	for (i = 0; i < sizeof(*c); i++)
		hash = (hash ^ byte[i]) * 16777619U;
	return &k->by_counter[(hash ^ hash >> 16) % BUCKETS];
}

struct fleet_entry *fleet_keys_of(const struct fleet_keys *k, const struct fleet_counter *c)
{
	struct fleet_entry *e = LIST_FIRST(bucket_of(k, c));

	while (e && memcmp(&e->counter, c, sizeof(*c)))
		e = LIST_NEXT(e, by_counter);
	return e;
}

struct fleet_entry *fleet_keys_find(const struct fleet_keys *k, __u64 key)
{
	struct fleet_entry *e = LIST_FIRST(&k->by_key[key % BUCKETS]);

	while (e && e->key != key)
		e = LIST_NEXT(e, by_key);
	return e;
}

struct fleet_entry *fleet_keys_add(struct fleet_keys *k, const struct fleet_counter *c, __u64 key,
				   struct event_base *loop, event_callback_fn due, void *owner)
{
	struct fleet_entry *e = k->count < SLUICE_MAX_LEASES ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->counter = *c;
	e->key = key;
	e->owner = owner;
	event_assign(&e->timer, loop, -1, 0, due, e);
	LIST_INSERT_HEAD(bucket_of(k, c), e, by_counter);
	LIST_INSERT_HEAD(&k->by_key[key % BUCKETS], e, by_key);
	LIST_INSERT_HEAD(&k->all, e, all);
	k->count++;
	return e;
}

void fleet_keys_drop(struct fleet_keys *k, struct fleet_entry *e)
{
	if (e->queued)
		TAILQ_REMOVE(&k->queue, e, queue);
	event_del(&e->timer);
	LIST_REMOVE(e, by_counter);
	LIST_REMOVE(e, by_key);
	LIST_REMOVE(e, all);
	k->count--;
	k->recorded -= e->recorded;
	free(e);
}

void fleet_keys_queue(struct fleet_keys *k, struct fleet_entry *e)
{
	if (e->queued)
		return;
	e->queued = true;
	TAILQ_INSERT_TAIL(&k->queue, e, queue);
}

struct fleet_entry *fleet_keys_next(struct fleet_keys *k)
{
	struct fleet_entry *e = TAILQ_FIRST(&k->queue);

	if (!e)
		return NULL;
	TAILQ_REMOVE(&k->queue, e, queue);
	e->queued = false;
	return e;
}

void fleet_keys_note(struct fleet_keys *k, struct fleet_entry *e, bool recorded)
{
	k->recorded += recorded - e->recorded;
	e->recorded = recorded;
}
