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
 * Reads a list. *out is given back with list_file_free(). A tolerant read fails only with -ENOMEM: what cannot be used is replaced by what
 * `before` (NULL: nothing) contains, and (*out)->said says so. A strict read also fails with -EINVAL, with messages in `d`.
 */
int list_file_read(const struct list_wanted *want, const struct list_file *before, struct list_file **out,
		   struct diag *d);

#endif
