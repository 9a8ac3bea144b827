/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `ban --file` and `unban --file` read: the formats of list_text.h. In plain files an address may be followed by its own time. The same
 * parser reads the words of a single ban.
 */
#ifndef SLUICE_CORE_BANFILE_H
#define SLUICE_CORE_BANFILE_H

#include <stdint.h>

#include "addr.h"
#include "diag.h"

struct ban_line {
	struct prefix prefix;
	uint32_t seconds; /* 0: for ever */
	unsigned int line; /* 0 if it came from no file */
};

/* A growing list, all 0 before its first element; its owner frees `item`. */
struct ban_lines {
	struct ban_line *item;
	size_t count, room;
};

/* Returns their prefixes, in order, freed with free(), or NULL without memory. */
struct prefix *ban_lines_prefixes(const struct ban_lines *list);
/* "never" and "-1" give 0, for ever; others are read as in seconds_parse(). */
int ban_time_parse(const char *text, uint32_t *seconds);
/*
 * Adds what `text` names, each until `seconds` from now. Returns -EINVAL with *why (static), or -ENOMEM. Unlike in a policy, a short IPv6
 * prefix is not split: the gate knows that it covers no IPv4.
 */
int ban_text_parse(struct ban_lines *list, const char *text, uint32_t seconds, unsigned int line, const char **why);
/* Reads a text that must name exactly one prefix; errors as above. */
int ban_prefix_parse(const char *text, struct prefix *out, const char **why);
/*
 * The whole file; `text` is cut up. -EINVAL with the first ten bad lines in `d`, each with its number and `file`, its name; -ENOMEM. `left_out`, where it is
 * not NULL: bad lines are named, counted there and left out, and bits beyond a prefix's length are cut off.
 */
int ban_file_parse(struct ban_lines *list, const char *file, char *text, uint32_t seconds, size_t *left_out,
		   struct diag *d);

#endif
