/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A part of abi.h: bans, as the gate reads them, and as their owners ordered them. */
#ifndef SLUICE_LIVE_H
#define SLUICE_LIVE_H

/*
 * What all owners together say of one prefix. However many bans one order changes, they change at one store, of its number into
 * control.bans.
 */
struct sluice_ban {
	__u64 expires_ns; /* CLOCK_MONOTONIC; 0: never */
	__u64 refuses_ns; /* until then it refuses, after that it is only counted; SLUICE_EVER: always; 0: never */
	__u64 syns, others; /* packets that it has stopped, or would have */
	__u32 from, until; /* in force from this change on, and before that; until 0: for good */
	__u32 prefixlen; /* of its own key, as above */
	__u32 rows; /* of `ban_rows`: one an owner */
};

#define SLUICE_EVER (~0ULL)
#define SLUICE_BAN_OWNERS 64 /* of one prefix */

/* Userspace's own: one owner's ban. `n` counts the owners of a prefix from 0, without gaps. */
struct sluice_ban_key {
	struct sluice_prefix_key prefix;
	__u32 n;
};

struct sluice_ban_row {
	__u64 expires_ns; /* as above */
	__u64 since_s; /* CLOCK_REALTIME */
	__u32 uid;
	__u32 change; /* that put it here */
	__u32 observe; /* only counted */
	__u32 pad;
	char owner[SLUICE_NAME_LEN];
	char text[SLUICE_TEXT_LEN];
};

#endif
