/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits of which this host holds much, or wants more, and what is known of their leases. Found by counter, as the kernel side tells of
 * them, and by key, as the store does. Nothing here speaks to either: fleet_tick.c does.
 */
#ifndef SLUICE_DAEMON_FLEET_KEYS_H
#define SLUICE_DAEMON_FLEET_KEYS_H

#include <stdbool.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "fleet_tables.h"

enum fleet_entry_state {
	FLEET_ENTRY_RESTS,
	FLEET_ENTRY_SENT, /* an answer is awaited */
	FLEET_ENTRY_LOWERED, /* the gate may hold less now, and packets that it judged before are about to be counted */
};

struct fleet_entry {
	struct fleet_counter counter;
	__u64 key;
	uint32_t limit;
	bool exact;
	enum fleet_entry_state state;
	bool queued; /* it is in the queue of fleet_tick.c */
	bool again; /* it changed while an answer was awaited */
	bool recorded; /* the store has what this host holds */
	bool stale; /* the store may have what it was told before this host lost touch with it */
	bool leased; /* the kernel side has a lease for it */
	bool needed; /* another host wants some of it */
	uint32_t told, asked, most; /* held, wanted and the limit, as last sent */
	bool releases; /* what was sent last gives the record up */
	bool unsure; /* part of what was reported may go without any report: an unanswered handshake */
	uint32_t want, tries; /* how much packets were refused for want of, and how often the store had none */
	uint64_t want_until_ms; /* by then whoever wanted it has gone, or asks again */
	uint64_t keep_until_ms; /* by then whoever wanted what was leased last has asked again */
	uint32_t lease, others, others_hosts; /* as the store last said */
	uint64_t busy_ms; /* CLOCK_MONOTONIC, when it last held something, or was asked for */
	struct event timer;
	void *owner; /* for the timer's callback */
	TAILQ_ENTRY(fleet_entry) queue;
	LIST_ENTRY(fleet_entry) by_counter, by_key, all;
};

TAILQ_HEAD(fleet_queue, fleet_entry);
LIST_HEAD(fleet_entries, fleet_entry);

struct fleet_keys {
	struct fleet_entries *by_counter, *by_key; /* with `buckets` each */
	struct fleet_entries all;
	struct fleet_queue queue;
	size_t count, recorded;
};

int fleet_keys_open(struct fleet_keys *k); /* 0 or -ENOMEM */
void fleet_keys_close(struct fleet_keys *k);
/* NULL if it is not there. */
struct fleet_entry *fleet_keys_of(const struct fleet_keys *k, const struct fleet_counter *c);
struct fleet_entry *fleet_keys_find(const struct fleet_keys *k, __u64 key);
/* Adds one for a counter that has none yet; NULL: no room. Its timer calls `due`. */
struct fleet_entry *fleet_keys_add(struct fleet_keys *k, const struct fleet_counter *c, __u64 key,
				   struct event_base *loop, event_callback_fn due, void *owner);
void fleet_keys_drop(struct fleet_keys *k, struct fleet_entry *e);
void fleet_keys_queue(struct fleet_keys *k, struct fleet_entry *e);
/* Removes the first of the queue and returns it; NULL: it is empty. */
struct fleet_entry *fleet_keys_next(struct fleet_keys *k);
void fleet_keys_note(struct fleet_keys *k, struct fleet_entry *e, bool recorded);

#endif
