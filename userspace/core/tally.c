/* SPDX-License-Identifier: BSD-2-Clause */
#include "tally.h"

__u64 tally_admitted(const struct sluice_stat stats[static SLUICE_REASONS])
{
	return stats[SLUICE_ADMITTED].connections + stats[SLUICE_ALLOWED].connections +
	       stats[SLUICE_OBSERVE].connections;
}

__u64 tally_refused(const struct sluice_stat stats[static SLUICE_REASONS])
{
	__u64 sum = 0;
	int why;

	for (why = SLUICE_FIRST_REFUSAL; why < SLUICE_REASONS; why++)
		sum += stats[why].connections;
	return sum;
}

__u64 tally_observed(const struct sluice_stat stats[static SLUICE_REASONS])
{
	__u64 sum = 0;
	int why;

	for (why = SLUICE_FIRST_REFUSAL; why < SLUICE_REASONS; why++)
		sum += stats[why].observed;
	return sum;
}
