/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of a good policy that can match nothing, everybody, or the host itself. Who checks a policy or puts one in force asks, and shows what
 * is said; it is never an error.
 */
#ifndef SLUICE_CORE_WARN_H
#define SLUICE_CORE_WARN_H

#include "warn_sets.h"

void policy_warn(const struct policy *p, const struct owns *owns, struct diag *d);

#endif
