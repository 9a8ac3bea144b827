/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages collected while something is parsed, compiled or applied. core/ and kern/ never print; they append here. */
#ifndef SLUICE_CORE_DIAG_H
#define SLUICE_CORE_DIAG_H

#include <stddef.h>

struct diag_message {
	char *text; /* "FILE:LINE: what is wrong: what would be right", or without place */
};

/* Zero it before first use; diag_free() frees what it holds. */
struct diag {
	struct diag_message *item;
	size_t count, room;
};

/* Where something was written. `file` is not owned. NULL file: no place is known. */
struct place {
	const char *file;
	int line;
};

__attribute__((format(printf, 3, 4))) void diag_at(struct diag *d, const struct place *at, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void diag_add(struct diag *d, const char *fmt, ...);
/* All messages, a line each, as one string that the caller frees; "" where there are none; NULL without memory. */
char *diag_text(const struct diag *d);
void diag_free(struct diag *d);
#define _cleanup_diag_ __attribute__((cleanup(diag_free)))

#endif
