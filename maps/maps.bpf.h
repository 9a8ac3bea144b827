/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps. Each is pinned under its own name; userspace sets the sizes marked * before it loads them. */
#ifndef SLUICE_MAPS_BPF_H
#define SLUICE_MAPS_BPF_H

#include "abi.h"

#define MAP(map_type, map_name, key_type, value_type, entries) \
	struct {                                               \
		__uint(type, map_type);                        \
		__uint(max_entries, entries);                  \
		__type(key, key_type);                         \
		__type(value, value_type);                     \
	} map_name SEC(".maps")

#define SPARSE_MAP(map_type, map_name, key_type, value_type, entries) \
	struct {                                                      \
		__uint(type, map_type);                               \
		__uint(max_entries, entries);                         \
		__uint(map_flags, BPF_F_NO_PREALLOC);                 \
		__type(key, key_type);                                \
		__type(value, value_type);                            \
	} map_name SEC(".maps")

/* Policy: the daemon writes it into the idle slot, and then `control.force` names that. The gate and the tracker read it (control.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); /* so that a word of it is written by one store */
	__type(key, __u32);
	__type(value, struct sluice_control);
} control SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, generations, __u32, struct sluice_generation, SLUICE_SLOTS);
MAP(BPF_MAP_TYPE_ARRAY, ports, __u32, struct sluice_port, SLUICE_SLOTS * 65536);
MAP(BPF_MAP_TYPE_HASH, listeners, struct sluice_listener_key, __u32, SLUICE_SLOTS *SLUICE_MAX_LISTENERS);
MAP(BPF_MAP_TYPE_ARRAY, services, __u32, struct sluice_service, SLUICE_SLOTS *SLUICE_MAX_SERVICES);
MAP(BPF_MAP_TYPE_ARRAY, classes, __u32, struct sluice_class, SLUICE_SLOTS *SLUICE_MAX_CLASSES);
MAP(BPF_MAP_TYPE_ARRAY, rules, __u32, struct sluice_rule, SLUICE_SLOTS *SLUICE_MAX_RULES);

/*
 * Containers. `published` is written by the daemon, also into the slot in force when a namespace comes or goes; the tracker reads it.
 * `halves` is written by the gate with a reservation at a published service, and goes with it. `insides` maps the 4-tuple of each
 * connection of a container or in a VRF, as its packets show it, to the cookie of its socket: the tracker writes it, the gate reads it because it
 * cannot look such sockets up, and the reaper forgets connections that are over. Only userspace uses `containers`.
 */
MAP(BPF_MAP_TYPE_HASH, published, struct sluice_published_key, struct sluice_published, SLUICE_MAX_PUBLISHED);
SPARSE_MAP(BPF_MAP_TYPE_HASH, halves, struct sluice_half, struct sluice_addr, SLUICE_MAX_HANDSHAKES);
SPARSE_MAP(BPF_MAP_TYPE_HASH, insides, struct sluice_tuple, __u64, SLUICE_MAX_INSIDES);
MAP(BPF_MAP_TYPE_ARRAY, containers, __u32, struct sluice_container, SLUICE_SLOTS *SLUICE_MAX_CONTAINERS);

/* Address -> leaf, one trie per slot. For each generation the daemon makes a new inner map, as large as it must be. */
struct sluice_trie {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct sluice_trie_page));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLUICE_SLOTS);
	__type(key, __u32);
	__array(values, struct sluice_trie);
} tries SEC(".maps");

/* Live bans and allows, which override any policy. The daemon writes them; the gate itself knows what has expired. */
SPARSE_MAP(BPF_MAP_TYPE_LPM_TRIE, live_allows, struct sluice_prefix_key, struct sluice_live, SLUICE_MAX_LIVE);
SPARSE_MAP(BPF_MAP_TYPE_LPM_TRIE, live_bans, struct sluice_prefix_key, struct sluice_ban, SLUICE_MAX_LIVE);
SPARSE_MAP(BPF_MAP_TYPE_HASH, ban_rows, struct sluice_ban_key, struct sluice_ban_row,
	   SLUICE_MAX_LIVE); /* only userspace uses it */

/*
 * Which addresses are this host's own, and which interface has them. The daemon writes this from the kernel's routing tables, before
 * traffic comes and whenever they change.
 */
SPARSE_MAP(BPF_MAP_TYPE_LPM_TRIE, locals, struct sluice_prefix_key, struct sluice_local, SLUICE_MAX_LOCALS);
/* Where XDP may answer: see struct sluice_answers. Found by ifindex; the daemon makes and removes the rows. */
MAP(BPF_MAP_TYPE_HASH, answers, __u32, struct sluice_answers, SLUICE_MAX_ANSWERS);
MAP(BPF_MAP_TYPE_PERCPU_HASH, answer_counts, __u32, struct sluice_answer_counts, SLUICE_MAX_ANSWERS);

/*
 * Accounting: written by the gate (handshakes), the tracker (connections), the sweeper and the reaper; userspace only reads it. A source's
 * counter lives while it holds anything and, once it has completed a handshake, for the retention time. *
 */
SPARSE_MAP(BPF_MAP_TYPE_HASH, sources, struct sluice_source_key, struct sluice_counter, SLUICE_DEFAULT_SOURCES);
/* How many keys of `sources`, `networks` and both tables of rates fall on each of four places in a word: bpf/charge/known.bpf.h. */
MAP(BPF_MAP_TYPE_ARRAY, known, __u32, __u64, SLUICE_KNOWN_WORDS);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, tally, __u32, __s64, SLUICE_TALLIES); /* by enum sluice_tally_row */
/* Networks above sources, and rates of both, where a rule limits them. They are as large as `sources`. * */
SPARSE_MAP(BPF_MAP_TYPE_HASH, networks, struct sluice_source_key, struct sluice_counter, SLUICE_DEFAULT_SOURCES);
SPARSE_MAP(BPF_MAP_TYPE_HASH, rates, struct sluice_rate_key, struct sluice_rate, SLUICE_DEFAULT_SOURCES);
/*
 * Where these are full, those who find no room share counters and rates, by a keyed hash: limits still hold, for each shared counter.
 * Sources that have a counter are not affected. The first half of `shared` is for sources, the other for networks. The key of
 * `shared_rates` is a number and an interval; when even that is full, nothing more is let in.
 */
MAP(BPF_MAP_TYPE_ARRAY, shared, __u32, struct sluice_counter, 2 * SLUICE_SHARED);
MAP(BPF_MAP_TYPE_ARRAY, shared_held, __u32, __u64, 2); /* slots held in `shared`; elements of `shared_rates` */
SPARSE_MAP(BPF_MAP_TYPE_HASH, shared_rates, struct sluice_rate_key, struct sluice_rate, 4 * SLUICE_SHARED_RATES);
MAP(BPF_MAP_TYPE_ARRAY, totals, __u32, struct sluice_counter, SLUICE_MAX_TOTALS);
MAP(BPF_MAP_TYPE_ARRAY, total_rates, __u32, struct sluice_rate,
    SLUICE_MAX_TOTALS); /* of sets and services, by the same numbers */
/*
 * Sure refusals of single sources, for the express lane: written by the gate, wiped when a slot of the source is given back. They are
 * mapped, so that lines begin where cache lines do and userspace can wipe all at once. Each family has as many lines as an eighth of
 * `sources`, as a power of two. *
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << SLUICE_LANE_BITS_LEAST);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sluice_refusals);
} refusals SEC(".maps"), refusals6 SEC(".maps");
/*
 * Limits over several hosts. `fleet` and `fleet_leases` are written by the daemon and read by the gate. `fleet_changes` is written by the
 * kernel side and read by the daemon of a policy that has a fleet.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); /* so that its time is written by one store */
	__type(key, __u32);
	__type(value, struct sluice_fleet);
} fleet SEC(".maps");
SPARSE_MAP(BPF_MAP_TYPE_HASH, fleet_leases, __u64, struct sluice_lease, SLUICE_MAX_LEASES);
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SLUICE_FLEET_BYTES);
} fleet_changes SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, due, __u32, struct sluice_due, SLUICE_DUE); /* written by the daemon before it has them freed */
MAP(BPF_MAP_TYPE_ARRAY, handshakes, __u32, struct sluice_handshakes, SLUICE_HANDSHAKE_BUCKETS);
MAP(BPF_MAP_TYPE_ARRAY, handshake_load, __u32, __u32,
    SLUICE_HANDSHAKE_GROUPS); /* elements of a group that are not FREE */
MAP(BPF_MAP_TYPE_ARRAY, socket_tuples, __u32, __u64,
    2 << SLUICE_SOCKETS_BITS_MOST); /* two sets of bits: bpf/flow/socket_tuples.bpf.h */
MAP(BPF_MAP_TYPE_ARRAY, guards, __u32, struct sluice_guard, 65536); /* by local port */
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, stats, __u32, struct sluice_stat, SLUICE_MAX_SERVICES *SLUICE_REASONS);

/* Written by the tracker, read by `suggest`, cleared by the daemon with the service. */
MAP(BPF_MAP_TYPE_ARRAY, peaks, __u32, struct sluice_peaks, SLUICE_MAX_SERVICES);

/* Refusals for those who watch: written by the gate within its budget, read by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SLUICE_EVENT_BYTES);
} events SEC(".maps");
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, budgets, __u32, struct sluice_budget, SLUICE_REASONS);

/* Connections refused for their country. Index: service id * SLUICE_COUNTRIES + country. */
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, countries, __u32, __u64, SLUICE_MAX_SERVICES *SLUICE_COUNTRIES);
/* Connections let in by country, while a database is in force. Index: service id * SLUICE_ORIGINS + country or enum sluice_origin. */
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, admitted_from, __u32, __u64, SLUICE_MAX_SERVICES *SLUICE_ORIGINS);

/* The connections themselves: written by the tracker, the audit and the reaper. Never fewer than `sources`. * */
SPARSE_MAP(BPF_MAP_TYPE_HASH, connections, __u64, struct sluice_connection, SLUICE_MAX_CONNECTIONS);
MAP(BPF_MAP_TYPE_ARRAY, audits, __u32, struct sluice_audits, 1);
/*
 * SYN floods. `pressures` is written by the gate and the sweeper, `arrivals` by the gate alone. `suspects` holds sources whose handshakes
 * ran out unanswered, and until when; the oldest make room, which costs nobody more than one more slot for three seconds. In `stamps` and
 * `fragments` the oldest make room, too. `sketch` is a count-min sketch (Cormode, Muthukrishnan, 2005); where it fills up, sources that
 * never completed a handshake are counted together. `no_room` counts how often each table was full.
 */
MAP(BPF_MAP_TYPE_ARRAY, pressures, __u32, struct sluice_pressure, SLUICE_MAX_SERVICES);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, arrivals, __u32, struct sluice_arrivals, SLUICE_MAX_SERVICES);
MAP(BPF_MAP_TYPE_LRU_HASH, suspects, struct sluice_source_key, __u64, SLUICE_MAX_SUSPECTS);
MAP(BPF_MAP_TYPE_LRU_HASH, stamps, struct sluice_listener_key, struct sluice_stamp, SLUICE_MAX_STAMPS);
MAP(BPF_MAP_TYPE_ARRAY, sketch, __u32, struct sluice_cell, SLUICE_SKETCH_ROWS *SLUICE_SKETCH_CELLS);
MAP(BPF_MAP_TYPE_LRU_HASH, fragments, struct sluice_fragment_key, struct sluice_fragment, SLUICE_MAX_FRAGMENTS);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, no_room, __u32, __u64, SLUICE_TABLES);

/* A record tells the daemon that cookies are wanted and the listener refuses to make them. It has no content. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} cookie_requests SEC(".maps");

/* Userspace notes here what it changed outside. */
MAP(BPF_MAP_TYPE_ARRAY, syncookies, __u32, struct sluice_syncookies, 1);

/* The sweeper's timer. It is pinned, so that it goes on when the daemon is dead. */
struct sluice_sweeper {
	struct bpf_timer timer;
	__u32 group; /* the group of handshakes where the next tick goes on; 0: from the beginning */
	__u32 pad;
};

MAP(BPF_MAP_TYPE_ARRAY, sweeper, __u32, struct sluice_sweeper, 1);

/* Userspace's own memory, which outlives daemons: who runs here, and which counter has which name. */
MAP(BPF_MAP_TYPE_ARRAY, identity, __u32, struct sluice_identity, 1);
typedef char sluice_total_name[SLUICE_TOTAL_NAME_LEN];
MAP(BPF_MAP_TYPE_ARRAY, names, __u32, sluice_total_name, SLUICE_MAX_TOTALS);

#endif
