/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Senders with their own limits: what `sluicectl limit` sets for one prefix. It replaces the limits that it names and nothing else: a denied
 * sender stays denied, and a member of a set stays in it. If two prefixes match, the more specific one counts, key by key; of two with the same
 * prefix, the one that names the service. scope.c fills the list, classify.c finds the most specific one at an address, compile.c reads its limits.
 */
#ifndef SLUICE_CORE_SENDER_H
#define SLUICE_CORE_SENDER_H

#include "policy.h"

/*
 * Returns the sender of this prefix at this service ("": at all), made if it is new, or NULL without memory. They are kept in order: closer
 * ones come later.
 */
struct policy_sender *sender_open(struct policy *p, const struct prefix *prefix, const char *service);
bool sender_applies(const struct policy_sender *s, const char *service);
/* Returns all limits of sender number `i` at a service, its own and those of wider prefixes; only what is `given` counts. */
struct limits sender_limits(const struct policy *p, size_t i, const char *service);
/* Returns 0, or -EINVAL with a message: a service that does not exist, a share of nothing, networks that are no wider than sources. */
int senders_check(const struct policy *p, struct diag *d);

#endif
