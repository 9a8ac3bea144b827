/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments in UTC: see utc.h. */
#include <stdio.h>
#include <time.h>

#include "utc.h"

#define YEAR_10000 253402300800ULL

const char *utc_say(uint64_t when, char buf[static UTC_LEN])
{
	time_t at = (time_t)when;
	struct tm tm;

	if (when >= YEAR_10000 || !gmtime_r(&at, &tm) || !strftime(buf, UTC_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, UTC_LEN, "?");
	return buf;
}
