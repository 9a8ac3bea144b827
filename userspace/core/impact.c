/* SPDX-License-Identifier: BSD-2-Clause */
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

static void stretch_add(const struct spans_walk *w, uint64_t sum[static SLUICE_FAMILIES])
{
	if (w->first >= IPV4_FIRST && w->last <= IPV4_LAST)
		sum[SLUICE_IPV4] += w->last - w->first + 1;
	else
		sum[SLUICE_IPV6] += (w->last >> 64) - (w->first >> 64) + 1;
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
			stretch_add(&w, then ? sum.refused : sum.admitted);
	}
	return sum;
}

const struct sluice_rule *forecast_rule(const struct forecast *f, const struct sluice_addr *a, const char *service)
{
	unsigned int id = registry_service(f->registry, service);
	uint32_t leaf = trie_find(f->want->trie->cell, f->want->trie->pages, a);

	return id && *f->want->services[id].name ? compiled_rule(f->want, leaf, id) : NULL;
}
