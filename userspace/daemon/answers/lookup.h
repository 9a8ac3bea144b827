/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known about an address: country, network, sets, the rule at each service, and what is open from there. For `lookup` and `explain`. */
#ifndef SLUICE_DAEMON_LOOKUP_H
#define SLUICE_DAEMON_LOOKUP_H

#include <jansson.h>

#include "engine.h"

/* Says what is known of an address: its sets by name, its class, and what each service would do with it. Returns 0 or -errno. */
int lookup_json(const struct engine *e, const struct policy *p, const struct sluice_addr *a, json_t **out);
/* Adds to that answer what counts as one source there, "source", and for a prefix "asked". */
int asked_json(const struct engine *e, const struct prefix *about, json_t *out);
/* Adds what all sources that lie in `about`, or contain it, have open now, "held": not for everybody. */
int held_json(const struct engine *e, const struct prefix *about, json_t *out);

/*
 * Returns the key by which a set names an address, the closest first, or NULL if it does not. If a set has both, a list counts as prefixes.
 * *entry is the longest prefix of either that has the address; NULL: none.
 */
const char *set_key(const struct policy_set *s, const struct geo *geo, const struct sluice_addr *a,
		    const struct prefix **entry);

#endif
