/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many bans each owner has, for the metrics. The sixteen owners with the most are named, of those without an address in their names; the
 * others are one sum. So there are at most seventeen figures, however many owners there are.
 */
#ifndef SLUICE_KERN_BANS_OWNERS_H
#define SLUICE_KERN_BANS_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define BAN_OWNERS_NAMED 16
#define BAN_OWNERS_REST "(others)" /* no owner can be called that */

struct engine;

struct ban_owner {
	char name[SLUICE_NAME_LEN];
	uint64_t bans;
};

/* All 0 before the first count. Kept by the caller, since counting is only due after a change of the bans. */
struct ban_owners {
	struct ban_owner item[BAN_OWNERS_NAMED + 1]; /* most first; the rest, if there is one, is the last */
	size_t count;
	uint64_t of; /* 1 + the number of the change that was counted */
};

int bans_owners(const struct engine *e, struct ban_owners *kept);

#endif
