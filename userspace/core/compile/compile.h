/* SPDX-License-Identifier: BSD-2-Clause */
/* struct policy -> rows of the maps: port -> service, address -> class, class x service -> rule. */
#ifndef SLUICE_CORE_COMPILE_H
#define SLUICE_CORE_COMPILE_H

#include "classify.h"
#include "policy.h"
#include "registry.h"
#include "trie.h"

struct compiled_port {
	uint16_t port;
	struct sluice_port row;
};

struct compiled_listener {
	struct sluice_addr addr;
	uint16_t port;
	uint16_t service;
};

/* Everything one generation needs; the generation number and slot are filled in when it is committed. */
struct compiled {
	struct sluice_generation generation;
	struct sluice_service services[SLUICE_MAX_SERVICES]; /* by id */
	struct compiled_port *ports;
	size_t ports_count;
	struct compiled_listener *listeners;
	size_t listeners_count;
	struct classified classified; /* address -> leaf */
	struct trie *trie; /* the same, as the gate looks it up */
	struct sluice_class *classes; /* class 0 first */
	size_t classes_count;
	struct sluice_rule *rules;
	size_t rules_count;
	struct sluice_container *containers;
	size_t containers_count;
};

/*
 * New names get a free index of `reg`; none is removed (registry_retire does that). Returns 0, -EINVAL with a message (too many classes,
 * rules, counters), or -ENOMEM. `reg` may gain names even on failure, which does no harm.
 */
int policy_compile(const struct policy *p, struct registry *reg, struct compiled **out, struct diag *d);
void compiled_free(struct compiled *c);
/* Returns what a leaf may do at a service (by its id). */
const struct sluice_rule *compiled_rule(const struct compiled *c, uint32_t leaf, unsigned int service);

#endif
