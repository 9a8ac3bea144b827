/* SPDX-License-Identifier: BSD-2-Clause */
#include "reason.h"
#include "tally.h"

__u64 tally_admitted(const struct sluice_stat stats[static SLUICE_REASONS])
{
	return stats[SLUICE_ADMITTED].connections + stats[SLUICE_ALLOWED].connections +
	       stats[SLUICE_OBSERVE].connections + stats[SLUICE_COOKIE_VALID].connections;
}

__u64 tally_refused(const struct sluice_stat stats[static SLUICE_REASONS])
{
	__u64 sum = 0;
	int why;

	for (why = 0; why < SLUICE_REASONS; why++)
		sum += reason_refuses(why) ? stats[why].connections : 0;
	return sum;
}

__u64 tally_observed(const struct sluice_stat stats[static SLUICE_REASONS])
{
	__u64 sum = 0;
	int why;

	for (why = 0; why < SLUICE_REASONS; why++)
		sum += reason_refuses(why) ? stats[why].observed : 0;
	return sum;
}
