/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The elements of a list, one after the other, as a format passes them to its reader: list_read.c has the readers for sets, banfile.c
 * the one for `ban --file`. The formats are in list_text.c and list_dump.c.
 */
#ifndef SLUICE_CORE_LIST_READER_H
#define SLUICE_CORE_LIST_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"

/* Lists of addresses, prefixes and ranges; or of networks, by their AS number. */
enum list_kind { LIST_PREFIXES, LIST_NETWORKS };

struct element {
	const char *text; /* what it names, as written */
	const char *time; /* in a plain line, the word after it; in a dump, how long it lasts; NULL: neither */
	bool dumped; /* a firewall wrote it: words after the address are no mistakes */
	bool crowded; /* more than a time follows it */
	bool cut; /* it may be incomplete: it is in the last line of the file, which has no end */
};

struct list_reader {
	enum list_kind kind;
	/* Returns 0, -ENOMEM, or -EINVAL with *why (static) for a bad line. `arg` is the reader's own. */
	int (*take)(void *arg, const struct element *e, const char **why);
	/* Handles a bad line; a non-zero result ends the reading with that. */
	int (*bad)(void *arg, unsigned int line, const char *text, const char *why);
	void *arg;
	unsigned int line; /* the present line, from 1 */
	const char *wrong, *remedy; /* why the file as a whole is refused (static) */
};

/* Says that the file as a whole is refused. Returns -EINVAL. */
int list_refuse(struct list_reader *r, const char *wrong, const char *remedy);
/* Passes one element to the reader, or reports it as bad. */
int list_take(struct list_reader *r, const struct element *e);
/* A bad line; return 0 to continue. */
int list_bad(struct list_reader *r, const char *text, const char *why);

/*
 * Makes of a prefix with bits beyond its length what a tolerant reader does: the network that it is in. -EINVAL if that is hardly what was
 * meant: the line may have been cut short.
 */
int list_masked(const struct element *e, struct prefix *out);
/* Whether it holds a quarter of IPv4 or more, or all of IPv6 that is assigned. Published lists of what is reserved have 224.0.0.0/3 and 4000::/3. */
bool list_is_everybody(const struct prefix *p);

#endif
