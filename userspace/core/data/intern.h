/* SPDX-License-Identifier: BSD-2-Clause */
/* Distinct vectors of numbers, numbered 0, 1, 2 ... in the order they came: a hash table that never forgets. */
#ifndef SLUICE_CORE_INTERN_H
#define SLUICE_CORE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern {
	uint32_t *item;
	size_t width; /* length of a vector */
	size_t count, room; /* vectors */
	uint32_t *bucket; /* number of a vector + 1; 0: free */
	size_t buckets; /* a power of two */
};

/* Returns 0 or -ENOMEM; freed with intern_free() in any case. */
int intern_init(struct intern *n, size_t width);
/* Returns the number of vector `v`. A new vector is given one, which is count - 1 then. -ENOMEM without memory. */
int intern_put(struct intern *n, const uint32_t *v);
/* Valid until the next intern_put(). */
const uint32_t *intern_get(const struct intern *n, size_t number);
void intern_free(struct intern *n);

#endif
