/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds out what each field of a text database means, and reads rows accordingly: see geo_layout.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "country.h"
#include "geo_layout.h"
#include "value.h"

#define TRIED 1000 /* rows that are tried, to recognise a layout without names */

/* Layouts without a row of names. If two fit the same number of rows, the first is taken, so the more specific ones come first. */
static const struct known {
	char separator; /* 0: any except '|' */
	const char *columns, *prefixed; /* as in struct geo_layout */
} known[] = {
	{ '|', ".CTVW.U", NULL }, /* the registries' statistics, delegated or delegated-extended */
	{ 0, "SEnnC", NULL }, /* MaxMind's old CSV */
	{ 0, "SEpN", NULL }, /* IP2Location's networks */
	{ 0, "SEKC", NULL }, /* DB-IP: country, city, and its commercial databases */
	{ 0, "SENC", "PNC" }, /* iptoasn.com */
	{ 0, "SEC", "PC" }, /* tor-geoipdb; DB-IP and IP2Location: country, city; many others */
	{ 0, "SEN", "PN" }, /* DB-IP: networks; many others */
};

/* The column names that a first row may have, and their letters. If two columns have the same letter, the one that is first here counts. */
static const struct {
	const char *name;
	char column;
} names[] = {
	{ "network", 'P' },
	{ "prefix", 'P' },
	{ "ip_prefix", 'P' },
	{ "cidr", 'P' },
	{ "subnet", 'P' },
	{ "start_ip", 'S' },
	{ "ip_start", 'S' },
	{ "ip_from", 'S' },
	{ "ip_range_start", 'S' },
	{ "range_start", 'S' },
	{ "network_start_ip", 'S' },
	{ "start_address", 'S' },
	{ "start", 'S' },
	{ "first", 'S' },
	{ "from", 'S' },
	{ "end_ip", 'E' },
	{ "ip_end", 'E' },
	{ "ip_to", 'E' },
	{ "ip_range_end", 'E' },
	{ "range_end", 'E' },
	{ "network_last_ip", 'E' },
	{ "end_address", 'E' },
	{ "end", 'E' },
	{ "last", 'E' },
	{ "to", 'E' },
	{ "country_code", 'C' },
	{ "country_iso_code", 'C' },
	{ "iso_code", 'C' },
	{ "country_code2", 'C' },
	{ "cc", 'C' },
	{ "country", 'C' },
	{ "asn", 'N' },
	{ "as_number", 'N' },
	{ "autonomous_system_number", 'N' },
	{ "geoname_id", 'G' },
	{ "registered_country_geoname_id", 'R' },
};

/* Reads a decimal number of up to 128 bits. */
static int number_parse(const char *text, addr_number *out)
{
	addr_number n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > (ADDR_LAST - (*text - '0')) / 10)
			return -EINVAL;
		n = n * 10 + (*text - '0');
	}
	*out = n;
	return 0;
}

static int end_parse(const char *text, addr_number *out, bool *decimal)
{
	struct sluice_addr a;

	*decimal = !number_parse(text, out);
	if (*decimal)
		return 0;
	if (addr_parse(text, &a))
		return -EINVAL;
	*out = number_of(&a);
	return 0;
}

/* For data of others: bits beyond the prefix are cut off. */
static int network_parse(const char *text, addr_number *first, addr_number *last)
{
	_cleanup_free_ char *copy = strdup(text);
	char *slash = copy ? strchr(copy, '/') : NULL;
	bool mapped = strchr(text, ':');
	struct prefix p;

	if (!slash)
		return -EINVAL;
	*slash++ = 0;
	if (addr_parse(copy, &p.addr) || count_parse(slash, 0, mapped ? 128 : 32, &p.len))
		return -EINVAL;
	p.len += mapped ? 0 : 96;
	p.addr = addr_mask(&p.addr, p.len);
	*first = number_of(&p.addr);
	*last = prefix_last(&p);
	return 0;
}

/* "" and others that are no network mean 0. */
static int asn_cell_parse(const char *text, uint32_t *out)
{
	static const char *const none[] = { "", "-", "??", "None", "none", "NULL", "\\N", "N/A", "NA" };
	size_t i;

	*out = 0;
	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		if (!strcmp(text, none[i]))
			return 0;
	}
	if ((text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's'))
		text += 2;
	return count_parse(text, 0, UINT32_MAX, out);
}

static bool is_continent(const char *text)
{
	static const char codes[] = "AF AN AS EU NA OC SA ZZ";

	return !*text || (strlen(text) == 2 && strstr(codes, text));
}

static bool is_prefix(const char *text)
{
	addr_number first, last;

	return !network_parse(text, &first, &last);
}

static bool is_number(const char *text)
{
	addr_number n;

	return !number_parse(text, &n);
}

/* The fields of a row by their letter. */
struct cells {
	const char *by[128];
	const char *text, *why; /* what is wrong, and with which text */
};

static int cells_refuse(struct cells *c, char column, const char *why)
{
	c->text = c->by[(unsigned char)column] ? c->by[(unsigned char)column] : "";
	c->why = why;
	return -EINVAL;
}

static int range_read(struct cells *c, struct geo_row *out)
{
	bool first, last;

	if (c->by['P'])
		return network_parse(c->by['P'], &out->first, &out->last) ? cells_refuse(c, 'P', "is not a prefix") : 0;
	if (end_parse(c->by['S'], &out->first, &first))
		return cells_refuse(c, 'S', "is not an address");
	if (end_parse(c->by['E'], &out->last, &last) || first != last)
		return cells_refuse(c, 'E', "is not an address");
	if (out->last < out->first)
		return cells_refuse(c, 'E', "is the end of the range, but lies before its beginning");
	out->decimal = first;
	return 0;
}

/* A registry's row: an address and a count, or a prefix and its length. What is assigned to nobody has no country. */
static int registry_read(struct cells *c, struct geo_row *out)
{
	struct sluice_addr a;
	uint32_t width;

	out->first = out->last = 0;
	if (isdigit((unsigned char)*c->by['.']) || !strcmp(c->by['C'], "*") || !strcmp(c->by['T'], "asn") ||
	    !strcmp(c->by['U'], "available") || !strcmp(c->by['U'], "reserved")) {
		c->by['C'] = "";
		return 0;
	}
	if (addr_parse(c->by['V'], &a))
		return cells_refuse(c, 'V', "is not an address");
	if (count_parse(c->by['W'], 1, UINT32_MAX, &width))
		return cells_refuse(c, 'W', "is neither a number of addresses nor a prefix length");
	out->first = number_of(&a);
	if (!addr_is_ipv4(&a) && width > 128)
		return cells_refuse(c, 'W', "is not a prefix length");
	if (addr_is_ipv4(&a))
		out->last = out->first + width - 1;
	else
		out->last = out->first | (width < 128 ? ADDR_LAST >> width : 0);
	return addr_is_ipv4(&a) && out->last > IPV4_LAST ? cells_refuse(c, 'W', "reaches beyond IPv4") : 0;
}

/* Reads where the database thinks that the address is; otherwise where its owner is registered. */
static int place_read(struct cells *c, const struct geo_places *places, uint32_t *out)
{
	char column = *c->by['G'] || !c->by['R'] ? 'G' : 'R';
	const char *text = c->by[(unsigned char)column];
	const struct geo_place *place;
	uint32_t number;

	if (!*text)
		return 0;
	if (count_parse(text, 1, UINT32_MAX, &number))
		return cells_refuse(c, column, "is not the number of a location");
	place = geo_place_find(places, number);
	if (!place)
		return cells_refuse(c, column, "is a location that the file of locations does not have");
	*out = place->country;
	return 0;
}

static int values_read(struct cells *c, const struct geo_layout *l, struct geo_row *out)
{
	uint16_t country = 0;

	if (c->by['C'] && country_of_data(c->by['C'], &country))
		return cells_refuse(c, 'C', "is not a two-letter country code");
	out->value[SLUICE_GEO_COUNTRY] = country;
	if (c->by['N'] && asn_cell_parse(c->by['N'], &out->value[SLUICE_GEO_ASN]))
		return cells_refuse(c, 'N', "is not a network number");
	return c->by['G'] ? place_read(c, l->places, &out->value[SLUICE_GEO_COUNTRY]) : 0;
}

static int row_read(struct cells *c, const struct geo_layout *l, struct geo_row *out)
{
	int err;

	if (c->by['K'] && !is_continent(c->by['K']))
		return cells_refuse(c, 'K', "is not a continent");
	if (c->by['p'] && !is_prefix(c->by['p']))
		return cells_refuse(c, 'p', "is not a prefix");
	if (c->by['n'] && !is_number(c->by['n']))
		return cells_refuse(c, 'n', "is not a number");
	err = c->by['T'] ? registry_read(c, out) : range_read(c, out);
	return err ? err : values_read(c, l, out);
}

int geo_row_read(const struct geo_layout *l, char *const *field, size_t count, struct geo_row *out, const char **text,
		 const char **why)
{
	struct cells c = { .by['U'] = "" }; /* rows that are no addresses have no status */
	const char *columns = l->prefixed && strchr(field[0], '/') ? l->prefixed : l->columns;
	size_t i;
	int err;

	*out = (struct geo_row){};
	for (i = 0; columns[i]; i++) {
		if (i < count && (columns[i] != '.' || !i))
			c.by[(unsigned char)columns[i]] = field[i];
		if (i < count || strchr(".U", columns[i]))
			continue;
		*text = field[0];
		*why = "begins a row that has too few fields";
		return -EINVAL;
	}
	err = row_read(&c, l, out);
	*text = c.text;
	*why = c.why;
	return err;
}

bool geo_is_header(const char *line, char separator)
{
	_cleanup_free_ char *copy = strdup(line);
	addr_number first, last;
	char *field[1];
	bool decimal;

	if (!copy || separator == '|' || !geo_fields_split(copy, separator, field, 1))
		return false;
	return network_parse(field[0], &first, &last) && end_parse(field[0], &first, &decimal);
}

/* Names are compared in lower case, with '_' for blanks. */
static bool is_named(const char *text, const char *name)
{
	for (; *text && *name; text++, name++) {
		if ((*text == ' ' || *text == '-' ? '_' : tolower((unsigned char)*text)) != *name)
			return false;
	}
	return !*text && !*name;
}

int geo_layout_named(const char *line, struct geo_layout *l)
{
	_cleanup_free_ char *copy = strdup(line);
	char *field[GEO_COLUMNS];
	size_t count, i, j;

	if (!copy)
		return -ENOMEM;
	count = geo_fields_split(copy, l->separator, field, GEO_COLUMNS);
	memset(l->columns, '.', count);
	l->columns[count] = 0;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (j = 0; j < count && !strchr(l->columns, names[i].column); j++) {
			if (l->columns[j] == '.' && is_named(field[j], names[i].name))
				l->columns[j] = names[i].column;
		}
	}
	for (i = 0; i < count && strchr(l->columns, 'C'); i++) {
		if (strchr("GR", l->columns[i]))
			l->columns[i] = '.'; /* a value that is written here needs no look-up */
	}
	while (count && l->columns[count - 1] == '.')
		l->columns[--count] = 0;
	if (!strchr(l->columns, 'P') && (!strchr(l->columns, 'S') || !strchr(l->columns, 'E')))
		return -ENOENT;
	return strpbrk(l->columns, "CNG") ? 0 : -ENOENT;
}

static bool row_fits(const struct geo_layout *l, const char *line, size_t len)
{
	_cleanup_free_ char *copy = strndup(line, len);
	const char *text, *why;
	char *field[GEO_COLUMNS];
	struct geo_row row;
	size_t count;

	if (!copy)
		return false;
	count = geo_fields_split(copy, l->separator, field, GEO_COLUMNS);
	return !geo_row_read(l, field, count, &row, &text, &why);
}

static unsigned int rows_fit(const struct geo_layout *l, const char *text)
{
	unsigned int fit = 0, tried = 0;
	size_t len;

	for (; *text && tried < TRIED; text += len + (text[len] != 0)) {
		len = strcspn(text, "\n");
		if (len > 1 && *text != '#' && ++tried)
			fit += row_fits(l, text, len);
	}
	return fit;
}

int geo_layout_guess(const char *text, struct geo_layout *l)
{
	struct geo_layout try = *l;
	unsigned int best = 0, fit;
	const struct known *k;

	for (k = known; k < known + sizeof(known) / sizeof(*known); k++) {
		if ((k->separator == '|') != (l->separator == '|'))
			continue;
		strcpy(try.columns, k->columns);
		try.prefixed = k->prefixed;
		fit = rows_fit(&try, text);
		if (fit <= best)
			continue;
		best = fit;
		*l = try;
	}
	return best ? 0 : -ENOENT;
}
