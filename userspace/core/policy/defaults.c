/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy and its sections with default values: see defaults.h. */
#include "defaults.h"

#include <stdio.h>
#include <stdlib.h>

#include "list.h"
#include "schema.h"

struct policy *policy_new(void)
{
	struct policy *p = calloc(1, sizeof(*p));
	enum section section;

	if (!p)
		return NULL;
	for (section = SECTION_TOP; section_is_single(section); section++)
		schema_defaults(section, p);
	p->flood.syn_rate = (struct rate){ .count = 20000, .seconds = 1 };
	p->flood.expired_rate = (struct rate){ .count = 300, .seconds = 10 };
	if (listen_parse(POLICY_LISTEN, &p->metrics)) {
		free(p);
		return NULL;
	}
	return p;
}

#define NEW(list, ...)                                              \
	({                                                          \
		__typeof__((list)->item) new_ = LIST_ADD(list);     \
		if (new_)                                           \
			*new_ = (__typeof__(*new_)){ __VA_ARGS__ }; \
		(void *)new_;                                       \
	})

static void *section_add(struct policy *p, enum section section, const struct place *at)
{
	switch (section) {
	case SECTION_SERVICE:
		return NEW(&p->services, .at = *at);
	case SECTION_SET:
		return NEW(&p->sets, .at = *at);
	default:
		return NEW(&p->containers, .at = *at);
	}
}

void *section_open(struct policy *p, enum section section, const char *title, const struct place *at)
{
	void *base = section_find(p, section, title);

	if (base)
		return base;
	base = section_add(p, section, at);
	if (!base)
		return NULL;
	schema_defaults(section, base);
	snprintf(base, SLUICE_NAME_LEN, "%s", title);
	return base;
}
