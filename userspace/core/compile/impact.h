/* SPDX-License-Identifier: BSD-2-Clause */
/* What another policy would change, before it is in force: for the address space, and for each source. */
#ifndef SLUICE_CORE_IMPACT_H
#define SLUICE_CORE_IMPACT_H

#include "compile.h"

/* Address space whose verdict changes, of one family each. */
struct expanse {
	uint64_t count
		[SLUICE_FAMILIES]; /* IPv4 addresses, IPv6 networks of /64 (those touched, each once); at most INT64_MAX */
	double share[SLUICE_FAMILIES]; /* of all addresses of the family, 0 to 1 */
	addr_number next; /* the /64 after the last that was counted; 0: none was */
};

/* At one service. */
struct impact {
	struct expanse refused; /* let in to the limits now, refused then */
	struct expanse admitted; /* the other way round */
};

/* Two policies compiled with one scratch registry, to be compared. */
struct forecast {
	struct registry *registry;
	struct compiled *now, *want;
};

/* As policy_compile(). Freed with forecast_free() in any case. */
int forecast_make(const struct policy *now, const struct policy *want, struct forecast *out, struct diag *d);
void forecast_free(struct forecast *f);
/* At the service of this name; one that only one of the two has lets everything in at the other. */
struct impact forecast_impact(const struct forecast *f, const char *service);
/* NULL: `want` has no such service. */
const struct sluice_rule *forecast_rule(const struct forecast *f, const struct sluice_addr *a, const char *service);

#endif
