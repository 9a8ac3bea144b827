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

/* Of addresses, prefixes and ranges; or of networks by their AS number. */
enum list_kind { LIST_PREFIXES, LIST_NETWORKS };

struct element {
	const char *text; /* what it names, as it is written */
	const char *time; /* the word behind it, of a plain line; how long it lasts, of a dump; NULL: neither */
	bool dumped; /* by a firewall: words after the address are not mistakes */
	bool crowded; /* more stands behind it than a time */
	bool cut; /* perhaps: the last line of the file, without its end */
};

struct list_reader {
	enum list_kind kind;
	/* 0, -ENOMEM, or -EINVAL with *why (static): a bad line. `arg` is the reader's own. */
	int (*take)(void *arg, const struct element *e, const char **why);
	/* A bad line; not 0 ends the reading with that. */
	int (*bad)(void *arg, unsigned int line, const char *text, const char *why);
	void *arg;
	unsigned int line; /* where it is, from 1 */
	const char *wrong, *remedy; /* why the file as a whole is refused (static) */
};

/* Says that the file as a whole is refused. Returns -EINVAL. */
int list_refuse(struct list_reader *r, const char *wrong, const char *remedy);
/* One element for the reader, or said to be bad. */
int list_take(struct list_reader *r, const struct element *e);
/* A bad line; return 0 to continue. */
int list_bad(struct list_reader *r, const char *text, const char *why);

/*
 * What a tolerant reader makes of a prefix with bits beyond its length: the network that it is in. -EINVAL where that is hardly what was
 * meant: the line may have been cut short.
 */
int list_masked(const struct element *e, struct prefix *out);

#endif
