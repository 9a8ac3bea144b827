/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text databases, one range per row: this finds the layout first (geo_layout.h), then reads each row by it. Others write these files: a row
 * that makes no sense is counted, the first ten are listed, and the other rows are used. If more than half of the rows are bad, or
 * the file ends in the middle of a row, the file is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "geo_formats.h"
#include "geo_layout.h"
#include "geo_ranges.h"
#include "list.h"
#include "text_file.h"

#define GEO_NAMED 10 /* rows */

struct reading {
	struct geo_file *file;
	struct geo_layout layout;
	struct geo_places places;
	struct geo_ranges ranges;
	LIST(uint32_t) decimal; /* ranges, by their index, that are written as numbers */
	bool wide; /* some number is too large for IPv4 */
	struct place here;
	const struct place *at; /* where the policy names the file */
	struct diag *diag;
	uint32_t rows;
	bool torn; /* the last row is bad, and has no end */
};

static void odd(struct reading *r, const char *why, const char *text)
{
	if (r->file->skipped++ < GEO_NAMED)
		diag_at(r->diag, &r->here, "'%.64s' %s", text, why);
}

static void range_odd(void *arg, const struct geo_range *one, int around)
{
	struct reading *r = arg;

	r->here.line = one->line;
	if (r->file->skipped++ < GEO_NAMED)
		diag_at(r->diag, &r->here,
			"this range begins inside that of line %d and ends outside, or is one too many there", around);
}

static int range_add(struct reading *r, const struct geo_row *row)
{
	struct geo_range range = { .first = row->first, .last = row->last, .line = r->here.line };
	uint32_t *decimal = row->decimal ? LIST_ADD(&r->decimal) : NULL;

	if (row->decimal && !decimal)
		return -ENOMEM;
	if (decimal)
		*decimal = r->ranges.count;
	memcpy(range.value, row->value, sizeof(range.value));
	return geo_ranges_add(&r->ranges, &range);
}

/* A range of IPv6 never covers IPv4, however wide it is: it has a hole there. */
static int range_keep(struct reading *r, const struct geo_row *row)
{
	struct geo_row part = *row;
	int err;

	r->wide |= row->decimal && row->last > UINT32_MAX;
	if (!row->value[SLUICE_GEO_COUNTRY] && !row->value[SLUICE_GEO_ASN])
		return 0;
	if (row->first >= IPV4_FIRST || row->last <= IPV4_LAST)
		return range_add(r, row);
	part.last = IPV4_FIRST - 1;
	err = range_add(r, &part);
	part.first = IPV4_LAST + 1;
	part.last = row->last;
	return err ? err : range_add(r, &part);
}

static int line_read(struct reading *r, char *line, bool whole)
{
	const char *text = "", *why = "";
	char *field[GEO_COLUMNS];
	struct geo_row row;
	size_t count;

	r->here.line++;
	if (*line == '#' || !line[strspn(line, " \t\r")])
		return 0;
	r->rows++;
	count = geo_fields_split(line, r->layout.separator, field, GEO_COLUMNS);
	if (!geo_row_read(&r->layout, field, count, &row, &text, &why))
		return range_keep(r, &row);
	odd(r, why, text);
	r->torn = !whole;
	return 0;
}

/* If no number in a file is too large for IPv4, they are IPv4 addresses. */
static void decimals_settle(struct reading *r)
{
	struct geo_range *range;
	size_t i;

	for (i = 0; i < r->decimal.count && !r->wide; i++) {
		range = &r->ranges.item[r->decimal.item[i]];
		range->first += IPV4_FIRST;
		range->last += IPV4_FIRST;
		r->ranges.unsorted |= r->decimal.count != r->ranges.count;
	}
}

static int lines_read(struct reading *r, char *text)
{
	char *line, *next = text;
	int err = 0;

	while (!err && next) {
		line = strsep(&next, "\n");
		err = line_read(r, line, next);
	}
	decimals_settle(r);
	return err;
}

static int text_refuse(struct reading *r, const char *what)
{
	diag_at(r->diag, r->at, "the database %s %s", r->file->path, what);
	return -EINVAL;
}

/* MaxMind's CSV has the countries of its places in another file. */
static int places_read(struct reading *r)
{
	char path[PATH_MAX];

	if (geo_places_find(r->file->path, path))
		return text_refuse(
			r, "names its countries by numbers (geoname_id), and their list is not next to it: unpack "
			   "...-Locations-en.csv into the same folder, and keep the file names from the archive");
	r->file->beside = strdup(path);
	r->layout.places = &r->places;
	return r->file->beside ? geo_places_read(path, r->at, &r->places, r->diag) : -ENOMEM;
}

/* Skips what comes before the first row; *row is a copy of that, as far as names go. */
static char *first_row(struct reading *r, char *text, char row[static 4096])
{
	while (*text == '#' || *text == '\n' || *text == '\r') {
		r->here.line++;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	snprintf(row, 4096, "%.*s", (int)(strcspn(text, "\n") % 4096), text);
	return text;
}

/* Guesses the layout from the rows, if the first row has no names, or no known ones. */
static int layout_guess(struct reading *r, const char *row, const char *text)
{
	if (!*text)
		return text_refuse(r, "is empty: fetch it again");
	if (!strncmp(row, "geoname_id,", strlen("geoname_id,")))
		return text_refuse(r, "is MaxMind's list of locations: name its networks (...-Blocks-IPv4.csv, "
				      "...-Blocks-IPv6.csv); the list is found next to them");
	if (geo_layout_guess(text, &r->layout))
		return text_refuse(r, "has an unknown layout: sluice.conf(5) lists those that are read, under geoip");
	return 0;
}

/* Moves *text behind the names, if the first row has them. */
static int layout_find(struct reading *r, char **text)
{
	char row[4096];

	*text = first_row(r, *text, row);
	r->layout.separator = geo_separator(row);
	if (!geo_is_header(row, r->layout.separator) || geo_layout_named(row, &r->layout))
		return layout_guess(r, row, *text);
	r->here.line++;
	*text += strcspn(*text, "\n");
	*text += **text == '\n';
	return strchr(r->layout.columns, 'G') ? places_read(r) : 0;
}

static int kinds_fill(struct reading *r, struct spans out[static SLUICE_GEO_KINDS])
{
	int kind, err = 0;

	for (kind = 0; kind < SLUICE_GEO_KINDS && !err; kind++)
		err = geo_ranges_flatten(&r->ranges, kind, range_odd, r, &out[kind]);
	return err;
}

/* Is this the database that it should be? Says how much of it is left out. */
static int whole_check(struct reading *r)
{
	const struct geo_file *f = r->file;

	if (r->torn)
		return text_refuse(r, "ends in the middle of a row: it was cut short; fetch it again");
	if (f->skipped > r->rows / 2)
		return text_refuse(r, "has more bad rows than good ones: is it a database of countries or networks? "
				      "sluice.conf(5) lists the layouts under geoip");
	if (f->skipped)
		diag_at(r->diag, r->at,
			"the database %s: %u of %u rows cannot be read and are left out; the others are used", f->path,
			f->skipped, r->rows);
	return 0;
}

int geo_text_read(struct geo_file *f, char *text, const struct place *at, struct spans out[static SLUICE_GEO_KINDS],
		  struct diag *d)
{
	struct reading r = { .file = f, .here = { f->path, 0 }, .at = at, .diag = d };
	int err;

	text += strncmp(text, "\xef\xbb\xbf", 3) ? 0 : 3;
	err = layout_find(&r, &text);
	if (!err)
		err = lines_read(&r, text);
	if (!err)
		err = kinds_fill(&r, out);
	if (!err)
		err = whole_check(&r);
	free(r.ranges.item);
	free(r.decimal.item);
	geo_places_free(&r.places);
	return err;
}
