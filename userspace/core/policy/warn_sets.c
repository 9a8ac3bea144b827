/* SPDX-License-Identifier: BSD-2-Clause */
/* Warns about sets that refuse, or let in, everybody or those whom this host cannot do without. Called by policy_warn(); owns nothing. */
#include <arpa/inet.h>
#include <string.h>

#include "private.h"
#include "warn_sets.h"

static bool prefixes_hold(const struct prefixes *list, const struct sluice_addr *a)
{
	size_t i;

	for (i = 0; i < list->count && !prefix_holds(&list->item[i], a); i++)
		;
	return i < list->count;
}

static bool networks_have(const struct numbers *list, uint32_t asn)
{
	size_t i;

	for (i = 0; i < list->count && list->item[i] != asn; i++)
		;
	return i < list->count;
}

bool set_names(const struct policy_set *set, const struct sluice_addr *a)
{
	const struct prefixes *listed = set_listed(set);

	return prefixes_hold(&set->prefixes, a) || (listed && prefixes_hold(listed, a));
}

/* Returns how the set meets this address, as words of a sentence, or NULL if it does not. */
static const char *set_meets(const struct policy *p, const struct policy_set *set, const struct sluice_addr *a)
{
	const struct numbers *listed = set_listed_asns(set);
	uint16_t country;
	uint32_t asn;

	if (set_names(set, a))
		return "";
	if (!p->geo || addr_is_private(a))
		return NULL;
	asn = spans_find(&p->geo->by_kind[SLUICE_GEO_ASN], number_of(a));
	if (asn && (networks_have(&set->asns, asn) || (listed && networks_have(listed, asn))))
		return " by its network";
	country = spans_find(&p->geo->by_kind[SLUICE_GEO_COUNTRY], number_of(a));
	return countries_have(&set->countries, country) ? " by its country" : NULL;
}

/* Whether another set that applies first names the address, and does not refuse it. */
static bool set_gives_way(const struct policy *p, const struct policy_set *set, const struct sluice_addr *a)
{
	const struct policy_set *other;

	for (other = p->sets.item; other < p->sets.item + p->sets.count; other++) {
		if (!other->enabled || other->action == SLUICE_ACTION_DENY || other->priority > set->priority ||
		    (other->action != SLUICE_ACTION_ALLOW && other->priority == set->priority))
			continue;
		if (set_names(other, a))
			return true;
	}
	return false;
}

/* The same name server may be in two files, and be the gateway. */
static bool is_said(const struct owns *owns, size_t i)
{
	size_t before;

	for (before = 0; before < i; before++) {
		if (!memcmp(&owns->item[before].prefix, &owns->item[i].prefix, sizeof(owns->item[i].prefix)))
			return true;
	}
	return false;
}

static void own_warn(const struct policy *p, const struct policy_set *set, const struct owns *owns, struct diag *d)
{
	char text[ADDR_TEXT_LEN];
	const char *how;
	size_t i;

	for (i = 0; i < owns->count; i++) {
		const struct sluice_addr *a = &owns->item[i].prefix.addr;

		how = addr_is_never_forwarded(a) || is_said(owns, i) ? NULL : set_meets(p, set, a);
		if (how && !set_gives_way(p, set, a))
			diag_at(d, &set->at,
				"source-set %s refuses %s, %s%s: let it in with a source-set with action = allow",
				set->name, addr_format(a, text), owns->item[i].what, how);
	}
}

static bool prefixes_cover(const struct prefixes *list, const struct prefix *p)
{
	size_t i;

	for (i = 0; i < list->count && !prefix_covers(&list->item[i], p); i++)
		;
	return i < list->count;
}

/* In IPv6, everything that is assigned: ::/0 is read as the prefixes that are not IPv4. */
static void families_warn(const struct policy_set *set, struct diag *d)
{
	const struct {
		const char *name;
		struct prefix all;
	} families[] = { { "IPv4", { { { 0, 0, htonl(0xffff), 0 } }, SLUICE_IPV4_SHIFT } },
			 { "IPv6", { { { htonl(0x20000000), 0, 0, 0 } }, 3 } } };
	const struct prefixes *listed = set_listed(set);
	const bool denies = set->action == SLUICE_ACTION_DENY;
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(*families); i++) {
		if (!prefixes_cover(&set->prefixes, &families[i].all) &&
		    !(listed && prefixes_cover(listed, &families[i].all)))
			continue;
		diag_at(d, &set->at, "source-set %s %s all addresses of %s, %s: name the prefixes that you mean",
			set->name, denies ? "refuses" : "never refuses", families[i].name,
			denies ? "so nobody gets in" : "so neither limits nor countries apply");
	}
}

void sets_warn(const struct policy *p, const struct owns *owns, struct diag *d)
{
	const struct policy_set *set;

	for (set = p->sets.item; set < p->sets.item + p->sets.count; set++) {
		if (!set->enabled || set->action == SLUICE_ACTION_LIMIT)
			continue;
		families_warn(set, d);
		if (set->action == SLUICE_ACTION_DENY)
			own_warn(p, set, owns, d);
	}
}
