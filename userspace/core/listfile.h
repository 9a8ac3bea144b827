/* SPDX-License-Identifier: BSD-2-Clause */
/* List files: an address, prefix or range a line, '#' or ';' starts a comment (the format of the public drop lists). */
#ifndef SLUICE_CORE_LISTFILE_H
#define SLUICE_CORE_LISTFILE_H

#include "addr.h"
#include "diag.h"

/* Appends to `list`. `at` is where the policy names the file. -EINVAL with messages, -ENOMEM; then `list` is as it was. */
int listfile_read(const char *path, const struct place *at, struct prefixes *list, struct diag *d);

#endif
