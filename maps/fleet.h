/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A part of abi.h: limits that several hosts share. Each host may hold as much of a limit as its lease says; the daemon gets leases from the
 * store that the hosts share, and writes them; the gate respects them (bpf/admission/fleet.bpf.h), and tells the daemon what has changed.
 */
#ifndef SLUICE_FLEET_H
#define SLUICE_FLEET_H

#include "sip.h"

/* Marks a limit that was narrowed to a lease: it holds even if it is 0. No policy has so large a limit. */
#define SLUICE_MOST_LEASED (1U << 31)

/* What becomes of a limit while the daemon is not in touch with the store. */
enum sluice_partition {
	SLUICE_PARTITION_LOCAL, /* this host goes by its own count */
	SLUICE_PARTITION_SHARE, /* each host takes its part of the limit */
	SLUICE_PARTITION_CLOSED, /* the last leases stay as they are */
};

/* One row, written by the daemon except for `lost`. It is all zero if the policy has no fleet. */
struct sluice_fleet {
	__u64 secret[2]; /* secret of the keys; all hosts of the fleet have the same */
	__u64 valid_until_ns; /* CLOCK_MONOTONIC: the daemon is in touch with the store until then */
	__u32 hosts; /* number of hosts in the fleet, with this one; 0 or 1: no leases are asked for, and limits hold as they are */
	__u32 partition; /* enum sluice_partition */
	__u64 lost; /* changes that found no room in the ring: written by the kernel side */
};

enum sluice_fleet_level {
	SLUICE_FLEET_SOURCE,
	SLUICE_FLEET_NETWORK,
	SLUICE_FLEET_SET,
	SLUICE_FLEET_SERVICE,
	SLUICE_FLEET_LEVELS,
};

/* Each level has a limit of connections and a rate. The bit of a limit in `asks` is 1 << SLUICE_FLEET_LIMIT(level, rate). */
#define SLUICE_FLEET_LIMITS (2 * SLUICE_FLEET_LEVELS)
#define SLUICE_FLEET_LIMIT(level, rate) ((level) + ((rate) ? SLUICE_FLEET_LEVELS : 0))

/*
 * What this host may hold of one limit. Found by fleet_key(); written by the daemon except for `asked_ns`. A limit without a row has an
 * implicit lease: the part of it that each of 2 * hosts would have, or nothing at a service that is exact.
 */
struct sluice_lease {
	__u32 lease;
	__u32 others; /* what the other hosts hold, for explain */
	__u64 asked_ns; /* when the gate last asked for more of it */
};

/* The implicit lease of a limit. `hosts` is as in struct sluice_fleet. */
static inline __u32 fleet_implicit(__u32 limit, __u32 hosts, __u32 exact)
{
	return exact || !hosts ? 0 : limit / (2 * (__u64)hosts);
}

#define SLUICE_FLEET_ASK_NS (20ULL * 1000000) /* the gate asks for the same again no sooner than this */

/*
 * A client whose handshake completes before its lease has come hears nothing for this long: the host repeats its SYN-ACK after 1 s and 3 s
 * (net/ipv4/tcp_timer.c), and the client's answer to that finds the lease. After that it is told that it was refused.
 */
#define SLUICE_LEASE_WAIT_NS (5ULL * 1000000000)

/*
 * What this host holds for sure has changed, or a packet was refused for want of a lease. A SYN that nobody has answered yet is nothing sure, so other hosts
 * are not told of it.
 */
struct sluice_fleet_change {
	struct sluice_holding holding;
	__u32 connections
		[SLUICE_FLEET_LEVELS]; /* limits in force; 0: none, or not told, because something was given back */
	__u32 rate[SLUICE_FLEET_LEVELS];
	__u32 seconds[SLUICE_FLEET_LEVELS]; /* intervals of these rates */
	__u32 asks; /* bits of the limits for which a lease is wanted */
	__u32 exact; /* the service is exact */
};

/* What explain shows of a limit's lease. */
struct sluice_leased {
	__u32 most; /* SLUICE_MOST_LEASED, and the lease; 0: the limit is not narrowed */
	__u32 others; /* what the other hosts hold */
};

/* Hash (FNV-1a, never 0) of a service's name, or of "SET@SERVICE": hosts agree about names, not about numbers. */
static inline __u64 fleet_name(const char *name)
{
	__u64 hash = 14695981039346656037ULL;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 1099511628211ULL;
	return hash ? hash : 1;
}

/*
 * The key of a limit in the store, and of its lease here. `owner` is fleet_name() of the service, or at the level SET that of the set
 * there; `addr` and `bits` are those of the source or the network, and zero at the other levels; `seconds` is the interval of a rate, else
 * 0.
 */
SIP_INLINE __u64 fleet_key(const __u64 secret[2], __u64 owner, const struct sluice_addr *addr, __u8 bits, __u8 level,
			   __u8 rate, __u32 seconds)
{
	__u64 v[4];

	sip_begin(v, secret);
	sip_word(v, owner);
	sip_word(v, (__u64)addr->word[1] << 32 | addr->word[0]);
	sip_word(v, (__u64)addr->word[3] << 32 | addr->word[2]);
	sip_word(v, (__u64)seconds << 32 | (__u64)rate << 16 | (__u64)level << 8 | bits);
	return sip_end(v, 32ULL << 56);
}

#endif
