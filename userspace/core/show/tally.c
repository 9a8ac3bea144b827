/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up the counters of one service: see tally.h. */
#include "reason.h"
#include "tally.h"

__u64 tally_admitted(const struct sluice_stat stats[static SLUICE_REASONS])
{
	__u64 sum = 0;
	int why;

	for (why = 0; why < SLUICE_REASONS; why++)
		sum += reason_admits(why) ? stats[why].connections : 0;
	return sum;
}

struct tally_refusals tally_refusals(const struct sluice_stat stats[static SLUICE_REASONS])
{
	struct tally_refusals sum = {};
	int why;

	for (why = 0; why < SLUICE_REASONS; why++) {
		sum.refused += reason_refuses(why) ? stats[why].connections : 0;
		sum.observed += reason_refuses(why) ? stats[why].observed : 0;
	}
	return sum;
}
