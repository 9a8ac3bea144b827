/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of a text database, cut into its fields: see geo_fields.h. */
#include "geo_fields.h"

#include <stdbool.h>
#include <string.h>

/* Returns the field that begins here, without its quotes; *rest is what follows the separator, or NULL at the end of the line. */
static char *field_cut(char *at, char separator, char **rest)
{
	char *from = at + strspn(at, separator == '\t' ? " " : " \t"), *to = from;
	bool quoted = *from == '"';

	for (at = from + quoted; *at && (quoted || *at != separator); at++) {
		if (quoted && *at == '"' && at[1] != '"')
			quoted = false;
		else if (!quoted && *at == '#' && (at == from || at[-1] == ' ' || at[-1] == '\t'))
			break;
		else
			*to++ = *at;
		at += quoted && *at == '"';
	}
	*rest = *at == separator && *at ? at + 1 : NULL;
	while (to > from && strchr(" \t\r", to[-1]))
		to--;
	*to = 0;
	return from;
}

size_t geo_fields_split(char *line, char separator, char **field, size_t most)
{
	char *rest = line;
	size_t n = 0;

	while (rest && n < most)
		field[n++] = field_cut(rest, separator, &rest);
	return n;
}

char geo_separator(const char *line)
{
	static const char may[] = "\t|;";
	size_t i;

	for (i = 0; i < sizeof(may) - 1; i++) {
		if (strchr(line, may[i]) && (may[i] != ';' || !strchr(line, ',')))
			return may[i];
	}
	return ',';
}
