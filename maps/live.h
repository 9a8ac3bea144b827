/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A part of abi.h: bans, as the gate reads them, and as their owners ordered them. */
#ifndef SLUICE_LIVE_H
#define SLUICE_LIVE_H

/*
 * What all owners together say about one prefix. However many prefixes one order bans or frees, they all change with a single store, that
 * of its number into control.bans. A prefix that had a ban before and after it (of another owner, or until another time) follows by itself.
 */
struct sluice_ban {
	__u64 expires_ns; /* CLOCK_MONOTONIC; 0: never */
	__u64 refuses_ns; /* it refuses until then, and is only counted after that; SLUICE_EVER: always; 0: never */
	__u64 syns, others; /* packets that it has stopped, or would have */
	__u32 from, until; /* in force from change `from` on, and before change `until`; `until` 0: for good */
	__u32 prefixlen; /* length of its own key, as in struct sluice_live */
	__u32 rows; /* rows of `ban_rows`: one for each owner */
};

#define SLUICE_EVER (~0ULL)
#define SLUICE_BAN_OWNERS 64 /* of one prefix */

/* One owner's ban, which only userspace reads. `n` counts the owners of a prefix from 0, without gaps. */
struct sluice_ban_key {
	struct sluice_prefix_key prefix;
	__u32 n;
};

struct sluice_ban_row {
	__u64 expires_ns; /* as above */
	__u64 since_s; /* CLOCK_REALTIME */
	__u32 uid;
	__u32 change; /* the change that put it here */
	__u32 observe; /* non-zero: it is only counted */
	__u32 pad;
	char owner[SLUICE_NAME_LEN];
	char text[SLUICE_TEXT_LEN];
};

#endif
