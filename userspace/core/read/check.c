/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks what no single value of a policy shows: policy_check(), which the parser calls for files and the daemon for live settings. A policy
 * that was refused is checked, too; parts of it that were already refused are not reported as missing (section_is_spoilt()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "check.h"
#include "check_fleet.h"
#include "spoilt.h"
#include "sender.h"

/* If neither names any, both mean all. */
static bool addresses_overlap(const struct addresses *a, const struct addresses *b)
{
	size_t i, j;

	if (!a->count || !b->count)
		return !a->count && !b->count;
	for (i = 0; i < a->count; i++) {
		for (j = 0; j < b->count; j++) {
			if (!memcmp(&a->item[i], &b->item[j], sizeof(*a->item)))
				return true;
		}
	}
	return false;
}

static int ports_check(const struct policy *p, const struct policy_service *a, const struct policy_service *b,
		       struct diag *d)
{
	struct place at = schema_place(p, SECTION_SERVICE, b->name, "ports", &b->at);
	unsigned int i, j;

	if (!addresses_overlap(&a->addresses, &b->addresses))
		return 0;
	for (i = 0; i < a->ports_count; i++) {
		for (j = 0; j < b->ports_count; j++) {
			if (a->ports[i] != b->ports[j])
				continue;
			diag_at(d, &at,
				"service %s: port %u already belongs to service %s (line %d): a port belongs to one service, "
				"or give each service its own addresses",
				b->name, b->ports[j], a->name, a->at.line);
			return -EINVAL;
		}
	}
	return 0;
}

/* A limit of networks makes sense only if a network is more than one source. */
static const char *networks_wrong(const struct aggregates *a)
{
	if (a->ipv4_network >= a->ipv4_prefix)
		return "ipv4-network must be shorter than ipv4-prefix: a network holds several sources";
	if (a->ipv6_network >= a->ipv6_prefix)
		return "ipv6-network must be shorter than ipv6-prefix: a network holds several sources";
	return NULL;
}

static bool limits_networks(const struct limits *l)
{
	return l->max_connections_per_network.value || l->max_rate_per_network.count;
}

/* Returns where this section limits networks. */
static struct place networks_place(const struct policy *p, enum section section, const char *title,
				   const struct limits *l, const struct place *otherwise)
{
	const char *key = l->max_connections_per_network.value ? "max-connections-per-network" : "max-rate-per-network";

	return schema_place(p, section, title, key, otherwise);
}

/* A share needs something that it is a share of. */
static const char *share_wrong(const struct limits *l)
{
	if (l->max_connections)
		return NULL;
	if (l->max_connections_per_source.percent)
		return "max-connections-per-source";
	return l->max_connections_per_network.percent ? "max-connections-per-network" : NULL;
}

static int service_check(const struct policy *p, size_t index, struct diag *d)
{
	const struct policy_service *s = &p->services.item[index];
	const char *share;
	struct place at;
	int err = 0;
	size_t i;

	if (!s->ports_count && !section_is_spoilt(p, SECTION_SERVICE, s->name, "ports")) {
		diag_at(d, &s->at, "service %s has no ports: add ports = {25}", s->name);
		err = -EINVAL;
	}
	share = share_wrong(&s->limits);
	if (share && !section_is_spoilt(p, SECTION_SERVICE, s->name, "max-connections")) {
		at = schema_place(p, SECTION_SERVICE, s->name, share, &s->at);
		diag_at(d, &at, "service %s: %s is a share of max-connections, which is not set: set it", s->name,
			share);
		err = -EINVAL;
	}
	if (limits_networks(&s->limits) && networks_wrong(&p->aggregates)) {
		at = networks_place(p, SECTION_SERVICE, s->name, &s->limits, &s->at);
		diag_at(d, &at, "service %s limits networks: %s", s->name, networks_wrong(&p->aggregates));
		err = -EINVAL;
	}
	if (s->deny_countries.count && s->allow_countries.count) {
		at = schema_place(p, SECTION_SERVICE, s->name, "allow-countries", &s->at);
		diag_at(d, &at, "service %s has deny-countries and allow-countries: use only one of them", s->name);
		err = -EINVAL;
	}
	if (fleet_service_check(p, s, d))
		err = -EINVAL;
	for (i = 0; i < index && !err; i++)
		err = ports_check(p, &p->services.item[i], s, d);
	return err;
}

static bool limits_any(const struct limits *l)
{
	return l->max_connections || l->max_connections_per_source.given || l->max_rate.count ||
	       l->max_rate_per_source.given || l->max_connections_per_network.given || l->max_rate_per_network.given;
}

static int set_services_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	struct place at = schema_place(p, SECTION_SET, s->name, "services", &s->at);
	const char *share = share_wrong(&s->limits);
	const struct policy_service *service;
	int err = 0;
	size_t i;

	for (i = 0; i < s->services.count; i++) {
		if (policy_service_find(p, s->services.item[i]))
			continue;
		diag_at(d, &at, "source-set %s: no service '%s': define it, or correct the name", s->name,
			s->services.item[i]);
		err = -EINVAL;
	}
	if (err || !share || section_is_spoilt(p, SECTION_SET, s->name, "max-connections"))
		return err;
	at = schema_place(p, SECTION_SET, s->name, share, &s->at);
	for (i = 0; i < (s->services.count ? s->services.count : p->services.count); i++) {
		service = s->services.count ? policy_service_find(p, s->services.item[i]) : &p->services.item[i];
		if (service->limits.max_connections ||
		    section_is_spoilt(p, SECTION_SERVICE, service->name, "max-connections"))
			continue;
		diag_at(d, &at,
			"source-set %s: a share of service %s, which has no max-connections: set one of the two",
			s->name, service->name);
		return -EINVAL;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A list of 100,000 networks is compared in order, not pairwise. */
static int networks_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	_cleanup_free_ uint32_t *sorted = reallocarray(NULL, s->asns.count + 1, sizeof(*sorted));
	struct place at = schema_place(p, SECTION_SET, s->name, "asns", &s->at);
	size_t i;

	if (!sorted)
		return -ENOMEM;
	if (s->asns.count)
		memcpy(sorted, s->asns.item, s->asns.count * sizeof(*sorted));
	qsort(sorted, s->asns.count, sizeof(*sorted), by_number);
	for (i = 1; i < s->asns.count; i++) {
		if (sorted[i] != sorted[i - 1])
			continue;
		diag_at(d, &at, "asns: '%u' appears twice: name each network once", sorted[i]);
		return -EINVAL;
	}
	return 0;
}

/* Checks a set with lengths of its own, or limits of networks, in a policy where they count. */
static int set_networks_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	struct aggregates a = policy_aggregates(p, s);
	bool counts = limits_networks(&s->limits);
	struct place at;
	size_t i;

	for (i = 0; i < p->services.count; i++)
		counts |= limits_networks(&p->services.item[i].limits);
	if (!counts || s->action != SLUICE_ACTION_LIMIT || !networks_wrong(&a))
		return 0;
	at = networks_place(p, SECTION_SET, s->name, &s->limits, &s->at);
	diag_at(d, &at, "source-set %s: %s", s->name, networks_wrong(&a));
	return -EINVAL;
}

static bool aggregates_any(const struct aggregates *a)
{
	return a->ipv4_prefix || a->ipv6_prefix || a->ipv4_network || a->ipv6_network;
}

/* Was a key refused that would have said what this set does, or which addresses it contains? */
static bool set_is_spoilt(const struct policy *p, const struct policy_set *s, bool sources)
{
	static const char *const holds[] = { "prefixes", "file", "countries", "asns", "asns-file" };
	static const char *const does[] = { "action",
					    "max-connections",
					    "max-connections-per-source",
					    "max-connections-per-network",
					    "max-rate",
					    "max-rate-per-source",
					    "max-rate-per-network",
					    "ipv4-prefix",
					    "ipv6-prefix",
					    "ipv4-network",
					    "ipv6-network",
					    "fleet" };
	size_t i, n = sources ? sizeof(holds) / sizeof(*holds) : sizeof(does) / sizeof(*does);

	for (i = 0; i < n && !section_is_spoilt(p, SECTION_SET, s->name, sources ? holds[i] : does[i]); i++)
		;
	return i < n;
}

static int set_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	struct place at = s->at;
	const char *wrong = "";

	if (!s->prefix_texts.count && !s->file && !s->countries.count && !s->asns.count && !s->asns_file &&
	    !set_is_spoilt(p, s, true)) {
		wrong = "names no source: add prefixes = {...}, file = ..., countries = {...}, asns = {...} or "
			"asns-file = ...";
	} else if (s->action != SLUICE_ACTION_LIMIT && limits_any(&s->limits)) {
		wrong = "has an action and limits: an allowed source has none, a denied one needs none";
		at = schema_place(p, SECTION_SET, s->name, "action", &s->at);
	} else if (s->action != SLUICE_ACTION_LIMIT && s->fleet) {
		wrong = "has an action and fleet = true: an allowed source has no limit, a denied one needs none";
		at = schema_place(p, SECTION_SET, s->name, "fleet", &s->at);
	} else if (s->action == SLUICE_ACTION_LIMIT && !limits_any(&s->limits) && !aggregates_any(&s->aggregates) &&
		   !s->fleet && !set_is_spoilt(p, s, false)) {
		wrong = "does nothing: add action = allow, action = deny or a limit";
	}
	if (*wrong) {
		diag_at(d, &at, "source-set %s %s", s->name, wrong);
		return -EINVAL;
	}
	if (set_services_check(p, s, d) || set_networks_check(p, s, d) || fleet_set_check(p, s, d))
		return -EINVAL;
	return networks_check(p, s, d);
}

/* The same address and port in the same namespaces would lead to two ports of the host. */
static bool containers_overlap(const struct policy_container *a, const struct policy_container *b)
{
	return !strcmp(a->netns, b->netns) && addresses_overlap(&a->addresses, &b->addresses);
}

static int published_check(const struct policy *p, const struct policy_container *a, const struct policy_container *b,
			   struct diag *d)
{
	struct place at = schema_place(p, SECTION_CONTAINER, b->name, "ports", &b->at);
	unsigned int i, j;

	for (i = 0; i < a->ports_count; i++) {
		for (j = 0; j < b->ports_count; j++) {
			if (a->ports[i].host == b->ports[j].host) {
				diag_at(d, &at,
					"container %s: port %u is already published by container %s (line %d): it can lead "
					"to only one of them",
					b->name, b->ports[j].host, a->name, a->at.line);
				return -EINVAL;
			}
			if (a->ports[i].inside != b->ports[j].inside || !containers_overlap(a, b))
				continue;
			diag_at(d, &at,
				"container %s: port %u inside already belongs to container %s (line %d): give each container "
				"its own addresses",
				b->name, b->ports[j].inside, a->name, a->at.line);
			return -EINVAL;
		}
	}
	return 0;
}

/* If so, a port that no service has may be one that was refused. */
static bool ports_are_spoilt(const struct policy *p)
{
	size_t i;

	for (i = 0; i < p->services.count; i++) {
		if (section_is_spoilt(p, SECTION_SERVICE, p->services.item[i].name, "ports"))
			return true;
	}
	return false;
}

static int owners_check(const struct policy *p, const struct policy_container *c, struct diag *d)
{
	struct place at = schema_place(p, SECTION_CONTAINER, c->name, "ports", &c->at);
	const struct policy_service *owner;
	bool several;
	unsigned int i;

	for (i = 0; i < c->ports_count; i++) {
		owner = policy_port_owner(p, c->ports[i].host, &several);
		if ((owner && !several) || (!owner && ports_are_spoilt(p)))
			continue;
		diag_at(d, &at,
			owner ? "container %s: port %u belongs to several services with different addresses: a published "
				"port must belong to one"
			      : "container %s: port %u belongs to no service: name it in the ports of a service, as the host "
				"publishes it (HOST, or HOST:CONTAINER where they differ)",
			c->name, c->ports[i].host);
		return -EINVAL;
	}
	return 0;
}

static int container_check(const struct policy *p, size_t index, struct diag *d)
{
	const struct policy_container *c = &p->containers.item[index];
	const char *wrong = "";
	int err = 0;
	size_t i;

	if (section_is_spoilt(p, SECTION_CONTAINER, c->name, "netns") ||
	    section_is_spoilt(p, SECTION_CONTAINER, c->name, "ports"))
		return 0;
	if (!c->netns)
		wrong = "has no netns: add netns = /run/docker/netns/*, or the path of one";
	else if (!c->ports_count)
		wrong = "publishes no port: add ports = {\"25\"}";
	else if (c->addresses.count > SLUICE_CONTAINER_ADDRESSES)
		wrong = "has more than 8 addresses: split it into two containers";
	if (*wrong) {
		diag_at(d, &c->at, "container %s %s", c->name, wrong);
		return -EINVAL;
	}
	err = owners_check(p, c, d);
	for (i = 0; i < index && !err; i++)
		err = p->containers.item[i].netns ? published_check(p, &p->containers.item[i], c, d) : 0;
	return err;
}

int policy_check(const struct policy *p, struct diag *d)
{
	const struct place whole = { p->files.count ? p->files.item[0] : NULL, 1, 1 };
	int err = 0, one;
	size_t i;

	if (!p->interfaces.count && !section_is_spoilt(p, SECTION_TOP, "", "interfaces")) {
		diag_at(d, &whole, "no interface: add interfaces = {eth0}");
		err = -EINVAL;
	}
	if (!p->services.count || p->services.count > SLUICE_POLICY_SERVICES) {
		diag_at(d, &whole,
			p->services.count ? "more than %d services: merge some"
					  : "no service (of at most %d): add service smtp { ports = {25} }",
			SLUICE_POLICY_SERVICES);
		err = -EINVAL;
	}
	for (i = 0; i < p->services.count; i++) {
		one = service_check(p, i, d);
		err = err ? err : one;
	}
	for (i = 0; i < p->sets.count; i++) {
		one = set_check(p, &p->sets.item[i], d);
		err = err ? err : one;
	}
	one = fleet_section_check(p, &whole, d);
	err = err ? err : one;
	one = senders_check(p, d);
	err = err ? err : one;
	if (p->containers.count > SLUICE_MAX_CONTAINERS) {
		diag_at(d, &whole, "more than %d containers: cover several with one pattern", SLUICE_MAX_CONTAINERS);
		err = -EINVAL;
	}
	for (i = 0; i < p->containers.count; i++) {
		one = container_check(p, i, d);
		err = err ? err : one;
	}
	return err;
}
