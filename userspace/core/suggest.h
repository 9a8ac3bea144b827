/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits that fit what was seen. */
#ifndef SLUICE_CORE_SUGGEST_H
#define SLUICE_CORE_SUGGEST_H

#include "policy.h"

/* One in so many sources may meet a suggested limit: an abuser must not set it. */
#define SUGGEST_SPARES 1000

/* Of one histogram of struct sluice_peaks. */
struct suggestion {
	uint32_t sources; /* all that were seen */
	uint32_t refused[SLUICE_PEAKS]; /* by a limit of 2^k */
	unsigned int highest; /* the k whose limit refuses none */
	uint32_t limit; /* suggested; 0: nothing was seen */
};

void suggest_from(const uint32_t histogram[static SLUICE_PEAKS], struct suggestion *out);
/* Puts the suggested limits of a service into `p`, where anything was seen. 0, or -EINVAL with a message. */
int suggest_apply(struct policy *p, const char *service, const struct sluice_peaks *peaks, struct diag *d);

#endif
