/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole address space cut into spans, each with a value: sorted, without gaps, neighbours of equal value joined. IPv4
 * stands in mapped form. A span ends where the next begins. The first begins at ::, so no list of spans is empty.
 */
#ifndef SLUICE_CORE_SPANS_H
#define SLUICE_CORE_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* An address as a number. */
typedef unsigned __int128 addr_number;

addr_number number_of(const struct sluice_addr *a);
struct sluice_addr addr_of(addr_number n);
addr_number prefix_last(const struct prefix *p);

#define IPV4_FIRST ((addr_number)0xffff << 32)
#define IPV4_LAST (IPV4_FIRST + 0xffffffff)
#define ADDR_LAST (~(addr_number)0)

struct span {
	addr_number first;
	uint32_t value;
};

struct spans {
	struct span *item;
	size_t count, room;
};

/* Makes one span of `value`. The three functions return 0 or -ENOMEM. */
int spans_init(struct spans *s, uint32_t value);
/* From `first` on (never below the last span's first), everything has `value`. */
int spans_add(struct spans *s, addr_number first, uint32_t value);
/* Walks two lists side by side: zero it except for `a` and `b`; each next() gives a stretch in which neither changes. */
struct spans_walk {
	const struct spans *a, *b;
	addr_number first, last; /* of the stretch */
	uint32_t value_a, value_b;
	size_t i, j; /* the spans it lies in */
	bool begun;
};

bool spans_walk_next(struct spans_walk *w);
/* Adds to the (zeroed) *out what `join` makes of the values that both have at an address. */
int spans_join(const struct spans *a, const struct spans *b, uint32_t (*join)(void *arg, uint32_t va, uint32_t vb),
	       void *arg, struct spans *out);
/* Returns where the i-th span ends. */
addr_number span_last(const struct spans *s, size_t i);
/* Returns the span that contains an address; the other function returns its value. */
size_t spans_place(const struct spans *s, addr_number n);
uint32_t spans_find(const struct spans *s, addr_number n);
void spans_free(struct spans *s);

#endif
