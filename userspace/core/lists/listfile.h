/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list files that sets name: what each contains, and what is wrong with it. Others write them, so a list that cannot be used, or looks
 * torn, is no reason to refuse a policy: its last good content stays in force. With `strict`, for the operator's own lists, it is a reason.
 */
#ifndef SLUICE_CORE_LISTFILE_H
#define SLUICE_CORE_LISTFILE_H

#include <stdint.h>

#include "addr.h"
#include "diag.h"
#include "list_text.h"

#define LIST_BYTES (128 << 20)

enum list_reading { LIST_TOLERANT, LIST_STRICT };

enum list_state {
	LIST_READ, /* the content of the file is in force */
	LIST_KEPT, /* the file could not be used: its last good content is in force */
	LIST_NONE, /* the last good content is not known either: nothing is in force */
};

/* Owned, as all lists here (list.h). */
struct numbers {
	uint32_t *item;
	size_t count, room;
};

/* One file as it is in force. Policies share it; its content never changes. */
struct list_file {
	unsigned int holders;
	char *path; /* owned */
	enum list_kind kind;
	enum list_state state;
	struct prefixes prefixes;
	struct numbers networks;
	/* As the file has them: a range counts as one. Networks are counted in the first. */
	uint32_t entries[SLUICE_FAMILIES];
	size_t bad; /* lines of the file that were left out */
	size_t masked; /* prefixes with bits beyond their length, read as the network */
	uint64_t written; /* when the content in force was written: CLOCK_REALTIME, seconds; 0: nothing is in force */
	struct diag said; /* what is wrong */
	char *kept; /* the content is not here but in this file of list_keep.h, owned; NULL: it is here */
	bool saved; /* for the daemon: what is in force is kept already */
};

/* Returns an empty one, or NULL without memory. */
struct list_file *list_file_new(const char *path, enum list_kind kind);
/* Adds a holder, or removes one; the last one frees it. NULL is fine. */
struct list_file *list_file_hold(struct list_file *f);
void list_file_free(struct list_file *f);
size_t list_file_entries(const struct list_file *f);

#endif
