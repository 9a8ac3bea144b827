/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets that decide nowhere, since others apply first at each of their prefixes: most likely a slip in a priority, or a list that another
 * one holds. A warning, as those of policy_warn(), that needs the whole order of the sets, and so the classifier.
 */
#ifndef SLUICE_CORE_HIDDEN_H
#define SLUICE_CORE_HIDDEN_H

#include "policy.h"

void hidden_warn(const struct policy *p, struct diag *d);

#endif
