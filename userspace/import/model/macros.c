/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that stand for text, in the files of pf and nft. Only to be read here: nothing is run, and nothing is taken from the environment. */
#include <ctype.h>
#include <string.h>

#include "cleanup.h"
#include "import.h"

#define EXPANDED_BYTES 65536
#define EXPANDED_DEEP 8

void macro_add(struct import *m, struct macros *all, const char *name, const char *value)
{
	if (strings_add(&all->names, name) || strings_add(&all->values, value))
		m->failed = true;
}

void macros_clear(struct macros *all)
{
	strings_clear(&all->names);
	strings_clear(&all->values);
}

/* Returns the latest value of the name that begins here; *len is how long the name is. */
static const char *macro_find(const struct macros *all, const char *at, size_t *len)
{
	size_t i, n = 0;

	while (isalnum((unsigned char)at[n]) || at[n] == '_')
		n++;
	*len = n;
	for (i = all->values.count; i && n; i--) {
		if (strlen(all->names.item[i - 1]) == n && !strncmp(all->names.item[i - 1], at, n))
			return all->values.item[i - 1];
	}
	return NULL;
}

/* Replaces each name once. */
static char *expand_once(const struct macros *all, const char *text, bool *changed)
{
	char *out = NULL;
	const char *value;
	size_t size, len;
	FILE *stream = open_memstream(&out, &size);

	*changed = false;
	for (; stream && *text; text++) {
		value = *text == '$' ? macro_find(all, text + 1, &len) : NULL;
		if (value) {
			fprintf(stream, " %s ", value);
			text += len;
			*changed = true;
		} else {
			fputc(*text, stream);
		}
	}
	return stream && !fclose(stream) ? out : NULL;
}

char *macros_expand(struct import *m, const struct macros *all, const char *text)
{
	char *now = strdup(text), *next;
	bool changed = true;
	unsigned int i;

	for (i = 0; now && changed && i < EXPANDED_DEEP && strlen(now) < EXPANDED_BYTES; i++) {
		next = expand_once(all, now, &changed);
		free(now);
		now = next;
	}
	m->failed |= !now;
	return now;
}
