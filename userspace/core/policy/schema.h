/* SPDX-License-Identifier: BSD-2-Clause */
/* Every key of the policy in one table: it drives the file parser, live `set`, dump, diff and "did you mean". */
#ifndef SLUICE_CORE_SCHEMA_H
#define SLUICE_CORE_SCHEMA_H

#include <stdio.h>

#include "section.h"

enum kind {
	KIND_COUNT, /* uint32_t between min and max */
	KIND_SHARE, /* struct share */
	KIND_RATE, /* struct rate */
	KIND_TIME, /* uint32_t, seconds */
	KIND_MILLISECONDS, /* uint32_t between min and max */
	KIND_BOOL,
	KIND_CHOICE, /* int-sized enum: index into `choices` */
	KIND_LISTEN, /* struct listen */
	KIND_FILE,
	KIND_NAME, /* char[SLUICE_NAME_LEN] */
	KIND_PATTERN, /* absolute */
	/* lists */
	KIND_INTERFACES, /* struct strings */
	KIND_PORTS, /* of struct policy_service */
	KIND_ADDRESSES, /* struct addresses */
	KIND_PUBLISHED, /* of struct policy_container */
	KIND_PREFIXES, /* of struct policy_set */
	KIND_SERVICES, /* struct strings */
	KIND_COUNTRIES, /* struct countries */
	KIND_NETWORKS, /* struct numbers */
	KIND_DATABASES, /* struct strings */
	KIND_SERVERS, /* struct strings */
	KIND_TRANSLATED, /* struct prefixes */
};

struct setting {
	enum section section;
	const char *key;
	enum kind kind;
	size_t offset; /* into the struct of the section; unused if the kind implies the section */
	uint32_t min, max;
	const char *const *choices; /* NULL-terminated */
	const char *help;
	uint32_t normal; /* default of a count, a time or a bool */
};

extern const struct setting schema[];
extern const size_t schema_count;

bool kind_is_list(enum kind kind);
const struct setting *schema_find(enum section section, const char *key);
/* Sets every count, time and bool of a section to its default. */
void schema_defaults(enum section section, void *base);
/*
 * Returns the key of this section that is most like `key`, or "" if none is near. The other function returns the first section with exactly
 * this key, or SECTIONS.
 */
const char *schema_suggest(enum section section, const char *key);
enum section schema_owner(const char *key);
/* Returns where this section sets a key, or `otherwise` if no file does. */
struct place schema_place(const struct policy *p, enum section section, const char *title, const char *key,
			  const struct place *otherwise);

/*
 * Sets a key, or adds an element to a list, from its text. `base` is the struct of the section; relative file names are relative to `dir`.
 * Returns 0, -ENOMEM, or -EINVAL: `why` (of `size` bytes) says what is wrong and what would be right.
 */
int setting_set(const struct setting *s, void *base, const char *text, const char *dir, char *why, size_t size);
/* Empties a key that is a list. Returns how many elements it had. */
void list_clear(const struct setting *s, void *base);
size_t list_count(const struct setting *s, const void *base);
/* Whether the key has its default value. */
bool setting_is_default(const struct setting *s, const void *base);
/* Writes "KEY = VALUE" as the grammar has it. */
void setting_write(const struct setting *s, const void *base, FILE *out);

#endif
