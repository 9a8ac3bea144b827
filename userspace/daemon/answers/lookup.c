/* SPDX-License-Identifier: BSD-2-Clause */
/* Says what the policy in force knows about an address: see lookup.h. */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "lookup.h"
#include "reason.h"
#include "tables.h"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

/* Returns the closest prefix that holds the address, or NULL. */
static const struct prefix *prefix_of(const struct prefixes *list, const struct sluice_addr *a)
{
	const struct prefix *p, *closest = NULL;
	struct sluice_addr cut;
	size_t i;

	for (i = 0; i < list->count; i++) {
		p = &list->item[i];
		cut = addr_mask(a, p->len);
		if (!memcmp(&cut, &p->addr, sizeof(cut)) && (!closest || p->len > closest->len))
			closest = p;
	}
	return closest;
}

static bool has_network(const struct numbers *list, uint32_t asn)
{
	size_t i;

	for (i = 0; i < list->count && list->item[i] != asn; i++)
		;
	return i < list->count;
}

const char *set_key(const struct policy_set *s, const struct geo *geo, const struct sluice_addr *a,
		    const struct prefix **entry)
{
	uint16_t country = geo ? spans_find(&geo->by_kind[SLUICE_GEO_COUNTRY], number_of(a)) : 0;
	uint32_t asn = geo ? spans_find(&geo->by_kind[SLUICE_GEO_ASN], number_of(a)) : 0;
	const struct prefix *p = prefix_of(&s->prefixes, a), *listed = prefix_of(set_listed(s), a);
	const bool of_file = !p || (listed && listed->len > p->len);

	*entry = of_file ? listed : p;
	if (*entry)
		return of_file ? "file" : "prefixes";
	if (has_network(&s->asns, asn))
		return "asns";
	if (has_network(set_listed_asns(s), asn))
		return "asns-file";
	return geo && countries_have(&s->countries, country) ? "countries" : NULL;
}

static json_t *sets_json(const struct policy *p, const struct sluice_addr *a)
{
	json_t *sets = json_array();
	const struct prefix *entry;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		if (p->sets.item[i].enabled && set_key(&p->sets.item[i], p->geo, a, &entry))
			json_array_append_new(sets, json_string(p->sets.item[i].name));
	}
	return sets;
}

static const char *verdict_of(enum sluice_reason why, const struct sluice_service *s)
{
	if (!reason_refuses(why))
		return "pass";
	return s->excess == SLUICE_EXCESS_RESET ? "reset" : "drop";
}

static json_t *service_json(const struct sluice_service *row, const struct lookup_status *look)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", row->name, "verdict", verdict_of(look->reason, row),
			 "reason", reason_label(look->reason), "max_connections_per_source",
			 (json_int_t)look->rule.source.connections, "max_connections_per_network",
			 (json_int_t)look->rule.network.connections);
}

int lookup_json(const struct engine *e, const struct policy *p, const struct sluice_addr *a, json_t **out)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	struct lookup_status look = {};
	char text[ADDR_TEXT_LEN], inside[ADDR_TEXT_LEN], country[3];
	struct sluice_addr who;
	json_t *services;
	bool translated;
	uint32_t asn;
	size_t i;
	int err;

	err = snapshot_take(e, &s);
	if (err)
		return err;
	who = engine_who(e, a, &translated);
	services = json_array();
	for (i = 0; i < s->services_count; i++) {
		if (!s->services[i].id || lookup_read(e, &who, s->services[i].id, &look))
			continue;
		json_array_append_new(services, service_json(&s->services[i].row, &look));
	}
	asn = p->geo ? spans_find(&p->geo->by_kind[SLUICE_GEO_ASN], number_of(&who)) : 0;
	*out = json_pack("{s:s, s:o, s:o, s:o, s:I, s:o}", "address", addr_format(a, text), "country",
			 p->geo ? json_string(country_text(look.country, country)) : json_null(), "asn",
			 asn ? json_integer(asn) : json_null(), "sets", sets_json(p, &who), "class",
			 (json_int_t)look.class_id, "services", services);
	if (*out && translated)
		json_object_set_new(*out, "inside", json_string(addr_format(&who, inside)));
	return *out ? 0 : -ENOMEM;
}

static json_t *services_held(const struct engine *e, const struct held *held)
{
	json_t *list = json_array();
	char name[SLUICE_NAME_LEN];
	unsigned int id;

	for (id = 1; id < SLUICE_MAX_SERVICES; id++) {
		if (!held[id].sources)
			continue;
		service_name_read(e, id, name);
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "service", name, "sources",
						      (json_int_t)held[id].sources, "connections",
						      (json_int_t)held[id].connections, "reserved",
						      (json_int_t)held[id].reserved));
	}
	return list;
}

int asked_json(const struct engine *e, const struct prefix *about, json_t *out)
{
	struct prefix source;
	char text[ADDR_TEXT_LEN];
	int err = engine_source(e, &about->addr, &source);

	if (about->len < 128)
		json_object_set_new(out, "asked", json_string(prefix_format(about, text)));
	if (!err)
		json_object_set_new(out, "source", json_string(prefix_format(&source, text)));
	return err;
}

int held_json(const struct engine *e, const struct prefix *about, json_t *out)
{
	struct held held[SLUICE_MAX_SERVICES];
	struct prefix within = *about;
	int err;

	engine_who_prefix(e, &within);
	err = sources_held(e, &within, held);
	if (!err)
		json_object_set_new(out, "held", services_held(e, held));
	return err;
}
