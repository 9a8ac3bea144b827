/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What hosts of a fleet say of their policies, so that each finds whose limits are others: of each service and set whose limits hold over the
 * fleet a keyed hash of its name, and one of its limits. Who has no secret learns how many there are. Used by fleet_run.c and fleet_touch.c.
 */
#ifndef SLUICE_DAEMON_FLEET_DIGEST_H
#define SLUICE_DAEMON_FLEET_DIGEST_H

#include "policy.h"

#define FLEET_DIGEST_DIGITS 17 /* with the final NUL */

struct fleet_digest {
	struct fleet_digest_item {
		char key[FLEET_DIGEST_DIGITS], value[FLEET_DIGEST_DIGITS];
		char name[SLUICE_NAME_LEN + 16]; /* "service smtp", "source-set few" */
	} * item;
	size_t count, room;
};

/* Returns the text of FLEET_POLICY, freed with free(), or NULL without memory. What *d held before is gone. */
char *fleet_digest_make(struct fleet_digest *d, const struct policy *p, const __u64 secret[2]);
/* Returns whose key this is, or NULL. */
const char *fleet_digest_name(const struct fleet_digest *d, const char *key);
void fleet_digest_free(struct fleet_digest *d);

#endif
