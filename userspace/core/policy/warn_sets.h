/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of policy_warn() that is about sets: see warn.h. */
#ifndef SLUICE_CORE_WARN_SETS_H
#define SLUICE_CORE_WARN_SETS_H

#include "policy.h"

/* An address that a host cannot do without, and what it is: "this host's gateway" (static). */
struct own {
	struct prefix prefix;
	const char *what;
};

struct owns {
	struct own *item;
	size_t count, room;
};

#define OWN_ADDRESS "this host's own address" /* `what` for the host's own addresses */

/* Whether the prefixes of the set, or its list, contain the address. */
bool set_names(const struct policy_set *set, const struct sluice_addr *a);
void sets_warn(const struct policy *p, const struct owns *owns, struct diag *d);

#endif
