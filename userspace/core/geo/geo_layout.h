/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of a text database: what each field means. The names in the first row tell it, or, if there are none, this tries
 * the known layouts on the first thousand rows. geo_text.c calls it once per file.
 */
#ifndef SLUICE_CORE_GEO_LAYOUT_H
#define SLUICE_CORE_GEO_LAYOUT_H

#include <stdbool.h>

#include "geo_fields.h"
#include "geo_places.h"
#include "spans.h"

struct geo_layout {
	char separator; /* ',' ';' '\t' '|' */
	/*
	 * One letter for each field: S, E: start and end of a range; P: a prefix; C: a country; N: a network; G, R: the place and the
	 * registered place (GeoNames), whose countries are in another file; K, p, n: a continent, a prefix, a number, which must be there
	 * and are not used; T, V, W, U: type, start, width and status of a registry's row; '.': any text.
	 */
	char columns[GEO_COLUMNS + 1];
	const char *prefixed; /* columns of rows that begin with a prefix; NULL: the same columns */
	const struct geo_places *places; /* of G and R */
};

struct geo_row {
	addr_number first, last;
	bool decimal; /* addresses are numbers: of IPv4, unless some row of the file has one that is too large for IPv4 */
	uint32_t value[SLUICE_GEO_KINDS];
};

/* -EINVAL: the field *text is not what it should be, and *why says how. A row that says nothing has no values. */
int geo_row_read(const struct geo_layout *l, char *const *field, size_t count, struct geo_row *out, const char **text,
		 const char **why);
/* Is this a row of column names? Rows with addresses, prefixes or numbers are not. */
bool geo_is_header(const char *line, char separator);
/* Finds the layout by its names. Returns -ENOENT if they name no addresses, or neither a country nor a network. */
int geo_layout_named(const char *line, struct geo_layout *l);
/* Finds the layout that fits most of the first rows of `text`. Returns -ENOENT if none fits any. */
int geo_layout_guess(const char *text, struct geo_layout *l);

#endif
