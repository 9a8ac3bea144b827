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

#define REFUSALS_MOST 65536 /* entries of the daemon's; about 8 MB */

/* An entry: all refusals of one source, at one service, for one reason. */
struct refusal {
	struct prefix source; /* as it may be kept */
	char service[SLUICE_NAME_LEN];
	enum sluice_reason reason;
	enum sluice_verdict verdict; /* of the last; PASS: it was only observed */
	uint64_t first_ns,
		last_ns; /* of a clock that no clock set by hand moves, and that goes on where the last daemon's ended */
	uint64_t count; /* refusals that the gate reported: a lower bound of how many there were */
	uint64_t stands_for; /* ... and the estimate of how many there were, from its sample */
	uint64_t unsaid; /* of `count`: not in the log yet, nor passed over: the log's own */
	uint64_t unsaid_for; /* of `stands_for` */
};

struct refusals;

/* What became of all that was ever put in. */
struct refusals_sums {
	size_t entries;
	uint64_t forgotten; /* entries that made room for others before their time */
	uint64_t untold; /* refusals that the gate only counted */
};

struct refusals *refusals_new(size_t most); /* NULL without memory */
void refusals_free(struct refusals *r); /* NULL is fine */
/* One more, of which the caller says source, service, reason, verdict, and by last_ns and stands_for when and for how many. */
void refusals_note(struct refusals *r, const struct refusal *one);
/* Of one that was remembered before all that the caller says of it; the last is put last. `unsaid` is over. */
void refusals_put(struct refusals *r, const struct refusal *one);
struct refusals_sums refusals_sums(const struct refusals *r);
/* Forgets what was last seen before that. */
void refusals_expire(struct refusals *r, uint64_t before_ns);
void refusals_clear(struct refusals *r);

/*
 * Goes through the entries of a reason, the one seen last first: from the one after `last` (NULL: the first); NULL at the end. The pointer
 * holds until the memory is changed; before refusals_remove() takes one out, get the next one.
 */
struct refusal *refusals_next(struct refusals *r, enum sluice_reason why, const struct refusal *last);
void refusals_remove(struct refusals *r, struct refusal *one);

#endif
