/* SPDX-License-Identifier: BSD-2-Clause */
/* What no single value of a policy shows. */
#include <errno.h>
#include <string.h>

#include "parse.h"

static bool addresses_overlap(const struct policy_service *a, const struct policy_service *b)
{
	size_t i, j;

	if (!a->addresses_count || !b->addresses_count)
		return !a->addresses_count && !b->addresses_count;
	for (i = 0; i < a->addresses_count; i++) {
		for (j = 0; j < b->addresses_count; j++) {
			if (!memcmp(&a->addresses[i], &b->addresses[j], sizeof(*a->addresses)))
				return true;
		}
	}
	return false;
}

static int ports_check(const struct policy_service *a, const struct policy_service *b, struct diag *d)
{
	unsigned int i, j;

	if (!addresses_overlap(a, b))
		return 0;
	for (i = 0; i < a->ports_count; i++) {
		for (j = 0; j < b->ports_count; j++) {
			if (a->ports[i] != b->ports[j])
				continue;
			diag_at(d, &b->at,
				"service %s: port %u is service %s's already (line %d): a port belongs to one service, "
				"or give both addresses of their own",
				b->name, b->ports[j], a->name, a->at.line);
			return -EINVAL;
		}
	}
	return 0;
}

static int service_check(const struct policy *p, size_t index, struct diag *d)
{
	const struct policy_service *s = &p->services[index];
	int err = 0;
	size_t i;

	if (!s->ports_count) {
		diag_at(d, &s->at, "service %s has no ports: add ports = {25}", s->name);
		err = -EINVAL;
	}
	if (s->limits.max_connections_per_source.percent && !s->limits.max_connections) {
		diag_at(d, &s->at, "service %s: max-connections-per-source is a share of nothing: set max-connections",
			s->name);
		err = -EINVAL;
	}
	if (s->deny_countries.count && s->allow_countries.count) {
		diag_at(d, &s->at, "service %s has deny-countries and allow-countries: one of them says it all",
			s->name);
		err = -EINVAL;
	}
	for (i = 0; i < index && !err; i++)
		err = ports_check(&p->services[i], s, d);
	return err;
}

static bool limits_any(const struct limits *l)
{
	return l->max_connections || l->max_connections_per_source.given || l->max_rate.count ||
	       l->max_rate_per_source.given;
}

static int set_services_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	const struct policy_service *service;
	const struct share *share = &s->limits.max_connections_per_source;
	int err = 0;
	size_t i;

	for (i = 0; i < s->services_count; i++) {
		if (policy_service_find(p, s->services[i]))
			continue;
		diag_at(d, &s->at, "source-set %s: no service '%s': define it, or mend the name", s->name,
			s->services[i]);
		err = -EINVAL;
	}
	if (err || !share->percent || s->limits.max_connections)
		return err;
	for (i = 0; i < (s->services_count ? s->services_count : p->services_count); i++) {
		service = s->services_count ? policy_service_find(p, s->services[i]) : &p->services[i];
		if (service->limits.max_connections)
			continue;
		diag_at(d, &s->at,
			"source-set %s: a share of service %s, which has no max-connections: set one of the two",
			s->name, service->name);
		return -EINVAL;
	}
	return 0;
}

static int set_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	const char *wrong = "";

	if (!s->prefix_texts_count && !s->file && !s->countries.count && !s->asns.count)
		wrong = "names no source: add prefixes = {...}, file = ..., countries = {...} or asns = {...}";
	else if (s->action != SLUICE_ACTION_LIMIT && limits_any(&s->limits))
		wrong = "has an action and limits: an allowed source has none, a denied one needs none";
	else if (s->action == SLUICE_ACTION_LIMIT && !limits_any(&s->limits))
		wrong = "does nothing: add action = allow, action = deny or a limit";
	if (*wrong) {
		diag_at(d, &s->at, "source-set %s %s", s->name, wrong);
		return -EINVAL;
	}
	return set_services_check(p, s, d);
}

int policy_check(const struct policy *p, struct diag *d)
{
	struct place whole = { p->files_count ? p->files[0] : NULL, 1 };
	int err = 0, one;
	size_t i;

	if (!p->interfaces_count) {
		diag_at(d, &whole, "no interface: add interfaces = {eth0}");
		err = -EINVAL;
	}
	if (!p->services_count || p->services_count > SLUICE_POLICY_SERVICES) {
		diag_at(d, &whole,
			p->services_count ? "more than %d services: fold some together"
					  : "no service (of at most %d): add service smtp { ports = {25} }",
			SLUICE_POLICY_SERVICES);
		err = -EINVAL;
	}
	for (i = 0; i < p->services_count; i++) {
		one = service_check(p, i, d);
		err = err ? err : one;
	}
	for (i = 0; i < p->sets_count; i++) {
		one = set_check(p, &p->sets[i], d);
		err = err ? err : one;
	}
	return err;
}
