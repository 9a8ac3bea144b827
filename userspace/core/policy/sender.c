/* SPDX-License-Identifier: BSD-2-Clause */
/* Senders with their own limits: see sender.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "section.h"
#include "sender.h"

bool sender_applies(const struct policy_sender *s, const char *service)
{
	return !*s->service || !strcmp(s->service, service);
}

/* Wider prefixes come first; for one prefix, that of all services comes first. */
static int order(const struct policy_sender *s, const struct prefix *prefix, const char *service)
{
	int by_address = memcmp(&s->prefix.addr, &prefix->addr, sizeof(prefix->addr));

	if (s->prefix.len != prefix->len)
		return s->prefix.len < prefix->len ? -1 : 1;
	return by_address ? by_address : strcmp(s->service, service);
}

struct policy_sender *sender_open(struct policy *p, const struct prefix *prefix, const char *service)
{
	struct policy_sender *at;
	size_t i;

	for (i = 0; i < p->senders.count && order(&p->senders.item[i], prefix, service) < 0; i++)
		;
	if (i < p->senders.count && !order(&p->senders.item[i], prefix, service))
		return &p->senders.item[i];
	if (!LIST_ADD(&p->senders))
		return NULL;
	at = &p->senders.item[i];
	memmove(at + 1, at, (p->senders.count - i - 1) * sizeof(*at));
	*at = (struct policy_sender){ .prefix = *prefix };
	snprintf(at->service, sizeof(at->service), "%s", service);
	return at;
}

static void limits_lay(struct limits *to, const struct limits *over)
{
	if (over->max_connections_per_source.given)
		to->max_connections_per_source = over->max_connections_per_source;
	if (over->max_rate_per_source.given)
		to->max_rate_per_source = over->max_rate_per_source;
	if (over->max_connections_per_network.given)
		to->max_connections_per_network = over->max_connections_per_network;
	if (over->max_rate_per_network.given)
		to->max_rate_per_network = over->max_rate_per_network;
}

struct limits sender_limits(const struct policy *p, size_t i, const char *service)
{
	const struct policy_sender *s, *last = &p->senders.item[i];
	struct limits all = {};

	for (s = p->senders.item; s <= last; s++) {
		if (sender_applies(s, service) && prefix_covers(&s->prefix, &last->prefix))
			limits_lay(&all, &s->limits);
	}
	return all;
}

static int service_check(const struct policy *p, const struct policy_sender *s, const struct policy_service *service,
			 struct diag *d)
{
	const struct limits *l = &s->limits;
	const bool shares = l->max_connections_per_source.percent || l->max_connections_per_network.percent;
	const bool networks = l->max_connections_per_network.value || l->max_rate_per_network.count;

	if (shares && !service->limits.max_connections) {
		diag_add(d, "a share of service %s, which has no max-connections: write a number", service->name);
		return -EINVAL;
	}
	if (networks && (p->aggregates.ipv4_network >= p->aggregates.ipv4_prefix ||
			 p->aggregates.ipv6_network >= p->aggregates.ipv6_prefix)) {
		diag_add(d,
			 "a limit of networks: ipv4-network and ipv6-network must be shorter than what is one source");
		return -EINVAL;
	}
	return 0;
}

int senders_check(const struct policy *p, struct diag *d)
{
	const struct policy_sender *s;
	int err = 0;
	size_t i, k;

	for (k = 0; k < p->senders.count && !err; k++) {
		s = &p->senders.item[k];
		if (*s->service && !policy_service_find(p, s->service))
			err = section_missing(p, SECTION_SERVICE, s->service, d);
		for (i = 0; i < p->services.count && !err; i++) {
			if (sender_applies(s, p->services.item[i].name))
				err = service_check(p, s, &p->services.item[i], d);
		}
	}
	return err;
}
