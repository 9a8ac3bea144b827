/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments in the zone of the reader: see moment.h. */
#include "moment.h"

static struct tm now_here(void)
{
	time_t now = time(NULL);
	struct tm tm = {};

	tzset(); /* localtime_r() need not do this */
	localtime_r(&now, &tm);
	return tm;
}

const char *moment_say(time_t at, char buf[static MOMENT_LEN])
{
	struct tm tm = {};

	tzset();
	localtime_r(&at, &tm);
	if (!strftime(buf, MOMENT_LEN, "%Y-%m-%d %H:%M:%S %Z", &tm))
		*buf = 0;
	return buf;
}

const char *moment_zone(void)
{
	return now_here().tm_zone ?: "";
}

struct tm moment_clock(time_t at)
{
	struct tm tm = {};

	at += now_here().tm_gmtoff;
	gmtime_r(&at, &tm);
	return tm;
}

bool moment_read(const char *text, time_t *out)
{
	struct tm tm = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return false;
	*out = timegm(&tm);
	return true;
}
