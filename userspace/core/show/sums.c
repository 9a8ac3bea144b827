/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up the counters of one service: see sums.h. */
#include "sums.h"

__u64 sum_admitted(const struct sluice_stat stats[static SLUICE_REASONS])
{
	__u64 sum = 0;
	int why;

	for (why = 0; why < SLUICE_REASONS; why++)
		sum += reason_admits(why) ? stats[why].connections : 0;
	return sum;
}

struct sum_refusals sum_refusals(const struct sluice_stat stats[static SLUICE_REASONS])
{
	struct sum_refusals sum = { .observed = stats[SLUICE_OBSERVE].connections };
	int why;

	for (why = 0; why < SLUICE_REASONS; why++)
		sum.refused += reason_refuses(why) ? stats[why].connections : 0;
	return sum;
}
