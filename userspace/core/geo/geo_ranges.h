/* SPDX-License-Identifier: BSD-2-Clause */
/* The ranges of a text database, in file order, before they become spans. The reader (geo_text.c) owns them. */
#ifndef SLUICE_CORE_GEO_RANGES_H
#define SLUICE_CORE_GEO_RANGES_H

#include <stdbool.h>

#include "spans.h"

struct geo_range {
	addr_number first, last;
	uint32_t value[SLUICE_GEO_KINDS]; /* 0: it says nothing of this kind */
	int line;
};

struct geo_ranges {
	struct geo_range *item;
	size_t count, room;
	bool unsorted; /* one begins before all earlier ones have ended */
};

/* Returns 0 or -ENOMEM. */
int geo_ranges_add(struct geo_ranges *r, const struct geo_range *add);
/*
 * Fills *out with what they say of one kind. A range inside another is right about its addresses; of two equal ones the later. One that
 * begins inside another and ends outside, or lies in more than 256 others, says nothing from here on: `odd` is told. 0 or -ENOMEM.
 */
int geo_ranges_flatten(struct geo_ranges *r, enum sluice_geo_kind kind,
		       void (*odd)(void *arg, const struct geo_range *one, int around), void *arg, struct spans *out);

#endif
