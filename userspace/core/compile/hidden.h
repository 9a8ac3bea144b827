/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds sets that decide nothing, because others apply first at each of their prefixes: most likely a wrong priority, or a list that another
 * one contains. This is a warning like those of policy_warn(), but it needs the whole order of the sets, and so the classifier.
 */
#ifndef SLUICE_CORE_HIDDEN_H
#define SLUICE_CORE_HIDDEN_H

#include "policy.h"

void hidden_warn(const struct policy *p, struct diag *d);

#endif
