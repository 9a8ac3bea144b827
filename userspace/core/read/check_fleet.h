/* SPDX-License-Identifier: BSD-2-Clause */
/* What a policy says of a fleet, and must say besides: three checks of policy_check(). Each: 0, or -EINVAL with the reason in `d`. */
#ifndef SLUICE_CORE_CHECK_FLEET_H
#define SLUICE_CORE_CHECK_FLEET_H

#include "policy.h"

/* `whole` is where the policy begins. */
int fleet_section_check(const struct policy *p, const struct place *whole, struct diag *d);
int fleet_service_check(const struct policy *p, const struct policy_service *s, struct diag *d);
int fleet_set_check(const struct policy *p, const struct policy_set *s, struct diag *d);

#endif
