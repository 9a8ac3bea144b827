/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of a good policy that can match nothing, everybody, or the host itself. Who checks a policy or puts one in force asks, and shows what
 * is said; it is never an error.
 */
#ifndef SLUICE_CORE_WARN_H
#define SLUICE_CORE_WARN_H

#include "policy.h"

/* Whom a host cannot do without, and what that is: "this host's gateway" (static). */
struct own {
	struct prefix prefix;
	const char *what;
};

struct owns {
	struct own *item;
	size_t count, room;
};

#define OWN_ADDRESS "this host's own address" /* `what` of those of the host itself */

void policy_warn(const struct policy *p, const struct owns *owns, struct diag *d);

#endif
