/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "data.h"
#include "listfile.h"

/* Read where a country is named and no database: Debian's tor-geoipdb. */
static char *const default_databases[] = { "/usr/share/tor/geoip", "/usr/share/tor/geoip6" };

int lists_read(struct policy *p, struct diag *d)
{
	int err = 0, one;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		if (!p->sets.item[i].file || !p->sets.item[i].enabled)
			continue;
		p->sets.item[i].prefixes_written = p->sets.item[i].prefixes.count;
		one = listfile_read(p->sets.item[i].file, &p->sets.item[i].at, &p->sets.item[i].prefixes, d);
		err = err ? err : one;
	}
	return err;
}

static bool knows(const struct geo *g, enum sluice_geo_kind kind)
{
	return g && (g->entries[kind][SLUICE_IPV4] || g->entries[kind][SLUICE_IPV6]);
}

static int databases_check(const struct policy *p, const struct place *at, struct diag *d)
{
	int err = 0;

	if (policy_names_countries(p) && !knows(p->geo, SLUICE_GEO_COUNTRY)) {
		diag_at(d, at,
			"countries are named, but no database of countries: add one to geoip { database = {...} }");
		err = -EINVAL;
	}
	if (policy_names_networks(p) && !knows(p->geo, SLUICE_GEO_ASN)) {
		diag_at(d, at,
			"networks (asns) are named, but no database of them: add one to geoip { database = {...} }");
		err = -EINVAL;
	}
	return err;
}

int databases_read(struct policy *p, const struct policy *now, struct diag *d)
{
	const struct place whole = { p->files.count ? p->files.item[0] : NULL, 1 };
	const struct place *at = p->databases.count ? &p->geoip_at : &whole;
	char *const *path = p->databases.item;
	size_t count = p->databases.count;
	int err = 0;

	if (p->geo)
		return databases_check(p, at, d);
	if (!count && policy_names_countries(p)) {
		path = default_databases;
		count = sizeof(default_databases) / sizeof(*default_databases);
	}
	if (count && now && geo_is_of(now->geo, path, count))
		p->geo = geo_hold(now->geo);
	else if (count)
		err = geo_read(path, count, at, &p->geo, d);
	if (err == -EINVAL && path == default_databases)
		diag_at(d, at,
			"countries are named: install tor-geoipdb, or name a database in geoip { database = {...} }");
	return err ? err : databases_check(p, at, d);
}
