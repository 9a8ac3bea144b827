/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers vectors, giving equal ones the same number: see intern.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "intern.h"

#define ROOM_FIRST 64

int intern_init(struct intern *n, size_t width)
{
	*n = (struct intern){ .width = width, .room = ROOM_FIRST, .buckets = 2 * ROOM_FIRST };
	n->item = calloc(n->room, width * sizeof(*n->item));
	n->bucket = calloc(n->buckets, sizeof(*n->bucket));
	return n->item && n->bucket ? 0 : -ENOMEM;
}

void intern_free(struct intern *n)
{
	free(n->item);
	free(n->bucket);
	*n = (struct intern){};
}

const uint32_t *intern_get(const struct intern *n, size_t number)
{
	return n->item + number * n->width;
}

static size_t vector_hash(const uint32_t *v, size_t width)
{
	uint64_t hash = width;
	size_t i;

	for (i = 0; i < width; i++) {
		hash = (hash ^ v[i]) * 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
		hash ^= hash >> 32;
	}
	return hash;
}

/* Returns the bucket of `v`, or the free one where it belongs. */
static uint32_t *bucket_of(const struct intern *n, const uint32_t *v)
{
	size_t i = vector_hash(v, n->width) & (n->buckets - 1);

	while (n->bucket[i] && memcmp(intern_get(n, n->bucket[i] - 1), v, n->width * sizeof(*v)))
		i = (i + 1) & (n->buckets - 1);
	return &n->bucket[i];
}

static int intern_grow(struct intern *n)
{
	uint32_t *item, *bucket;
	size_t i;

	item = realloc(n->item, 2 * n->room * n->width * sizeof(*item));
	if (!item)
		return -ENOMEM;
	n->item = item;
	bucket = calloc(2 * n->buckets, sizeof(*bucket));
	if (!bucket)
		return -ENOMEM;
	free(n->bucket);
	n->bucket = bucket;
	n->room *= 2;
	n->buckets *= 2;
	for (i = 0; i < n->count; i++)
		*bucket_of(n, intern_get(n, i)) = i + 1;
	return 0;
}

int intern_put(struct intern *n, const uint32_t *v)
{
	uint32_t *at = bucket_of(n, v);

	if (*at)
		return *at - 1;
	if (n->count == n->room) {
		if (intern_grow(n))
			return -ENOMEM;
		at = bucket_of(n, v);
	}
	memcpy(n->item + n->count * n->width, v, n->width * sizeof(*v));
	*at = ++n->count;
	return n->count - 1;
}
