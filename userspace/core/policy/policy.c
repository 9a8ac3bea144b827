/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries about a policy: see policy.h. defaults.c makes a policy, and the reader fills it. */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"

static void set_free(struct policy_set *s)
{
	strings_clear(&s->prefix_texts);
	strings_clear(&s->services);
	prefixes_free(&s->prefixes);
	free(s->asns.item);
	free(s->file);
	free(s->asns_file);
	list_file_free(s->listed);
	list_file_free(s->listed_asns);
}

static void container_free(struct policy_container *c)
{
	free(c->addresses.item);
	free(c->netns);
}

void policy_free(struct policy *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->services.count; i++)
		free(p->services.item[i].addresses.item);
	for (i = 0; i < p->sets.count; i++)
		set_free(&p->sets.item[i]);
	for (i = 0; i < p->containers.count; i++)
		container_free(&p->containers.item[i]);
	free(p->services.item);
	free(p->sets.item);
	free(p->containers.item);
	free(p->senders.item);
	free(p->written.item);
	free(p->spoilt.item);
	prefixes_free(&p->translated);
	strings_clear(&p->interfaces);
	strings_clear(&p->files);
	strings_clear(&p->databases);
	strings_clear(&p->fleet.servers);
	free(p->fleet.secret_file);
	free(p->fleet.password_file);
	geo_free(p->geo);
	free(p->path);
	free(p);
}

struct policy_service *policy_service_find(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->services.count; i++) {
		if (!strcmp(p->services.item[i].name, name))
			return &p->services.item[i];
	}
	return NULL;
}

const struct policy_service *policy_port_owner(const struct policy *p, uint16_t port, bool *several)
{
	const struct policy_service *s, *owner = NULL;
	unsigned int i;
	size_t n;

	*several = false;
	for (n = 0; n < p->services.count; n++) {
		s = &p->services.item[n];
		for (i = 0; i < s->ports_count && s->ports[i] != port; i++)
			;
		if (i == s->ports_count)
			continue;
		*several = owner != NULL;
		if (owner)
			break;
		owner = s;
	}
	return owner;
}

int policy_note(struct policy *p, const struct setting *setting, const char *name, const struct place *at)
{
	struct written *last = p->written.count ? &p->written.item[p->written.count - 1] : NULL;

	if (!last || last->setting != setting || strcmp(last->name, name)) /* else another element of the same list */
		last = LIST_ADD(&p->written);
	if (!last)
		return -ENOMEM;
	*last = (struct written){ .setting = setting, .at = *at };
	snprintf(last->name, sizeof(last->name), "%s", name);
	return 0;
}

struct place policy_place(const struct policy *p, const struct setting *setting, const char *name,
			  const struct place *otherwise)
{
	size_t i;

	for (i = p->written.count; i; i--) {
		if (p->written.item[i - 1].setting == setting && !strcmp(p->written.item[i - 1].name, name))
			return p->written.item[i - 1].at;
	}
	return *otherwise;
}

uint32_t policy_retention(const struct policy *p)
{
	return p->retention < p->privacy_retention ? p->retention : p->privacy_retention;
}

struct aggregates policy_aggregates(const struct policy *p, const struct policy_set *set)
{
	struct aggregates a = p->aggregates, own = set ? set->aggregates : (struct aggregates){};

	a.ipv4_prefix = own.ipv4_prefix ?: a.ipv4_prefix;
	a.ipv6_prefix = own.ipv6_prefix ?: a.ipv6_prefix;
	a.ipv4_network = own.ipv4_network ?: a.ipv4_network;
	a.ipv6_network = own.ipv6_network ?: a.ipv6_network;
	return a;
}

uint32_t share_of(const struct share *s, uint32_t whole)
{
	uint64_t part;

	if (!s->percent)
		return s->value;
	part = (uint64_t)s->value * whole / 100;
	return part || !whole ? part : 1;
}

const struct prefixes *set_listed(const struct policy_set *s)
{
	static const struct prefixes none;

	return s->listed ? &s->listed->prefixes : &none;
}

const struct numbers *set_listed_asns(const struct policy_set *s)
{
	static const struct numbers none;

	return s->listed_asns ? &s->listed_asns->networks : &none;
}

bool policy_has_fleet(const struct policy *p)
{
	bool any = p->fleet.servers.count && (p->fleet.share_bans || p->fleet.share_settings);
	size_t i;

	for (i = 0; i < p->services.count; i++)
		any |= p->services.item[i].fleet;
	for (i = 0; i < p->sets.count; i++)
		any |= p->sets.item[i].enabled && p->sets.item[i].fleet;
	return any;
}

bool policy_only_counts_countries(const struct policy *p)
{
	return !p->databases.count && !policy_names_countries(p) && !policy_names_networks(p);
}

bool policy_names_countries(const struct policy *p)
{
	bool any = false;
	size_t i;

	for (i = 0; i < p->services.count; i++)
		any |= p->services.item[i].deny_countries.count || p->services.item[i].allow_countries.count;
	for (i = 0; i < p->sets.count; i++)
		any |= p->sets.item[i].enabled && p->sets.item[i].countries.count;
	return any;
}

bool policy_names_networks(const struct policy *p)
{
	bool any = false;
	size_t i;

	for (i = 0; i < p->sets.count; i++)
		any |= p->sets.item[i].enabled && (p->sets.item[i].asns.count || p->sets.item[i].asns_file);
	return any;
}
