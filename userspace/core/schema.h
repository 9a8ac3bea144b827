/* SPDX-License-Identifier: BSD-2-Clause */
/* Every key of the policy in one table: it drives the file parser, live `set`, dump, diff and "did you mean". */
#ifndef SLUICE_CORE_SCHEMA_H
#define SLUICE_CORE_SCHEMA_H

#include <stdio.h>

#include "policy.h"

/* From SECTION_SERVICE on they have a title; the keys of the others are those of the policy itself. */
enum section {
	SECTION_TOP,
	SECTION_SOURCES,
	SECTION_PRIVACY,
	SECTION_GEOIP,
	SECTION_FLOOD,
	SECTION_METRICS,
	SECTION_SERVICE,
	SECTION_SET,
	SECTION_CONTAINER,
	SECTIONS
};

enum kind {
	KIND_COUNT, /* uint32_t between min and max */
	KIND_SHARE, /* struct share */
	KIND_RATE, /* struct rate */
	KIND_TIME, /* uint32_t, seconds */
	KIND_BOOL,
	KIND_CHOICE, /* int-sized enum: index into `choices` */
	KIND_LISTEN, /* struct listen */
	KIND_FILE,
	KIND_PATTERN, /* absolute */
	/* lists */
	KIND_INTERFACES,
	KIND_PORTS,
	KIND_ADDRESSES, /* struct addresses */
	KIND_PUBLISHED,
	KIND_PREFIXES,
	KIND_SERVICES,
	KIND_COUNTRIES, /* struct countries */
	KIND_NETWORKS, /* struct numbers */
	KIND_DATABASES,
};

struct setting {
	enum section section;
	const char *key;
	enum kind kind;
	size_t offset; /* into the struct of the section */
	uint32_t min, max;
	const char *const *choices; /* NULL-terminated */
	const char *help;
	uint32_t normal; /* of a count, a time or a bool: what it is when nobody says anything */
};

extern const struct setting schema[];
extern const size_t schema_count;
extern const char *const section_names[SECTIONS]; /* "" for the top level */

bool kind_is_list(enum kind kind);
/* The section's keys go to struct policy itself: it has no title. */
bool section_is_single(enum section section);
const struct setting *schema_find(enum section section, const char *key);
/* Sets every count, time and bool of a section to what it is when nobody says anything. */
void schema_defaults(enum section section, void *base);
/* The key most like `key`, "" when none is near. */
const char *schema_suggest(const char *key);

/*
 * Sets one key from its texts (one, but for lists). `base` is the struct of the section; `dir` is what a relative file
 * name is relative to. -EINVAL: `why` (of `size` bytes) says what is wrong and what would be right.
 */
int setting_set(const struct setting *s, void *base, const char *const *text, size_t count, const char *dir, char *why,
		size_t size);
/* The key is what it is when nobody says anything. */
bool setting_is_default(const struct setting *s, const void *base);
/* Writes "KEY = VALUE" as the grammar has it. */
void setting_write(const struct setting *s, const void *base, FILE *out);

#endif
