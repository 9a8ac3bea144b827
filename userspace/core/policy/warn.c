/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of policy_warn() about countries, networks and services: see warn.h. Sets are in warn_sets.c. Changes nothing, owns nothing. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "private.h"
#include "schema.h"
#include "warn.h"
#include "warn_sets.h"

#define NAMED 10

/* Names in a row, where there may be too many to name all. */
struct names {
	char text[NAMED * 16];
	unsigned int count;
};

static void names_add(struct names *n, const char *name)
{
	size_t len = strlen(n->text);

	if (n->count++ < NAMED)
		snprintf(n->text + len, sizeof(n->text) - len, "%s%s", len ? ", " : "", name);
}

static const char *names_more(const struct names *n, char buf[static 32])
{
	*buf = 0;
	if (n->count > NAMED)
		snprintf(buf, 32, " and %u more", n->count - NAMED);
	return buf;
}

/* Finds the countries that some row of the databases names; ZZ needs none. */
static void countries_find(const struct geo *g, struct countries *out)
{
	const struct spans *s = &g->by_kind[SLUICE_GEO_COUNTRY];
	size_t i;

	*out = (struct countries){};
	countries_add(out, 0);
	for (i = 0; i < s->count; i++)
		countries_add(out, s->item[i].value);
}

/* A group has many members, and some of them have no internet: nobody named those. */
static void countries_warn(const struct countries *list, const struct countries *found, const struct place *at,
			   struct diag *d)
{
	struct names none = {};
	char text[3], more[32];
	uint16_t i;

	for (i = 0; i < SLUICE_COUNTRIES; i++) {
		if (countries_name(list, i) && !countries_have(found, i))
			names_add(&none, country_text(i, text));
	}
	if (none.count)
		diag_at(d, at, "no row of the databases names %s%s: that matches nothing", none.text,
			names_more(&none, more));
}

/* Whoever writes EU mostly means its members. */
static void union_warn(const struct countries *list, const struct place *at, struct diag *d)
{
	uint16_t eu, member;

	if (country_parse("EU", &eu) || country_parse("DE", &member))
		return;
	if (countries_name(list, eu) && !countries_have(list, member))
		diag_at(d, at, "databases use EU for addresses of Europe as a whole: the member states are EU27");
}

static void section_warn(const struct policy *p, enum section section, const char *key, const void *base,
			 const struct countries *list, const struct countries *found, struct diag *d)
{
	const struct place nowhere = {};
	struct place at = schema_place(p, section, section_title(section, base), key, &nowhere);

	countries_warn(list, found, &at, d);
	union_warn(list, &at, d);
}

static void all_countries_warn(const struct policy *p, struct diag *d)
{
	const struct policy_service *s;
	const struct policy_set *set;
	struct countries found;
	size_t i;

	countries_find(p->geo, &found);
	for (i = 0; i < p->services.count; i++) {
		s = &p->services.item[i];
		section_warn(p, SECTION_SERVICE, "deny-countries", s, &s->deny_countries, &found, d);
		section_warn(p, SECTION_SERVICE, "allow-countries", s, &s->allow_countries, &found, d);
	}
	for (i = 0; i < p->sets.count; i++) {
		set = &p->sets.item[i];
		if (set->enabled)
			section_warn(p, SECTION_SET, "countries", set, &set->countries, &found, d);
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Returns the numbers of all networks that some row names, sorted, or NULL without memory. */
static uint32_t *networks_find(const struct geo *g, size_t *count)
{
	const struct spans *s = &g->by_kind[SLUICE_GEO_ASN];
	uint32_t *all = reallocarray(NULL, s->count + 1, sizeof(*all));
	size_t i;

	for (i = 0; i < s->count && all; i++)
		all[i] = s->item[i].value;
	*count = s->count;
	if (all)
		qsort(all, *count, sizeof(*all), by_number);
	return all;
}

static void set_networks_warn(const struct policy *p, const struct policy_set *set, const uint32_t *all, size_t count,
			      struct diag *d)
{
	const struct place at = schema_place(p, SECTION_SET, set->name, "asns", &set->at);
	struct names none = {};
	char name[16], more[32];
	size_t i;

	for (i = 0; i < set->asns.count; i++) {
		if (bsearch(&set->asns.item[i], all, count, sizeof(*all), by_number))
			continue;
		snprintf(name, sizeof(name), "AS%u", set->asns.item[i]);
		names_add(&none, name);
	}
	if (none.count)
		diag_at(d, &at, "no row of the databases names %s%s: that matches nothing", none.text,
			names_more(&none, more));
}

static void networks_warn(const struct policy *p, struct diag *d)
{
	size_t count, i;
	_cleanup_free_ uint32_t *all = networks_find(p->geo, &count);

	for (i = 0; i < p->sets.count && all; i++) {
		if (p->sets.item[i].enabled)
			set_networks_warn(p, &p->sets.item[i], all, count, d);
	}
}

/* If only one family is known, all addresses of the other are in no database. */
static void families_warn(const struct policy *p, enum sluice_geo_kind kind, const char *what, const char *then,
			  struct diag *d)
{
	static const char *const families[SLUICE_FAMILIES] = { "IPv4", "IPv6" };
	const struct place nowhere = {};
	struct place at = schema_place(p, SECTION_GEOIP, "", "database", &nowhere);
	int family;

	for (family = 0; family < SLUICE_FAMILIES; family++) {
		if (!p->geo->entries[kind][family] && p->geo->entries[kind][!family])
			diag_at(d, &at,
				"the databases of %s have no %s address: every source of that family %s; add the other file",
				what, families[family], then);
	}
}

static bool is_allowed(const struct policy *p, const struct sluice_addr *a)
{
	const struct policy_set *set;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		set = &p->sets.item[i];
		if (set->enabled && set->action == SLUICE_ACTION_ALLOW && set_names(set, a))
			return true;
	}
	return false;
}

/* Whether the countries of the service refuse it, whatever else but an allow applies. */
static bool is_refused(const struct policy *p, const struct policy_service *s, const struct sluice_addr *a)
{
	uint16_t country = spans_find(&p->geo->by_kind[SLUICE_GEO_COUNTRY], number_of(a));
	bool home = p->allow_private && !country && addr_is_private(a);

	return (countries_have(&s->deny_countries, country) ||
		(s->allow_countries.count && !countries_have(&s->allow_countries, country) && !home)) &&
	       !is_allowed(p, a);
}

static void service_warn(const struct policy *p, const struct policy_service *s, const struct owns *owns,
			 struct diag *d)
{
	const char *key = s->allow_countries.count ? "allow-countries" : "deny-countries";
	const struct place at = schema_place(p, SECTION_SERVICE, s->name, key, &s->at);
	char text[ADDR_TEXT_LEN];
	size_t i;

	if (s->allow_countries.count ? !p->allow_private && !countries_have(&s->allow_countries, 0)
				     : countries_have(&s->deny_countries, 0))
		diag_at(d, &at,
			"service %s refuses private, link-local and loopback addresses that no database names: let "
			"your own in with a source-set with action = allow",
			s->name);
	for (i = 0; i < owns->count; i++) {
		const struct sluice_addr *a = &owns->item[i].prefix.addr;

		if (strcmp(owns->item[i].what, OWN_ADDRESS) || addr_is_private(a) || !is_refused(p, s, a))
			continue;
		diag_at(d, &at,
			"service %s refuses %s, an address of this host, by its country: let it in with a source-set with action = allow",
			s->name, addr_format(a, text));
	}
}

static void places_warn(const struct policy *p, const struct owns *owns, struct diag *d)
{
	const struct policy_service *s;
	size_t i;

	if (policy_names_countries(p)) {
		all_countries_warn(p, d);
		families_warn(p, SLUICE_GEO_COUNTRY, "countries", "is ZZ", d);
	}
	if (policy_names_networks(p)) {
		networks_warn(p, d);
		families_warn(p, SLUICE_GEO_ASN, "networks", "is in none of them", d);
	}
	for (i = 0; i < p->services.count; i++) {
		s = &p->services.item[i];
		if (s->deny_countries.count || s->allow_countries.count)
			service_warn(p, s, owns, d);
	}
}

/* Returns how many of the host's own addresses are this one or, for NULL, how many there are. */
static size_t owns_count(const struct owns *owns, const struct sluice_addr *a)
{
	size_t i, n = 0;

	for (i = 0; i < owns->count; i++)
		n += !strcmp(owns->item[i].what, OWN_ADDRESS) &&
		     (!a || !memcmp(&owns->item[i].prefix.addr, a, sizeof(*a)));
	return n;
}

/* A service at an address that the host does not have matches nothing: it is a slip, or the address comes later. */
static void addresses_warn(const struct policy *p, const struct policy_service *s, const struct owns *owns,
			   struct diag *d)
{
	const struct place at = schema_place(p, SECTION_SERVICE, s->name, "addresses", &s->at);
	char text[ADDR_TEXT_LEN];
	size_t i;

	for (i = 0; i < s->addresses.count; i++) {
		if (addr_is_any(&s->addresses.item[i]))
			diag_at(d, &at,
				"service %s: no packet is sent to %s, so nothing is judged there: leave addresses out to mean all of this host",
				s->name, addr_format(&s->addresses.item[i], text));
		else if (!addr_is_never_forwarded(&s->addresses.item[i]) && !owns_count(owns, &s->addresses.item[i]))
			diag_at(d, &at,
				"service %s: %s is not an address of this host: nothing is judged there until it is, or is translated here",
				s->name, addr_format(&s->addresses.item[i], text));
	}
}

void policy_warn(const struct policy *p, const struct owns *owns, struct diag *d)
{
	size_t i;

	for (i = 0; i < p->services.count && owns_count(owns, NULL); i++)
		addresses_warn(p, &p->services.item[i], owns, d);
	sets_warn(p, owns, d);
	if (p->geo)
		places_warn(p, owns, d);
}
