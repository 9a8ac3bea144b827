/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the lists and databases that a policy names: parse.c calls it after all files of the policy. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "data.h"
#include "geo_read.h"
#include "list_read.h"
#include "schema.h"
#include "spoilt.h"

/* Read if no database is named: Debian's tor-geoipdb. */
static char *const default_databases[] = { "/usr/share/tor/geoip", "/usr/share/tor/geoip6" };
#define DEFAULTS (sizeof(default_databases) / sizeof(*default_databases))

static bool counts_installed;

void databases_count_installed(void)
{
	counts_installed = true;
}

/* Returns what `now` has of the same file in force, in any set, or NULL. */
static const struct list_file *list_before(const struct policy *now, const char *path, enum list_kind kind)
{
	const struct list_file *f;
	size_t i;

	for (i = 0; now && i < now->sets.count; i++) {
		f = kind == LIST_PREFIXES ? now->sets.item[i].listed : now->sets.item[i].listed_asns;
		if (f && !strcmp(f->path, path))
			return f;
	}
	return NULL;
}

static int list_read(const struct policy *p, struct policy_set *set, enum list_kind kind, const struct policy *now,
		     struct diag *d)
{
	const bool networks = kind == LIST_NETWORKS;
	struct list_file **to = networks ? &set->listed_asns : &set->listed;
	struct list_wanted want = { networks ? set->asns_file : set->file, kind, set->reading, {} };

	list_file_free(*to);
	*to = NULL;
	if (!want.path || !set->enabled)
		return 0;
	want.at = schema_place(p, SECTION_SET, set->name, networks ? "asns-file" : "file", &set->at);
	return list_file_read(&want, list_before(now, want.path, kind), to, d);
}

int lists_read(struct policy *p, const struct policy *now, struct diag *d)
{
	int err = 0, one;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		one = list_read(p, &p->sets.item[i], LIST_PREFIXES, now, d);
		err = err ? err : one;
		one = list_read(p, &p->sets.item[i], LIST_NETWORKS, now, d);
		err = err ? err : one;
	}
	return err;
}

/* Whether what is read is what the set names. */
static bool is_complete(const struct policy_set *s, const char *path, const struct list_file *f)
{
	return s->enabled && path ? f && !strcmp(f->path, path) : !f;
}

static int list_complete(struct policy *p, struct policy_set *set, enum list_kind kind, const struct policy *now,
			 struct diag *d)
{
	const bool networks = kind == LIST_NETWORKS;
	struct list_file *const *f = networks ? &set->listed_asns : &set->listed;
	int err;

	if (is_complete(set, networks ? set->asns_file : set->file, *f))
		return 0;
	err = list_read(p, set, kind, now, d);
	if (!err && *f)
		diag_copy(d, &(*f)->said);
	return err;
}

int lists_complete(struct policy *p, const struct policy *now, struct diag *d)
{
	int err = 0;
	size_t i;

	for (i = 0; i < p->sets.count && !err; i++) {
		err = list_complete(p, &p->sets.item[i], LIST_PREFIXES, now, d);
		if (!err)
			err = list_complete(p, &p->sets.item[i], LIST_NETWORKS, now, d);
	}
	return err;
}

void lists_say(const struct policy *p, struct diag *d)
{
	const struct policy_set *s;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		s = &p->sets.item[i];
		if (s->listed)
			diag_copy(d, &s->listed->said);
		if (s->listed_asns)
			diag_copy(d, &s->listed_asns->said);
	}
}

static bool knows(const struct geo *g, enum sluice_geo_kind kind)
{
	return g && (g->entries[kind][SLUICE_IPV4] || g->entries[kind][SLUICE_IPV6]);
}

/* Returns where the first country (of services and sets), or network, is named. */
static struct place country_place(const struct policy *p, const struct place *otherwise)
{
	size_t i;

	for (i = 0; i < p->services.count; i++) {
		const struct policy_service *s = &p->services.item[i];

		if (s->deny_countries.count || s->allow_countries.count)
			return schema_place(p, SECTION_SERVICE, s->name,
					    s->deny_countries.count ? "deny-countries" : "allow-countries", &s->at);
	}
	for (i = 0; i < p->sets.count; i++) {
		if (p->sets.item[i].enabled && p->sets.item[i].countries.count)
			return schema_place(p, SECTION_SET, p->sets.item[i].name, "countries", &p->sets.item[i].at);
	}
	return *otherwise;
}

static struct place network_place(const struct policy *p, const struct place *otherwise)
{
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		const struct policy_set *s = &p->sets.item[i];

		if (s->enabled && (s->asns.count || s->asns_file))
			return schema_place(p, SECTION_SET, s->name, s->asns.count ? "asns" : "asns-file", &s->at);
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
		diag_at(d, &at, "countries are named, but no country database: add one to geoip { database = {...} }");
		err = -EINVAL;
	}
	at = network_place(p, whole);
	if (policy_names_networks(p) && !knows(p->geo, SLUICE_GEO_ASN)) {
		diag_at(d, &at,
			"networks (asns) are named, but no network database: add one to geoip { database = {...} }");
		err = -EINVAL;
	}
	return err;
}

static int databases_load(struct policy *p, char *const *path, size_t count, const struct policy *now,
			  const struct place *at, struct diag *d)
{
	if (!now || !geo_is_of(now->geo, path, count))
		return geo_read(path, count, at, &p->geo, d);
	p->geo = geo_hold(now->geo);
	return 0;
}

static bool are_installed(void)
{
	size_t i;

	for (i = 0; i < DEFAULTS && !access(default_databases[i], R_OK); i++)
		;
	return i == DEFAULTS;
}

/* Nobody asked for these: if they cannot be used, nothing is counted, and that is all. */
static int installed_read(struct policy *p, const struct policy *now, const struct place *at, struct diag *d)
{
	int err;

	if (!counts_installed || !p->count_countries || !policy_only_counts_countries(p) || !are_installed())
		return 0;
	err = databases_load(p, default_databases, DEFAULTS, now, at, d);
	if (err == -EINVAL)
		diag_add(
			d,
			"so connections are not counted by country; the policy asks for nothing else of those databases");
	return err == -ENOMEM ? err : 0;
}

int databases_read(struct policy *p, const struct policy *now, struct diag *d)
{
	const struct place whole = { p->files.count ? p->files.item[0] : NULL, 1, 1 };
	const struct place at =
		p->databases.count ? schema_place(p, SECTION_GEOIP, "", "database", &whole) : country_place(p, &whole);
	char *const *path = p->databases.item;
	size_t count = p->databases.count;
	int err;

	if (p->geo)
		return databases_check(p, &whole, d);
	if (!count && policy_names_countries(p)) {
		path = default_databases;
		count = DEFAULTS;
	}
	err = count ? databases_load(p, path, count, now, &at, d) : installed_read(p, now, &whole, d);
	if (err == -EINVAL && path == default_databases)
		diag_at(d, &at,
			"countries are named: install tor-geoipdb, or name a database in geoip { database = {...} }");
	return err ? err : databases_check(p, &whole, d);
}
