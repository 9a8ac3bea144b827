/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies a policy. Code that wants to change the policy in force changes a copy, and puts that in force. */
#ifndef SLUICE_CORE_CLONE_H
#define SLUICE_CORE_CLONE_H

#include "policy.h"

/* Makes a deep copy; NULL without memory. */
struct policy *policy_clone(const struct policy *p);

#endif
