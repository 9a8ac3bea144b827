/* SPDX-License-Identifier: BSD-2-Clause */
/* Policy files -> struct policy, by the grammar in grammar.y. Keys and values are those of the schema table. */
#ifndef SLUICE_CORE_PARSE_H
#define SLUICE_CORE_PARSE_H

#include "policy.h"

#define POLICY_BYTES (1 << 20) /* the largest file of a policy */

/*
 * Reads `path`, what it includes and the data it names, and checks it as a whole. Databases that have not changed, and the content of lists
 * that cannot be used, are taken over from `now` (NULL: from nowhere). 0, with what is wrong with lists in `d`, or -EINVAL with a message in `d` for each mistake (file, line and column, what is wrong,
 * what would be right, and the line with a caret), or -ENOMEM; *out is untouched on failure, else owned by the caller.
 */
int policy_parse_file(const char *path, const struct policy *now, struct policy **out, struct diag *d);

#endif
