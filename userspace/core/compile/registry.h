/* SPDX-License-Identifier: BSD-2-Clause */
/* Which counter belongs to which service and set, across all policies that an instance has had. The compiler calls it; the kernel side stores it. */
#ifndef SLUICE_CORE_REGISTRY_H
#define SLUICE_CORE_REGISTRY_H

#include <stdbool.h>

#include "abi.h"

/*
 * Which counter belongs to which name; the content of the pinned map `names`. Indexes 1..SLUICE_MAX_SERVICES-1 are services; those from
 * SLUICE_MAX_SERVICES on are "SET@SERVICE". A name keeps its index as long as anything may still hold a slot there.
 */
struct registry {
	char name[SLUICE_MAX_TOTALS][SLUICE_TOTAL_NAME_LEN];
	bool used[SLUICE_MAX_TOTALS]; /* named by the policy that was compiled last */
};

/* Returns the index of a name in [from, to), which it is given if it has none, and marks it used. -ENOSPC: all are taken. */
int registry_name(struct registry *reg, const char *name, unsigned int from, unsigned int to);

/* Returns how many indexes in [from, to) have a name. */
unsigned int registry_count(const struct registry *reg, unsigned int from, unsigned int to);

/* Returns the service id of a name, or 0. */
unsigned int registry_service(const struct registry *reg, const char *name);

#endif
