/* SPDX-License-Identifier: BSD-2-Clause */
/* What another policy would change, before it is in force: for the address space, and for each source. */
#ifndef SLUICE_CORE_IMPACT_H
#define SLUICE_CORE_IMPACT_H

#include "compile.h"

/* Address space of each family whose verdict changes. */
struct expanse {
	uint64_t count
		[SLUICE_FAMILIES]; /* IPv4 addresses, and IPv6 networks of /64 (each that is touched, once); at most INT64_MAX */
	double share[SLUICE_FAMILIES]; /* part of all addresses of the family, 0 to 1 */
	addr_number next; /* the /64 after the last one counted; 0: none was */
};

/* What changes at one service. */
struct impact {
	struct expanse refused; /* let in to the limits now, refused by the new policy */
	struct expanse admitted; /* the other way round */
};

/* Two policies compiled with one temporary registry, to be compared. */
struct forecast {
	struct registry *registry;
	struct compiled *now, *want;
};

/* Returns what policy_compile() does. Freed with forecast_free() in any case. */
int forecast_make(const struct policy *now, const struct policy *want, struct forecast *out, struct diag *d);
void forecast_free(struct forecast *f);
/* Compares the service of this name. A policy that does not have the service lets everything in. */
struct impact forecast_impact(const struct forecast *f, const char *service);
/* Returns NULL if `want` has no such service. */
const struct sluice_rule *forecast_rule(const struct forecast *f, const struct sluice_addr *a, const char *service);

#endif
