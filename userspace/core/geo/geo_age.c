/* SPDX-License-Identifier: BSD-2-Clause */
/* How often each database is published, and so when it counts as old: see geo_age.h. */
#include <string.h>

#include "geo.h"
#include "geo_age.h"

/* As their vendors say, with a few days of grace. The first word that is found counts. */
static const struct geo_pace paces[] = {
	{ "/tor/", "with Debian's releases", 365 },
	{ "geolite", "twice a week", 21 },
	{ "geoip2", "twice a week", 21 },
	{ "dbip", "monthly", 45 },
	{ "ip2location", "monthly", 45 },
	{ "ip2lite", "monthly", 45 },
	{ "ipinfo", "daily", 7 },
	{ "ip2asn", "daily", 7 },
	{ "ip2country", "daily", 7 },
	{ "delegated-", "daily", 7 },
};
static const struct geo_pace unknown = { "", "at unknown intervals", 45 };

const struct geo_pace *geo_pace_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(paces) / sizeof(*paces); i++) {
		if (strcasestr(name, paces[i].word))
			return &paces[i];
	}
	return NULL;
}

const struct geo_pace *geo_pace_of(const char *name)
{
	const struct geo_pace *pace = geo_pace_named(name);

	return pace ? pace : &unknown;
}

bool geo_file_is_old(const struct geo_file *f, time_t now)
{
	return now > (time_t)f->built && now - (time_t)f->built > (time_t)f->pace->days * 86400;
}
