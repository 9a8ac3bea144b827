/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes between two policies, for `diff`, `reload` and `apply`: whole records, compared by what dump would write. */
#ifndef SLUICE_CORE_PLAN_H
#define SLUICE_CORE_PLAN_H

#include "policy.h"

enum plan_kind { PLAN_ADDED, PLAN_CHANGED, PLAN_REMOVED };

struct plan_item {
	enum plan_kind kind;
	char *what; /* "service smtp: max-connections-per-source: 20 -> 5", "source-set partners", "mode: enforce -> observe" */
};

struct plan {
	struct plan_item *item;
	size_t count, room;
	unsigned int added, changed, removed; /* services, sets and top-level settings */
};

/* Returns 0 or -ENOMEM. NULL for `now` means an empty policy with defaults. *out is owned by the caller. */
int plan_diff(const struct policy *now, const struct policy *want, struct plan **out);
void plan_free(struct plan *p);

#endif
