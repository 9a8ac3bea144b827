/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Senders with another limit: what `sluicectl limit` says of one prefix. It takes the place of the limits that it names and of nothing else:
 * who is denied stays denied, and who is in a set stays in it. Of two prefixes the closer one counts, key by key; at the same prefix the one
 * that names the service. scope.c fills the list, classify.c finds the closest at an address, compile.c asks for its limits.
 */
#ifndef SLUICE_CORE_SENDER_H
#define SLUICE_CORE_SENDER_H

#include "policy.h"

/* The sender of this prefix at this service ("": at all), made when it is new; NULL without memory. They are kept in order: closer ones later. */
struct policy_sender *sender_open(struct policy *p, const struct prefix *prefix, const char *service);
bool sender_applies(const struct policy_sender *s, const char *service);
/* All that is said of the sender number `i` at a service, by itself and by wider prefixes; only what is `given` counts. */
struct limits sender_limits(const struct policy *p, size_t i, const char *service);
/* 0, or -EINVAL with a message: a service that does not exist, a share of nothing, networks that are no wider than sources. */
int senders_check(const struct policy *p, struct diag *d);

#endif
