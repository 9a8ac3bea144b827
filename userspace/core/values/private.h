/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses that are in no country, because they are in no public network: RFC 1918 and 4193, link-local, loopback. classify.c calls this where
 * countries decide, warn.c to say whom a policy shuts out. Also addresses that no packet can come from, for orders that name them.
 */
#ifndef SLUICE_CORE_PRIVATE_H
#define SLUICE_CORE_PRIVATE_H

#include "spans.h"

bool addr_is_private(const struct sluice_addr *a);
/* Whether no router forwards it (RFC 6890): loopback and link-local. No mail comes from there through a guarded interface. */
bool addr_is_never_forwarded(const struct sluice_addr *a);
/* Returns NULL, or why no connection can come from anywhere in it: "it is multicast" (static). */
const char *prefix_without_senders(const struct prefix *p);
/* Whether it has so many addresses that nobody means all of them: it is shorter than /8, or /16 for IPv6. */
bool prefix_is_wide(const struct prefix *p);
/* Makes spans with 1 for private addresses, else 0. Returns 0 or -ENOMEM. */
int private_spans(struct spans *out);

#endif
