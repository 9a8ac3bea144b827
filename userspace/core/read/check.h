/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a policy as a whole: see check.c. The reader calls it for every policy, and so does code that changes the policy in force. */
#ifndef SLUICE_CORE_CHECK_H
#define SLUICE_CORE_CHECK_H

#include "policy.h"

/*
 * Checks what no single value shows: ports named twice, percentages of nothing, names that do not exist ... What was refused already
 * (spoilt.h) is not reported as missing.
 */
int policy_check(const struct policy *p, struct diag *d);

#endif
