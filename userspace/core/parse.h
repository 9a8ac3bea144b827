/* SPDX-License-Identifier: BSD-2-Clause */
/* Policy files -> struct policy, by libconfuse; and single settings for `sluicectl set`, by the same schema table. */
#ifndef SLUICE_CORE_PARSE_H
#define SLUICE_CORE_PARSE_H

#include "policy.h"

/*
 * Reads `path`, what it includes and the data it names, and checks it as a whole. Databases that have not changed are
 * taken over from `now` (NULL: from nowhere). 0, or -EINVAL with at least one message in `d` (each with
 * file, line, what is wrong and what would be right), or -ENOMEM; *out is untouched on failure, else owned by the caller.
 */
int policy_parse_file(const char *path, const struct policy *now, struct policy **out, struct diag *d);

/*
 * One setting, live: service "" means the top level (mode). Same values, same messages (without a place). 0, -EINVAL, -ENOMEM: then
 * a list may hold some of its elements, and `p` is good for policy_free() only.
 */
int policy_set_value(struct policy *p, const char *service, const char *key, const char *value, struct diag *d);

/* What no single value shows: ports named twice, percentages of nothing, names that do not exist ... */
int policy_check(const struct policy *p, struct diag *d);

/* "90", "90s", "5m", "2h", "1d" -> seconds, at least 1; -EINVAL otherwise. */
int seconds_parse(const char *text, uint32_t *out);

#endif
