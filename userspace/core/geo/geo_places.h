/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locations by their number (GeoNames), and the country of each. MaxMind's CSV has them in a separate file, ...-Locations-en.csv, next to the
 * one of networks, ...-Blocks-IPv4.csv. geo_text.c reads both together.
 */
#ifndef SLUICE_CORE_GEO_PLACES_H
#define SLUICE_CORE_GEO_PLACES_H

#include <limits.h>
#include <stdint.h>

#include "diag.h"

struct geo_place {
	uint32_t number;
	uint16_t country; /* 0: the place is in none (a continent), or in an unknown one */
};

struct geo_places {
	struct geo_place *item; /* sorted */
	size_t count, room;
};

/*
 * Finds the file of locations of a database: it is in the same folder, and has the same name up to "-Blocks-". Returns -ENOENT if there is
 * none.
 */
int geo_places_find(const char *database, char path[static PATH_MAX]);
/* Returns 0, -ENOMEM, or -EINVAL with a message. Freed with geo_places_free() in any case. */
int geo_places_read(const char *path, const struct place *at, struct geo_places *out, struct diag *d);
void geo_places_free(struct geo_places *p);
/* Returns NULL if there is no such place. */
const struct geo_place *geo_place_find(const struct geo_places *p, uint32_t number);

#endif
