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
	SLUICE_COUNTER_GONE, /* being deleted: nobody may take a slot from it */
};

#define SLUICE_RATE_UNIT_NS (1000000000ULL / (SLUICE_RATE_BUCKETS - 1)) /* a 20th of a second */

enum sluice_level { SLUICE_LEVEL_SOURCE, SLUICE_LEVEL_NETWORK };

/* Key of the counter of a source, or of the network above it: the address cut to this many bits, and the service. */
struct sluice_source_key {
	struct sluice_addr addr;
	__u16 service;
	__u8 bits; /* length in the mapped form */
	__u8 level; /* enum sluice_level */
};

/*
 * What a source, a network, a set or a service holds. `lock` protects everything; only readers that just want a figure do without it. The
 * kernel may give an element of a table to another key while somebody holds a pointer to it, so `of` is compared under the lock.
 */
struct sluice_counter {
	struct bpf_spin_lock lock;
	__u32 held; /* connections and reservations */
	__u32 reserved; /* the reservations among these */
	__u32 proven; /* the reservations whose client has answered: they become connections any moment */
	__u32 state; /* enum sluice_counter_state */
	__u8 peak_connections, peak_rate; /* 1 + the bucket in `peaks` that counts this source; 0: none yet */
	__u8 first_unanswered; /* nobody has answered the first event yet */
	__u8 pad;
	__u64 seen_ns; /* when a slot was last taken or given back */
	__u64 first_ns; /* when the first event came: see bpf/charge/rate.bpf.h */
	__u32 pace_epoch, pace_now,
		pace_before; /* connections in the running interval and in the one before: for `peaks` */
	struct sluice_source_key of; /* its key; zero if it is never deleted */
	__u32 first_seconds; /* interval of the first event's rate; 0: there is none. With `of` it is the key of that rate */
	__u32 most; /* the most connections that it had at once since it exists: for `sources` and dry runs; 0 for sets and services */
};

/* Returns non-zero if the counter has an event that belongs to the rate over so many seconds, and whose bucket that rate still counts. */
static inline int first_counts(const struct sluice_counter *c, __u32 seconds, __u64 now)
{
	const __u64 width = seconds * SLUICE_RATE_UNIT_NS;

	return width && c->first_seconds == seconds && (__s64)(now / width - c->first_ns / width) < SLUICE_RATE_BUCKETS;
}

/* Key of a rate: whose it is, and over how many seconds. Each interval has a rate of its own. */
struct sluice_rate_key {
	struct sluice_source_key of;
	__u32 seconds;
};

/*
 * New connections of a source, a network, a set or a service in one interval, by the time of their SYNs, and which of them nobody has
 * answered yet. A rate is made only where a rule has one, and for a source only when there is more to count than the first event that its
 * counter has. `lock` protects everything; `of` is as in struct sluice_counter.
 */
struct sluice_rate {
	struct bpf_spin_lock lock;
	__u32 state; /* enum sluice_counter_state, NEW or GONE */
	__u64 seen_ns; /* when the last event came */
	struct sluice_rate_key of; /* its key; zero if it is never deleted */
	struct sluice_window all, unanswered; /* both have the same width and epoch */
};

/*
 * A counter or a rate that is to be freed if it is idle, or a connection that is to be given back if it is gone. The daemon has found it
 * due, and the kernel side checks it again.
 */
enum sluice_due_table {
	SLUICE_DUE_NOTHING,
	SLUICE_DUE_SOURCE,
	SLUICE_DUE_NETWORK,
	SLUICE_DUE_RATE, /* its interval is over */
	SLUICE_DUE_SHARED_RATE,
	SLUICE_DUE_ERASED_RATE, /* freed even if its interval is not over, because somebody wants it forgotten */
	SLUICE_DUE_ERASED_SOURCE, /* the same for a counter: freed even if its first event still counts */
	SLUICE_DUE_CONNECTION,
};
struct sluice_due {
	union {
		struct sluice_rate_key key; /* `seconds` is for rates only */
		__u64 cookie; /* of a connection */
	};
	__u32 table; /* enum sluice_due_table; NOTHING: there are no more */
	__u32 freed; /* out: non-zero if it was freed */
};

/*
 * Histograms of how many connections sources ever held, or opened in an interval: source_connections[k] counts the sources whose peak was
 * in (2^(k-1), 2^k], so a limit of 2^k would have refused all those in buckets above k. They hold no addresses, and count only sources that
 * are judged by the service's own limits. Index: service id.
 */
#define SLUICE_PEAKS 24
struct sluice_peaks {
	__u64 width_ns; /* a 20th of the interval of the sources' rates; written by the daemon */
	__u64 total_width_ns; /* a 20th of the interval of the service's rate */
	__u32 connections, rate; /* highest values of the service */
	__u32 source_connections[SLUICE_PEAKS];
	__u32 source_rate[SLUICE_PEAKS];
};

#define SLUICE_HOLDS_SOURCE 1
#define SLUICE_HOLDS_SET 2
#define SLUICE_HOLDS_SERVICE 4
#define SLUICE_HOLDS_SHARED 8 /* instead of SLUICE_HOLDS_SOURCE */
#define SLUICE_HOLDS_NETWORK 16
#define SLUICE_HOLDS_SHARED_NETWORK 32 /* instead of SLUICE_HOLDS_NETWORK */
/* Events of rates, which only a reservation gives back. */
#define SLUICE_HOLDS_SOURCE_RATE 64
#define SLUICE_HOLDS_SHARED_RATE 128 /* instead of SLUICE_HOLDS_SOURCE_RATE */
#define SLUICE_HOLDS_NETWORK_RATE 256
#define SLUICE_HOLDS_SHARED_NETWORK_RATE 512 /* instead of SLUICE_HOLDS_NETWORK_RATE */
#define SLUICE_HOLDS_SET_RATE 1024
#define SLUICE_HOLDS_SERVICE_RATE 2048
#define SLUICE_HOLDS_FLEET 4096 /* the fleet is told what becomes of it */
#define SLUICE_HOLDS_FIRST 8192 /* with SLUICE_HOLDS_SOURCE, instead of SLUICE_HOLDS_SOURCE_RATE: the first event */

/* Which counters one connection holds a slot of. Exactly what was taken is given back, however the policy has changed since. */
struct sluice_holding {
	struct sluice_source_key source;
	__u16 set_total;
	__u16 holds; /* SLUICE_HOLDS_* */
	__u16 source_share, network_share; /* which counters and rates they share, if they share any */
	__u32 taken; /* when it was taken, in 2^20 ns; the events of its rates are found by it */
	__u32 source_seconds; /* interval of the source's rate; 0: none */
	__u32 network_seconds : 24, network_bits : 8; /* of the network; 0: none */
};

#endif
