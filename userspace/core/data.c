/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists and databases that a policy names: parse.c has them read when all files of the policy are. */
#include <errno.h>

#include "data.h"
#include "listfile.h"
#include "schema.h"

/* Read where a country is named and no database: Debian's tor-geoipdb. */
static char *const default_databases[] = { "/usr/share/tor/geoip", "/usr/share/tor/geoip6" };

int lists_read(struct policy *p, struct diag *d)
{
	struct policy_set *set;
	struct place at;
	int err = 0, one;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		set = &p->sets.item[i];
		if (!set->file || !set->enabled)
			continue;
		set->prefixes_written = set->prefixes.count;
		at = policy_place(p, schema_find(SECTION_SET, "file"), set->name, &set->at);
		one = listfile_read(set->file, &at, &set->prefixes, d);
		err = err ? err : one;
	}
	return err;
}

static bool knows(const struct geo *g, enum sluice_geo_kind kind)
{
	return g && (g->entries[kind][SLUICE_IPV4] || g->entries[kind][SLUICE_IPV6]);
}

/* Where the first country (of services and sets), or network, is named. */
static struct place country_place(const struct policy *p, const struct place *otherwise)
{
	size_t i;

	for (i = 0; i < p->services.count; i++) {
		const struct policy_service *s = &p->services.item[i];

		if (s->deny_countries.count || s->allow_countries.count)
			return policy_place(p,
					    schema_find(SECTION_SERVICE,
							s->deny_countries.count ? "deny-countries" : "allow-countries"),
					    s->name, &s->at);
	}
	for (i = 0; i < p->sets.count; i++) {
		if (p->sets.item[i].enabled && p->sets.item[i].countries.count)
			return policy_place(p, schema_find(SECTION_SET, "countries"), p->sets.item[i].name,
					    &p->sets.item[i].at);
	}
	return *otherwise;
}

static struct place network_place(const struct policy *p, const struct place *otherwise)
{
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		if (p->sets.item[i].enabled && p->sets.item[i].asns.count)
			return policy_place(p, schema_find(SECTION_SET, "asns"), p->sets.item[i].name,
					    &p->sets.item[i].at);
	}
	return *otherwise;
}

static int databases_check(const struct policy *p, const struct place *whole, struct diag *d)
{
	struct place at = country_place(p, whole);
	int err = 0;

	if (section_is_spoilt(p, SECTION_GEOIP, "", "database"))
		return 0;
	if (policy_names_countries(p) && !knows(p->geo, SLUICE_GEO_COUNTRY)) {
		diag_at(d, &at,
			"countries are named, but no database of countries: add one to geoip { database = {...} }");
		err = -EINVAL;
	}
	at = network_place(p, whole);
	if (policy_names_networks(p) && !knows(p->geo, SLUICE_GEO_ASN)) {
		diag_at(d, &at,
			"networks (asns) are named, but no database of them: add one to geoip { database = {...} }");
		err = -EINVAL;
	}
	return err;
}

int databases_read(struct policy *p, const struct policy *now, struct diag *d)
{
	const struct place whole = { p->files.count ? p->files.item[0] : NULL, 1, 1 };
	const struct place at = p->databases.count ? policy_place(p, schema_find(SECTION_GEOIP, "database"), "", &whole)
						   : country_place(p, &whole);
	char *const *path = p->databases.item;
	size_t count = p->databases.count;
	int err = 0;

	if (p->geo)
		return databases_check(p, &whole, d);
	if (!count && policy_names_countries(p)) {
		path = default_databases;
		count = sizeof(default_databases) / sizeof(*default_databases);
	}
	if (count && now && geo_is_of(now->geo, path, count))
		p->geo = geo_hold(now->geo);
	else if (count)
		err = geo_read(path, count, &at, &p->geo, d);
	if (err == -EINVAL && path == default_databases)
		diag_at(d, &at,
			"countries are named: install tor-geoipdb, or name a database in geoip { database = {...} }");
	return err ? err : databases_check(p, &whole, d);
}
