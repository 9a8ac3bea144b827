/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of a good policy that can match nothing, or that match the host itself. Who checks a policy or puts one in force asks, and shows what
 * is said; it is never an error.
 */
#ifndef SLUICE_CORE_WARN_H
#define SLUICE_CORE_WARN_H

#include "policy.h"

/* `own`: the addresses of this host. */
void policy_warn(const struct policy *p, const struct prefixes *own, struct diag *d);

#endif
