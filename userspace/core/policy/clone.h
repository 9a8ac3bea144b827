/* SPDX-License-Identifier: BSD-2-Clause */
/* A copy of a policy, for whoever changes one that is in force: it changes the copy, and puts that in force. */
#ifndef SLUICE_CORE_CLONE_H
#define SLUICE_CORE_CLONE_H

#include "policy.h"

/* A deep copy; NULL without memory. */
struct policy *policy_clone(const struct policy *p);

#endif
