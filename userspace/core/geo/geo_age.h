/* SPDX-License-Identifier: BSD-2-Clause */
/* How often a database is published, and so when it counts as old. geo.c asks by its name; code that shows databases asks by its age. */
#ifndef SLUICE_CORE_GEO_AGE_H
#define SLUICE_CORE_GEO_AGE_H

#include <stdbool.h>
#include <time.h>

struct geo_file;

struct geo_pace {
	const char *word; /* found in the name, or in the type that an MMDB names */
	const char *published;
	unsigned int days; /* if it is older, several of its updates were missed */
};

/* Returns NULL if the name says nothing. */
const struct geo_pace *geo_pace_named(const char *name);
/* Returns the same, or what holds for unknown databases: never NULL. */
const struct geo_pace *geo_pace_of(const char *name);
bool geo_file_is_old(const struct geo_file *f, time_t now);

#endif
