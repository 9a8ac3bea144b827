/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiles the policy in force and a wanted one, and compares them address by address and source by source: see impact.h. */
#include <errno.h>
#include <stdlib.h>

#include "impact.h"

int forecast_make(const struct policy *now, const struct policy *want, struct forecast *out, struct diag *d)
{
	int err;

	*out = (struct forecast){ .registry = calloc(1, sizeof(*out->registry)) };
	if (!out->registry)
		return -ENOMEM;
	err = policy_compile(now, out->registry, &out->now, d);
	return err ? err : policy_compile(want, out->registry, &out->want, d);
}

void forecast_free(struct forecast *f)
{
	compiled_free(f->now);
	compiled_free(f->want);
	free(f->registry);
	*f = (struct forecast){};
}

static bool refuses(const struct compiled *c, uint32_t leaf, unsigned int service)
{
	enum sluice_action action = compiled_rule(c, leaf, service)->action;

	return *c->services[service].name && (action == SLUICE_ACTION_DENY || action == SLUICE_ACTION_COUNTRY);
}

/* If a sum is too large, it becomes the largest number that JSON has. */
static void count_add(uint64_t *sum, addr_number n)
{
	addr_number both = *sum + n;

	*sum = both > INT64_MAX ? INT64_MAX : both;
}

static void ipv6_add(struct expanse *x, addr_number first, addr_number last)
{
	addr_number low = first >> 64, high = last >> 64;

	if (first > last)
		return;
	x->share[SLUICE_IPV6] += ((double)(last - first) + 1) / 0x1p128;
	low = low < x->next ? x->next : low;
	if (high >= low)
		count_add(&x->count[SLUICE_IPV6], high - low + 1);
	x->next = high + 1;
}

/* Stretches come in order. One may reach from IPv6 across IPv4, which is in its lowest part, to IPv6 again. */
static void stretch_add(const struct spans_walk *w, struct expanse *x)
{
	addr_number first = w->first > IPV4_FIRST ? w->first : IPV4_FIRST;
	addr_number last = w->last < IPV4_LAST ? w->last : IPV4_LAST;

	if (first > last) {
		ipv6_add(x, w->first, w->last);
		return;
	}
	if (w->first < first)
		ipv6_add(x, w->first, first - 1);
	count_add(&x->count[SLUICE_IPV4], last - first + 1);
	x->share[SLUICE_IPV4] += (double)(last - first + 1) / 0x1p32;
	if (w->last > last)
		ipv6_add(x, last + 1, w->last);
}

struct impact forecast_impact(const struct forecast *f, const char *service)
{
	struct spans_walk w = { .a = &f->now->classified.leaves, .b = &f->want->classified.leaves };
	unsigned int id = registry_service(f->registry, service);
	struct impact sum = {};
	bool now, then;

	while (id && spans_walk_next(&w)) {
		now = refuses(f->now, w.value_a, id);
		then = refuses(f->want, w.value_b, id);
		if (now != then)
			stretch_add(&w, then ? &sum.refused : &sum.admitted);
	}
	return sum;
}

const struct sluice_rule *forecast_rule(const struct forecast *f, const struct sluice_addr *a, const char *service)
{
	unsigned int id = registry_service(f->registry, service);
	uint32_t leaf = trie_find(f->want->trie->cell, f->want->trie->pages, a);

	return id && *f->want->services[id].name ? compiled_rule(f->want, leaf, id) : NULL;
}
