/* SPDX-License-Identifier: BSD-2-Clause */
/* struct policy -> rows of the maps. Address -> class by longest prefix, class x service -> rule; priorities resolved here. */
#ifndef SLUICE_CORE_COMPILE_H
#define SLUICE_CORE_COMPILE_H

#include "policy.h"

/*
 * Which counter belongs to which name; the content of the pinned map `names`. Index 1..SLUICE_MAX_SERVICES-1: services;
 * from SLUICE_MAX_SERVICES on: "SET@SERVICE". A name keeps its index as long as anything may still hold a slot there.
 */
struct registry {
	char name[SLUICE_MAX_TOTALS][SLUICE_TOTAL_NAME_LEN];
	bool used[SLUICE_MAX_TOTALS]; /* named by the policy compiled last */
};

struct compiled_port {
	uint16_t port;
	struct sluice_port row;
};

struct compiled_listener {
	struct sluice_addr addr;
	uint16_t port;
	uint16_t service;
};

struct compiled_prefix {
	struct prefix prefix;
	uint32_t class_id;
};

/* Everything one generation needs; the generation number and slot are filled in when it is committed. */
struct compiled {
	struct sluice_generation generation;
	struct sluice_service services[SLUICE_MAX_SERVICES]; /* by id */
	struct compiled_port *ports;
	size_t ports_count;
	struct compiled_listener *listeners;
	size_t listeners_count;
	struct compiled_prefix *prefixes; /* only where the class differs from that of the enclosing prefix */
	size_t prefixes_count;
	struct sluice_class *classes; /* class 0 first */
	size_t classes_count;
	struct sluice_rule *rules;
	size_t rules_count;
	/* class -> the set that decides at each service (index into policy->sets, -1: none), for lookup */
	int (*winner)[SLUICE_MAX_SERVICES];
};

/*
 * Names that are new get a free index of `reg`; none is taken away (registry_retire does). 0, -EINVAL with a message
 * (too many classes, rules, counters), -ENOMEM. `reg` may have gained names also on failure, which does no harm.
 */
int policy_compile(const struct policy *p, struct registry *reg, struct compiled **out, struct diag *d);
void compiled_free(struct compiled *c);
/* The class an address gets, from the same prefixes: slow, for tests and lookup. */
uint32_t compiled_class(const struct compiled *c, const struct sluice_addr *a);
/* Service id of a name, 0: none. */
unsigned int registry_service(const struct registry *reg, const char *name);

#endif
