/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hosts of a fleet have said to each other and what of it still matters: bans, allows, live settings, the end of some, addresses to be
 * erased. One entry for each thing that they said something of: the latest word. Nothing here speaks to anybody: fleet_say.c and fleet_hear.c do.
 */
#ifndef SLUICE_DAEMON_FLEET_SHARED_H
#define SLUICE_DAEMON_FLEET_SHARED_H

#include <sys/queue.h>
#include <time.h>

#include "fleet_record.h"
#include "warn.h"

#define FLEET_SHARED_MAX 65536
#define FLEET_ERASURES_MAX \
	16384 /* beside those: whoever promises an erasure finds room for it, and takes none of theirs */
#define FLEET_SETTINGS_MAX 256 /* of them; a host says nothing of a setting beyond that, */
#define FLEET_SETTINGS_HEARD 1024 /* but hears of more: hosts that were apart may each have said as many */

struct shared {
	struct fleet_word word;
	struct fleet_record record;
	bool queued; /* the store has to be told */
	bool here; /* since then, this host got another order for itself alone */
	bool settled; /* only for a setting: what is in force here follows this word */
	char *why; /* why what is in force does not follow it; NULL if nothing is wrong */
	LIST_ENTRY(shared) by_id, all;
	TAILQ_ENTRY(shared) queue;
};

LIST_HEAD(shared_list, shared);
TAILQ_HEAD(shared_queue, shared);

struct fleet_shared {
	bool bans, settings; /* which words hold on all hosts */
	struct fleet_record_keys keys;
	struct shared_list *by_id, all;
	struct shared_queue queue;
	size_t count, settings_count, erasures_count;
	uint64_t refused; /* records that nobody in the fleet made, or that found no room */
	uint64_t withheld; /* bans of others that would have hit what this host depends on, or were too wide */
	uint64_t arrived; /* records of other hosts that changed something here, and how many of these the log has: */
	uint64_t logged;
	time_t arrived_at; /* the last; 0: none yet */
	struct owns owns; /* what this host depends on, and when that was determined, by CLOCK_MONOTONIC */
	uint64_t owns_ms;
};

/* `s` says which words hold on all hosts, and nothing else. 0 or -ENOMEM */
int shared_open(struct fleet_shared *s, const struct fleet_record_keys *k);
bool shared_on(const struct fleet_shared *s); /* some do */
bool shared_takes(const struct fleet_shared *s, const struct fleet_word *w); /* this one does */
bool shared_is_full(const struct fleet_shared *s); /* a host says nothing of a setting that is not known already */
void shared_close(struct fleet_shared *s);
struct shared *shared_find(const struct fleet_shared *s, const uint8_t id[static FLEET_ID]);
/* Returns the entry of this order, which replaces an earlier one. NULL: no room, or no memory. */
struct shared *shared_put(struct fleet_shared *s, const struct fleet_word *w, const struct fleet_record *r);
void shared_drop(struct fleet_shared *s, struct shared *one);
void shared_queue(struct fleet_shared *s, struct shared *one);
/* Removes one of those that the store has to be told, and returns it; NULL: none. */
struct shared *shared_next(struct fleet_shared *s);
/* Whether an order stands: it is neither taken back nor over. */
bool shared_stands(const struct fleet_word *w, uint64_t now_s);
size_t shared_standing(const struct fleet_shared *s); /* how many bans and allows stand */
size_t shared_settings(const struct fleet_shared *s); /* how many live settings stand */
size_t shared_unfit(const struct fleet_shared *s); /* how many of these this host cannot put in force */
void shared_age(struct fleet_shared *s); /* forgets what nobody needs to know any more */

#endif
