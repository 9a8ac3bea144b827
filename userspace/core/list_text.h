/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in the files of lists: their elements, one after the other, from each format that is read (list_text.c says which). What is
 * made of an element is its reader's: listfile.c has those of sets, banfile.c those of `ban --file`.
 */
#ifndef SLUICE_CORE_LIST_TEXT_H
#define SLUICE_CORE_LIST_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"

/* Of addresses, prefixes and ranges; or of networks by their AS number. */
enum list_kind { LIST_PREFIXES, LIST_NETWORKS };

struct element {
	const char *text; /* what it names, as it is written */
	const char *time; /* the word behind it, of a plain line; how long it lasts, of a dump; NULL: neither */
	bool dumped; /* by a firewall: what stands behind it is no slip */
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

/*
 * All elements of `text`, which is cut up. 0; -EINVAL with `wrong`, `remedy` and `line` set: a format that is not read, or a list of another
 * kind, or one that is known to be cut short; else what a function of the reader said.
 */
int list_text_read(struct list_reader *r, char *text);
/* Says that the file as a whole is refused. Returns -EINVAL. */
int list_refuse(struct list_reader *r, const char *wrong, const char *remedy);
/* One element for the reader, or said to be bad. */
int list_take(struct list_reader *r, const struct element *e);
/* A line that is none; 0 goes on. */
int list_bad(struct list_reader *r, const char *text, const char *why);

/*
 * What a tolerant reader makes of a prefix with bits beyond its length: the network that it is in. -EINVAL where that is hardly what was
 * meant: the line may have been cut short.
 */
int list_masked(const struct element *e, struct prefix *out);

/* list_dump.c: the formats that are no plain lines. */
int list_json_read(struct list_reader *r, char *text);
int list_ipset_read(struct list_reader *r, char *text);
int list_nft_read(struct list_reader *r, char *text);

#endif
