/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of a text database, cut into its fields: geo_layout.c, geo_places.c and geo_text.c call this. */
#ifndef SLUICE_CORE_GEO_FIELDS_H
#define SLUICE_CORE_GEO_FIELDS_H

#include <stddef.h>

#define GEO_COLUMNS 40 /* later fields contain nothing that is needed */

/*
 * Cuts a line, including its quotes, at the separator; a '#' after a blank begins a comment. Returns how many fields there are (at most
 * `most`).
 */
size_t geo_fields_split(char *line, char separator, char **field, size_t most);
/* Returns which character separates the fields of this line. */
char geo_separator(const char *line);

#endif
