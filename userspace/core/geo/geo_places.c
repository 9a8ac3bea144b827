/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the file of locations next to a database: see geo_places.h. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "country.h"
#include "geo_fields.h"
#include "geo_load.h"
#include "geo_places.h"
#include "list.h"
#include "value.h"

int geo_places_find(const char *database, char path[static PATH_MAX])
{
	const char *blocks = NULL, *next = database;
	char pattern[PATH_MAX];
	glob_t found = {};
	int err;

	while ((next = strstr(next, "-Blocks-")))
		blocks = next++;
	if (!blocks)
		return -ENOENT;
	snprintf(pattern, sizeof(pattern), "%.*s-Locations-*.csv*", (int)(blocks - database), database);
	err = glob(pattern, 0, NULL, &found) ? -ENOENT : 0;
	if (!err)
		snprintf(path, PATH_MAX, "%s", found.gl_pathv[0]); /* countries are the same in every language */
	globfree(&found);
	return err;
}

/* Finds the fields of number and country. Returns false if this is no list of places. */
static bool columns_find(char *const *field, size_t count, size_t *number, size_t *country)
{
	size_t i;

	*number = *country = count;
	for (i = 0; i < count; i++) {
		if (!strcmp(field[i], "geoname_id"))
			*number = i;
		if (!strcmp(field[i], "country_iso_code"))
			*country = i;
	}
	return *number < count && *country < count;
}

static int place_add(struct geo_places *p, const char *number, const char *country)
{
	struct geo_place place = {}, *more;

	if (count_parse(number, 1, UINT32_MAX, &place.number))
		return 0; /* nothing can refer to it */
	country_of_data(country, &place.country);
	more = LIST_ADD(p);
	if (!more)
		return -ENOMEM;
	*more = place;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct geo_place *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int rows_read(struct geo_places *p, char *text)
{
	size_t number = 0, country = 0, count;
	char *field[GEO_COLUMNS], *line;
	bool begun = false;
	int err = 0;

	while (!err && (line = strsep(&text, "\n"))) {
		count = geo_fields_split(line, ',', field, GEO_COLUMNS);
		if (!begun && !columns_find(field, count, &number, &country))
			return -EINVAL;
		if (begun && count > number && count > country)
			err = place_add(p, field[number], field[country]);
		begun = true;
	}
	if (p->count)
		qsort(p->item, p->count, sizeof(*p->item), by_number);
	return err ? err : p->count ? 0 : -EINVAL;
}

int geo_places_read(const char *path, const struct place *at, struct geo_places *out, struct diag *d)
{
	struct geo_bytes bytes;
	int err = geo_load(path, at, &bytes, d);

	if (err)
		return err;
	err = rows_read(out, bytes.at);
	free(bytes.at);
	if (err == -EINVAL)
		diag_at(d, at, "%s is not MaxMind's list of locations (geoname_id, country_iso_code): fetch it again",
			path);
	return err;
}

void geo_places_free(struct geo_places *p)
{
	free(p->item);
	*p = (struct geo_places){};
}

const struct geo_place *geo_place_find(const struct geo_places *p, uint32_t number)
{
	const struct geo_place key = { .number = number };

	return p && p->count ? bsearch(&key, p->item, p->count, sizeof(key), by_number) : NULL;
}
