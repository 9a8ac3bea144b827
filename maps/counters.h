/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is counted, and by which keys: counters and rates of sources, networks, sets and services, and what one connection holds of
 * them. A part of abi.h, which includes it; written by the kernel side, read by both.
 */
#ifndef SLUICE_COUNTERS_H
#define SLUICE_COUNTERS_H

/* A sliding window of events: see bpf/charge/window.bpf.h. */
struct sluice_window {
	__u64 width_ns;
	__u64 epoch; /* number of the running bucket: time / width_ns */
	__u32 sum;
	__u32 running; /* index of the running bucket */
	__u32 hits[SLUICE_RATE_BUCKETS];
	__u32 pad;
};

enum sluice_counter_state {
	SLUICE_COUNTER_NEW, /* only reservations so far: freed when none is left */
	SLUICE_COUNTER_PROVEN, /* completed a handshake: kept for the retention time */
	SLUICE_COUNTER_GONE, /* being deleted: nobody may take a slot of it */
};

enum sluice_level { SLUICE_LEVEL_SOURCE, SLUICE_LEVEL_NETWORK };

/* Key of a counter of a source, or of the network above it: the address cut to so many bits, and the service. */
struct sluice_source_key {
	struct sluice_addr addr;
	__u16 service;
	__u8 bits; /* of the mapped form */
	__u8 level; /* enum sluice_level */
};

/*
 * What a source, a network, a set or a service holds. Everything under `lock`, but for readers that only want a figure. An element of
 * a table may be given to another key under a pointer to it: `of` is compared under the lock.
 */
struct sluice_counter {
	struct bpf_spin_lock lock;
	__u32 held; /* established and reserved */
	__u32 reserved; /* of these, reserved */
	__u32 proven; /* of these, by a client that answered: established any moment */
	__u32 state; /* enum sluice_counter_state */
	__u8 peak_connections, peak_rate; /* 1 + the bucket in `peaks` that counts this source; 0: none yet */
	__u16 pad;
	__u64 seen_ns; /* last slot taken or given back */
	__u32 pace_epoch, pace_now,
		pace_before; /* connections in a running interval and in the one before: for `peaks` */
	struct sluice_source_key of; /* of one that stays: zero */
};

/* Key of a rate: who, and in how many seconds. Rules of different intervals have each their own. */
struct sluice_rate_key {
	struct sluice_source_key of;
	__u32 seconds;
};

/*
 * New connections of a source, a network, a set or a service in one interval, by the time of their SYNs, and which of them nobody has
 * answered yet. Made only where a rule has a rate. Everything under `lock`; `of` as in struct sluice_counter.
 */
struct sluice_rate {
	struct bpf_spin_lock lock;
	__u32 state; /* enum sluice_counter_state, NEW or GONE */
	__u64 seen_ns; /* last event */
	struct sluice_rate_key of; /* of one that stays: zero */
	struct sluice_window all, unanswered; /* of one width and epoch */
};

/*
 * A counter or a rate that is to be freed if it is idle, a connection that is to be given back if it is gone: what the daemon found due,
 * and the kernel side looks at again.
 */
enum sluice_due_table {
	SLUICE_DUE_NOTHING,
	SLUICE_DUE_SOURCE,
	SLUICE_DUE_NETWORK,
	SLUICE_DUE_RATE, /* its interval is over */
	SLUICE_DUE_SHARED_RATE,
	SLUICE_DUE_ERASED_RATE, /* whether it is or not: somebody wants it forgotten */
	SLUICE_DUE_CONNECTION,
};
struct sluice_due {
	union {
		struct sluice_rate_key key; /* `seconds`: of rates */
		__u64 cookie; /* of a connection */
	};
	__u32 table; /* enum sluice_due_table; NOTHING: no more of them */
	__u32 freed; /* out: it was */
};

/*
 * How many sources ever held, or opened in an interval, how much: source_connections[k] counts those whose peak was in
 * (2^(k-1), 2^k], so a limit of 2^k would have refused all that buckets above k count. No addresses. Index: service id.
 * Only sources that are judged by the service's own limits.
 */
#define SLUICE_PEAKS 24
struct sluice_peaks {
	__u64 width_ns; /* a 20th of the interval of the sources' rates; written by the daemon */
	__u64 total_width_ns; /* of the service's */
	__u32 connections, rate; /* highest of the service */
	__u32 source_connections[SLUICE_PEAKS];
	__u32 source_rate[SLUICE_PEAKS];
};

#define SLUICE_HOLDS_SOURCE 1
#define SLUICE_HOLDS_SET 2
#define SLUICE_HOLDS_SERVICE 4
#define SLUICE_HOLDS_SHARED 8 /* instead of SLUICE_HOLDS_SOURCE */
#define SLUICE_HOLDS_NETWORK 16
#define SLUICE_HOLDS_SHARED_NETWORK 32 /* instead of SLUICE_HOLDS_NETWORK */
/* Of rates; while it is reserved. */
#define SLUICE_HOLDS_SOURCE_RATE 64
#define SLUICE_HOLDS_SHARED_RATE 128 /* instead of SLUICE_HOLDS_SOURCE_RATE */
#define SLUICE_HOLDS_NETWORK_RATE 256
#define SLUICE_HOLDS_SHARED_NETWORK_RATE 512 /* instead of SLUICE_HOLDS_NETWORK_RATE */
#define SLUICE_HOLDS_SET_RATE 1024
#define SLUICE_HOLDS_SERVICE_RATE 2048
#define SLUICE_HOLDS_FLEET 4096 /* what becomes of it is told to the fleet */

/* Which counters one connection holds a slot of: what was taken is what is given back, whatever the policy became. */
struct sluice_holding {
	struct sluice_source_key source;
	__u16 set_total;
	__u16 holds; /* SLUICE_HOLDS_* */
	__u16 source_share, network_share; /* which counters and rates they share, where they share any */
	__u32 taken; /* when, in 2^20 ns: events of rates are found by it */
	__u32 source_seconds; /* interval of its rate; 0: none */
	__u32 network_seconds : 24, network_bits : 8; /* of the network; 0: none */
};

#endif
