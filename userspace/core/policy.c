/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "value.h"

struct policy *policy_new(void)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	schema_defaults(SECTION_TOP, p);
	schema_defaults(SECTION_SOURCES, p);
	schema_defaults(SECTION_PRIVACY, p);
	schema_defaults(SECTION_FLOOD, p);
	p->flood.syn_rate = (struct rate){ .count = 20000, .seconds = 1 };
	p->flood.expired_rate = (struct rate){ .count = 300, .seconds = 10 };
	if (listen_parse(POLICY_LISTEN, &p->metrics)) {
		free(p);
		return NULL;
	}
	return p;
}

static void strings_free(char **list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static void set_free(struct policy_set *s)
{
	strings_free(s->prefix_texts, s->prefix_texts_count);
	strings_free(s->services, s->services_count);
	prefixes_free(&s->prefixes);
	free(s->asns.item);
	free(s->file);
}

void policy_free(struct policy *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->services_count; i++)
		free(p->services[i].addresses.item);
	for (i = 0; i < p->sets_count; i++)
		set_free(&p->sets[i]);
	for (i = 0; i < p->containers_count; i++) {
		free(p->containers[i].addresses.item);
		free(p->containers[i].netns);
	}
	free(p->services);
	free(p->containers);
	free(p->written);
	free(p->sets);
	strings_free(p->interfaces, p->interfaces_count);
	strings_free(p->files, p->files_count);
	strings_free(p->databases, p->databases_count);
	geo_free(p->geo);
	free(p->path);
	free(p);
}

struct policy_service *policy_service_find(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->services_count; i++) {
		if (!strcmp(p->services[i].name, name))
			return &p->services[i];
	}
	return NULL;
}

struct policy_set *policy_set_find(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->sets_count; i++) {
		if (!strcmp(p->sets[i].name, name))
			return &p->sets[i];
	}
	return NULL;
}

struct policy_container *policy_container_find(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->containers_count; i++) {
		if (!strcmp(p->containers[i].name, name))
			return &p->containers[i];
	}
	return NULL;
}

const struct policy_service *policy_port_owner(const struct policy *p, uint16_t port, bool *several)
{
	const struct policy_service *s, *owner = NULL;
	unsigned int i;

	*several = false;
	for (s = p->services; s < p->services + p->services_count; s++) {
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
	struct written *more = realloc(p->written, (p->written_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->written = more;
	more += p->written_count++;
	*more = (struct written){ .setting = setting, .at = *at };
	snprintf(more->name, sizeof(more->name), "%s", name);
	return 0;
}

struct place policy_place(const struct policy *p, const struct setting *setting, const char *name,
			  const struct place *otherwise)
{
	size_t i;

	for (i = p->written_count; i; i--) {
		if (p->written[i - 1].setting == setting && !strcmp(p->written[i - 1].name, name))
			return p->written[i - 1].at;
	}
	return *otherwise;
}

uint32_t policy_retention(const struct policy *p)
{
	return p->retention < p->privacy_retention ? p->retention : p->privacy_retention;
}

uint32_t share_of(const struct share *s, uint32_t whole)
{
	uint64_t part;

	if (!s->percent)
		return s->value;
	part = (uint64_t)s->value * whole / 100;
	return part || !whole ? part : 1;
}

bool policy_names_countries(const struct policy *p)
{
	bool any = false;
	size_t i;

	for (i = 0; i < p->services_count; i++)
		any |= p->services[i].deny_countries.count || p->services[i].allow_countries.count;
	for (i = 0; i < p->sets_count; i++)
		any |= p->sets[i].countries.count != 0;
	return any;
}

bool policy_names_networks(const struct policy *p)
{
	bool any = false;
	size_t i;

	for (i = 0; i < p->sets_count; i++)
		any |= p->sets[i].asns.count != 0;
	return any;
}
