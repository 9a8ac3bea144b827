/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side of limits that hold over several hosts (maps/fleet.h): what the gate goes by, what it tells, and the counters of such
 * limits. Owned by the daemon's fleet room, one at a time for an instance.
 */
#ifndef SLUICE_KERN_FLEET_TABLES_H
#define SLUICE_KERN_FLEET_TABLES_H

#include "engine.h"

/* One limit's counter: of whom, at what level, of connections or of a rate. What is not of its level is zero, so that memcmp() compares. */
struct fleet_counter {
	struct sluice_source_key of; /* at the levels SET and SERVICE only the service */
	__u32 seconds; /* of a rate, else 0 */
	__u16 total; /* counter of the set or service */
	__u8 level; /* enum sluice_fleet_level */
	__u8 rate;
};

struct fleet_news {
	struct fleet_counter counter;
	__u32 limit; /* 0: not told */
	bool exact;
	bool asks; /* a packet lacked a lease */
};

typedef void (*fleet_tell)(const struct fleet_news *news, void *arg);

struct fleet_tables;

/* From now on `tell` hears of changes, in fleet_tables_drain(); of what is held already in fleet_walk(). Leases of before are gone. 0 or -errno. */
int fleet_tables_open(struct engine *e, const __u64 secret[2], enum sluice_partition partition, fleet_tell tell,
		      void *arg, struct fleet_tables **out);
/* The gate goes by its own counts again; with `stays` by what the policy says of hosts that have lost touch. NULL is fine. */
void fleet_tables_close(struct fleet_tables *t, bool stays);
int fleet_tables_fd(const struct fleet_tables *t); /* readable when there is something to drain */
void fleet_tables_drain(struct fleet_tables *t);
/* In touch with the store until then, CLOCK_MONOTONIC. hosts 0: as of before. */
void fleet_tables_touch(struct fleet_tables *t, __u64 until_ns, __u32 hosts);
__u64 fleet_tables_lost(const struct fleet_tables *t); /* changes that nobody heard of */

/* The key of a counter in the store and of its lease. 0 or -errno: nobody knows its name any more. */
int fleet_counter_key(const struct fleet_tables *t, const struct fleet_counter *c, __u64 *key);
/* What it holds for sure; of one that is not there 0. */
__u32 fleet_counter_sure(const struct fleet_tables *t, const struct fleet_counter *c);
__u32 fleet_counter_held(const struct fleet_tables *t, const struct fleet_counter *c); /* ... and for handshakes */
int fleet_lease_set(struct fleet_tables *t, __u64 key, const struct sluice_lease *lease);
void fleet_lease_drop(struct fleet_tables *t, __u64 key);

/*
 * Looks through the counters, a part in each call: `tell` hears of each that holds something and has a limit over the fleet. True: there is
 * more, and it wants to be called again soon. fleet_walk_begin() begins anew.
 */
void fleet_walk_begin(struct fleet_tables *t);
bool fleet_walk(struct fleet_tables *t);

#endif
