/* SPDX-License-Identifier: BSD-2-Clause */
/* Which sets win at an address, service by service, and which services its country may not use: resolved once, here. */
#ifndef SLUICE_CORE_CLASSIFY_H
#define SLUICE_CORE_CLASSIFY_H

#include "intern.h"
#include "policy.h"

#define NO_SET UINT32_MAX

/* The elements of a vector of `kinds`, one for each service of the policy. */
#define KIND(sender, set, abroad) (((sender) + 1) << 16 | (((set) + 1) & 0x7fff) << 1 | (abroad))
#define KIND_SENDER(kind) (((kind) >> 16) - 1) /* the sender with own limits, by place in the policy; NO_SET: none */
#define KIND_SET(kind) (((kind) >> 1 & 0x7fff) - 1) /* the set that decides, by its place in the policy */
#define KIND_ABROAD(kind) ((kind)&1) /* the service refuses this country, unless the set allows or denies it */

struct classified {
	struct intern
		kinds; /* class -> one number for each service of the policy; class 0 comes first: no set, country unknown */
	struct spans leaves; /* address -> SLUICE_LEAF_CLASS and SLUICE_LEAF_COUNTRY */
};

/* Returns 0, -ENOMEM, or -ENOSPC: more than SLUICE_MAX_CLASSES. Freed with classified_free() in any case. */
int policy_classify(const struct policy *p, struct classified *out);
void classified_free(struct classified *c);

#endif
