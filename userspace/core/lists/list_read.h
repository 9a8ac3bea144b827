/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the file of a list, or its kept content: see list_read.c. */
#ifndef SLUICE_CORE_LIST_READ_H
#define SLUICE_CORE_LIST_READ_H

#include "listfile.h"

struct list_wanted {
	const char *path;
	enum list_kind kind;
	enum list_reading reading;
	struct place at; /* where the policy names it */
};

/*
 * Reads a list. *out is given back with list_file_free(). Of a tolerant reading only -ENOMEM fails: what cannot be used is replaced by what
 * `before` (NULL: nothing) holds, and (*out)->said says so. Of a strict one -EINVAL, too, with messages in `d`.
 */
int list_file_read(const struct list_wanted *want, const struct list_file *before, struct list_file **out,
		   struct diag *d);

#endif
