/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages collected while something is parsed, compiled or applied. core/ and kern/ never print: they append here, and their callers
 * show the messages. A message is one line: the place, what is wrong, and how to fix it. It owns everything that it holds, so it
 * outlives the policy that it is about.
 */
#ifndef SLUICE_CORE_DIAG_H
#define SLUICE_CORE_DIAG_H

#include <stddef.h>

/* Where something was written. It owns nothing. If `file` is NULL, no place is known. */
struct place {
	const char *file;
	int line; /* from 1; 0 means the whole file */
	int column; /* from 1, in characters; 0 means the whole line */
	const char *key; /* key of the policy; NULL: none */
};

struct diag_message {
	char *text; /* "FILE:LINE:COLUMN: what is wrong: what would be right"; unknown parts of the place are left out */
	size_t what, hint; /* where the message begins in it and, in that, the remedy; hint 0: there is none */
	char *file; /* NULL if there is no place; the next three are as in struct place */
	int line, column;
	char *key;
	char *excerpt; /* the line as it was written, with a caret below it; NULL: not known */
};

/* Zero it before first use; diag_free() frees what it holds. */
struct diag {
	struct diag_message *item;
	size_t count, room;
};

__attribute__((format(printf, 3, 4))) void diag_at(struct diag *d, const struct place *at, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void diag_add(struct diag *d, const char *fmt, ...);
/* Copies all messages of `from`, too, without their excerpts. */
void diag_copy(struct diag *d, const struct diag *from);
/* Gives each message about a line of `file`, which contains `text`, that line and a caret. */
void diag_quote(struct diag *d, const char *file, const char *text);
/* Returns all messages with their excerpts, as one string that the caller frees; "" if there are none; NULL without memory. */
char *diag_text(const struct diag *d);
/* Moves all messages of `from` to the end of `to`. */
void diag_move(struct diag *to, struct diag *from);
void diag_free(struct diag *d);
#define _cleanup_diag_ __attribute__((cleanup(diag_free)))

#endif
