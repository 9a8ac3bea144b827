/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Warns about parts of a good policy that match nothing, everybody, or the host itself. Code that checks a policy or puts one in force calls
 * this and shows the warnings; they are never errors.
 */
#ifndef SLUICE_CORE_WARN_H
#define SLUICE_CORE_WARN_H

#include "warn_sets.h"

void policy_warn(const struct policy *p, const struct owns *owns, struct diag *d);

#endif
