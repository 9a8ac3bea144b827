/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses that nobody should ban by accident: this host's own, its gateways, its resolvers, and the operator's session.
 * The daemon checks them before it carries out an order that covers many addresses.
 */
#ifndef SLUICE_KERN_OWN_H
#define SLUICE_KERN_OWN_H

#include "warn.h"

struct engine;

/* `session` is the address of the caller's session, or "". What cannot be found out is left out. Freed with owns_free(). */
int owns_find(const struct engine *e, const char *session, struct owns *out);
void owns_free(struct owns *list);
/* Adds what policy_warn() and hidden_warn() say of the policy on this host. Needs no engine. */
void owns_warn(const struct policy *p, struct diag *d);

#endif
