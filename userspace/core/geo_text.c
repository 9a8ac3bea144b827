/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text databases, a range a line: FIRST,LAST,WHAT or PREFIX,WHAT, with or without quotes, # begins a comment. FIRST and LAST
 * are addresses, or IPv4 as a decimal number (Debian's tor-geoipdb). WHAT is a country's two letters or a network's
 * number (64496 or AS64496); more fields may follow. "??", "-" and nothing stand for "not known".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "country.h"
#include "geo.h"
#include "list.h"
#include "text.h"

#define GEO_BYTES (1U << 30)
#define GEO_MESSAGES 10 /* a wrong file has a wrong line in every line */
#define FIELDS 3

struct range {
	addr_number first, last;
	uint32_t value;
	int line;
};

struct ranges {
	struct range *item;
	size_t count, room;
	bool sorted; /* as they came: each begins after all before it have ended */
};

struct reading {
	struct geo_file *file;
	struct ranges ranges;
	struct place here;
	struct diag *diag;
	int bad;
};

static int ranges_add(struct ranges *r, const struct range *add)
{
	bool follows = !r->count || r->item[r->count - 1].last < add->first;
	struct range *more = LIST_ADD(r);

	if (!more)
		return -ENOMEM;
	r->sorted &= follows;
	*more = *add;
	return 0;
}

static int refuse(struct reading *r, const char *what, const char *text)
{
	diag_at(r->diag, &r->here, "'%s' %s", text, what);
	r->bad++;
	return -EINVAL;
}

/* Cuts a line into its first fields; quotes and blanks around a field go. */
static size_t fields_split(char *line, char *field[static FIELDS])
{
	size_t n = 0, len;
	char *next = line;

	while (n < FIELDS && next) {
		field[n] = strsep(&next, ",");
		field[n] += strspn(field[n], " \t\"");
		len = strlen(field[n]);
		while (len && strchr(" \t\r\"", field[n][len - 1]))
			field[n][--len] = 0;
		n++;
	}
	return n;
}

static int end_parse(const char *text, addr_number *out)
{
	struct sluice_addr a;
	unsigned long n;
	char *end;

	if (!addr_parse(text, &a)) {
		*out = number_of(&a);
		return 0;
	}
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > UINT32_MAX)
		return -EINVAL;
	*out = IPV4_FIRST + n;
	return 0;
}

static int place_parse(struct reading *r, char *const *field, size_t count, struct range *out, const char **what)
{
	struct prefix p;
	const char *why;

	if (strchr(field[0], '/')) {
		if (prefix_parse(field[0], &p, &why))
			return refuse(r, why ? why : "cannot be kept: no memory left", field[0]);
		out->first = number_of(&p.addr);
		out->last = prefix_last(&p);
		*what = count > 1 ? field[1] : NULL;
		return 0;
	}
	if (end_parse(field[0], &out->first))
		return refuse(r, "is no address: write FIRST,LAST,COUNTRY or PREFIX,COUNTRY", field[0]);
	if (count < 2 || end_parse(field[1], &out->last))
		return refuse(r, "is no address: write FIRST,LAST,COUNTRY", count < 2 ? "" : field[1]);
	if (out->last < out->first)
		return refuse(r, "is where the range ends, before it begins: swap the two", field[1]);
	*what = count > 2 ? field[2] : NULL;
	return 0;
}

static int network_parse(const char *text, uint32_t *out)
{
	unsigned long n;
	char *end;

	if ((text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's'))
		text += 2;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > UINT32_MAX)
		return -EINVAL;
	*out = n;
	return 0;
}

/* The file's kind is that of its first line that says anything. */
static int value_parse(struct reading *r, const char *text, uint32_t *out)
{
	uint16_t country;
	int kind;

	*out = 0;
	if (!*text || !strcmp(text, "-") || !strcmp(text, "??"))
		return 0;
	if (!country_parse(text, &country)) {
		kind = SLUICE_GEO_COUNTRY;
		*out = country;
	} else if (!network_parse(text, out)) {
		kind = SLUICE_GEO_ASN;
	} else {
		return refuse(r, "is neither a country's two letters nor a network's number", text);
	}
	if (!*out || r->file->kind == kind)
		return 0;
	if (r->file->kind != GEO_NO_KIND)
		return refuse(r, "is of another kind than the lines before: countries or networks, one kind a file",
			      text);
	r->file->kind = kind;
	return 0;
}

static bool is_header(const struct reading *r, const char *line)
{
	return r->here.line == 1 && !strpbrk(line, "0123456789");
}

static int line_read(struct reading *r, char *line)
{
	struct range range = { .line = r->here.line };
	const char *what = NULL;
	char *field[FIELDS];
	size_t count;
	int err;

	line[strcspn(line, "#")] = 0;
	if (is_header(r, line))
		return 0;
	count = fields_split(line, field);
	if (count == 1 && !*field[0])
		return 0;
	err = place_parse(r, field, count, &range, &what);
	if (!err && !what)
		err = refuse(r, "says nothing of a country or network: a line cut short?", field[0]);
	if (!err)
		err = value_parse(r, what, &range.value);
	if (err || !range.value)
		return 0; /* counted as bad, or nothing to keep */
	return ranges_add(&r->ranges, &range);
}

/* Ranges that enclose others come before them; of two equal ones the later line comes last. */
static int by_place(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

/* Ends the open ranges that end before `next`: behind each, the range around it goes on. */
static int ranges_end(const struct range **open, size_t *depth, addr_number next, bool all, struct spans *out)
{
	const struct range *ended;
	int err = 0;

	while (*depth && !err && (all || open[*depth - 1]->last < next)) {
		ended = open[--*depth];
		if (ended->last != ADDR_LAST)
			err = spans_add(out, ended->last + 1, *depth ? open[*depth - 1]->value : 0);
	}
	return err;
}

#define DEPTH 256

/* Sorted ranges -> spans. A range inside another is right about its addresses; two that cut each other are an error. */
static int ranges_flatten(struct reading *r, struct spans *out)
{
	const struct range *open[DEPTH], *one;
	size_t depth = 0, i;
	int err;

	err = spans_init(out, 0);
	for (i = 0; i < r->ranges.count && !err; i++) {
		one = &r->ranges.item[i];
		err = ranges_end(open, &depth, one->first, false, out);
		r->here.line = one->line;
		if (depth && open[depth - 1]->last < one->last) {
			diag_at(r->diag, &r->here,
				"this range begins inside that of line %d and ends outside: split one of them",
				open[depth - 1]->line);
			return -EINVAL;
		}
		if (depth == DEPTH) {
			diag_at(r->diag, &r->here, "ranges lie in each other more than %d deep: list each once", DEPTH);
			return -EINVAL;
		}
		if (!err)
			err = spans_add(out, one->first, one->value);
		open[depth++] = one;
	}
	return err ? err : ranges_end(open, &depth, 0, true, out);
}

static int lines_read(struct reading *r, char *text)
{
	char *line, *next = text;
	int err = 0;

	while (!err && r->bad < GEO_MESSAGES && (line = strsep(&next, "\n"))) {
		r->here.line++;
		err = line_read(r, line);
	}
	return !err && r->bad ? -EINVAL : err;
}

int geo_text_read(struct geo_file *f, const struct place *at, struct spans *out, struct diag *d)
{
	struct reading r = { .file = f, .ranges.sorted = true, .here = { f->path, 0 }, .diag = d };
	_cleanup_free_ char *text = NULL;
	int err;

	err = text_read(f->path, GEO_BYTES, at, &text, d);
	if (!err)
		err = lines_read(&r, text);
	if (!err && !r.ranges.sorted)
		qsort(r.ranges.item, r.ranges.count, sizeof(*r.ranges.item), by_place);
	if (!err)
		err = ranges_flatten(&r, out);
	free(r.ranges.item);
	return err;
}
