/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side of limits that hold over several hosts (maps/fleet.h): what the gate goes by, what it tells, and the counters of such
 * limits. Owned by the daemon's fleet room, one at a time for an instance.
 */
#ifndef SLUICE_KERN_FLEET_TABLES_H
#define SLUICE_KERN_FLEET_TABLES_H

#include "engine.h"

/*
 * One limit's counter: whose it is, at what level, and whether of connections or of a rate. Members that its level does not use are zero,
 * so that memcmp() compares.
 */
struct fleet_counter {
	struct sluice_source_key of; /* at the levels SET and SERVICE only the service is used */
	__u32 seconds; /* of a rate, otherwise 0 */
	__u16 total; /* counter of the set or service */
	__u8 level; /* enum sluice_fleet_level */
	__u8 rate;
};

struct fleet_news {
	struct fleet_counter counter;
	__u32 limit; /* 0: not told */
	bool exact;
	bool asks; /* a packet was refused for want of a lease */
};

typedef void (*fleet_tell)(const struct fleet_news *news, void *arg);

struct fleet_tables;

/*
 * From now on fleet_tables_drain() tells `tell` of changes, and fleet_walk() of what is held already. Earlier leases are gone. Returns 0 or
 * -errno.
 */
int fleet_tables_open(struct engine *e, const __u64 secret[2], enum sluice_partition partition, fleet_tell tell,
		      void *arg, struct fleet_tables **out);
/* The gate uses its own counts again or, with `stays`, what the policy says of hosts that have lost touch. NULL is fine. */
void fleet_tables_close(struct fleet_tables *t, bool stays);
int fleet_tables_fd(const struct fleet_tables *t); /* readable when there is something to drain */
void fleet_tables_drain(struct fleet_tables *t);
/* Says that this host is in touch with the store until then, CLOCK_MONOTONIC. If `hosts` is 0, their number stays. */
void fleet_tables_touch(struct fleet_tables *t, __u64 until_ns, __u32 hosts);
__u64 fleet_tables_lost(const struct fleet_tables *t); /* number of changes that were lost */

/* Makes the key of a counter in the store, and of its lease. Returns 0, or -errno if nobody knows its name any more. */
int fleet_counter_key(const struct fleet_tables *t, const struct fleet_counter *c, __u64 *key);
/* Returns what it holds for sure; 0 if it does not exist. */
__u32 fleet_counter_sure(const struct fleet_tables *t, const struct fleet_counter *c);
__u32 fleet_counter_held(const struct fleet_tables *t, const struct fleet_counter *c); /* ... and for handshakes */
int fleet_lease_set(struct fleet_tables *t, __u64 key, const struct sluice_lease *lease);
void fleet_lease_drop(struct fleet_tables *t, __u64 key);

/*
 * Walks the counters, a part in each call, and tells `tell` of each that holds something and has a limit over the fleet. Returns true if
 * there is more, and it wants to be called again soon. fleet_walk_begin() starts again from the beginning.
 */
void fleet_walk_begin(struct fleet_tables *t);
bool fleet_walk(struct fleet_tables *t);

#endif
