/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of refusals: who was refused, where, why, first, last and how often. It is bounded: when it is full, the oldest entry of the
 * reason with the most entries goes, so that a flood pushes out itself and not unrelated entries. The daemon fills it and reads it.
 * Pure: the caller says what time it is, and in which form an address may be kept (core/show/privacy.h).
 */
#ifndef SLUICE_CORE_REFUSALS_H
#define SLUICE_CORE_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define REFUSALS_MOST 65536 /* entries in the daemon; about 8 MB */

/* An entry: all refusals of one source, at one service, for one reason; those that were only observed have an entry of their own. */
struct refusal {
	struct prefix source; /* in the form that may be kept */
	char service[SLUICE_NAME_LEN];
	enum sluice_reason reason;
	enum sluice_verdict verdict; /* of the last refusal; PASS: it was only observed */
	uint64_t first_ns,
		last_ns; /* by a clock that nobody can set, and that continues where the last daemon's ended */
	uint64_t count; /* refusals that the gate reported: a lower bound of how many there were */
	uint64_t stands_for; /* the estimate of how many there were, from the gate's sample */
	uint64_t unsaid; /* how much of `count` is neither in the log yet nor skipped; used by the log */
	uint64_t unsaid_for; /* the same for `stands_for` */
};

struct refusals;

/* What became of everything that was ever put in. */
struct refusals_sums {
	size_t entries;
	uint64_t forgotten; /* entries that made room for others too early */
	uint64_t untold; /* refusals that the gate only counted */
};

struct refusals *refusals_new(size_t most); /* NULL without memory */
void refusals_free(struct refusals *r); /* NULL is fine */
/* Adds one. The caller gives source, service, reason and verdict, and with last_ns and stands_for when, and for how many. */
void refusals_note(struct refusals *r, const struct refusal *one);
/* Adds one that was remembered before. The caller gives everything about it; put the last one in last. `unsaid` is over. */
void refusals_put(struct refusals *r, const struct refusal *one);
struct refusals_sums refusals_sums(const struct refusals *r);
/* Forgets what was last seen before that time. */
void refusals_expire(struct refusals *r, uint64_t before_ns);
void refusals_clear(struct refusals *r);

/*
 * Walks the entries of a reason, the one seen last first: returns the one after `last` (NULL: the first), or NULL at the end. The pointer
 * is valid until the memory changes; get the next one before refusals_remove() takes one out.
 */
struct refusal *refusals_next(struct refusals *r, enum sluice_reason why, const struct refusal *last);
void refusals_remove(struct refusals *r, struct refusal *one);

#endif
