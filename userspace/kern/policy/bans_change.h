/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One change of the bans: the prefixes that it touches, before and after, written into the kernel's tables so that the gate
 * sees all or nothing. Only the other files of bans use it.
 */
#ifndef SLUICE_KERN_BANS_CHANGE_H
#define SLUICE_KERN_BANS_CHANGE_H

#include "bans.h"
#include "internal.h"

/* One prefix. */
struct group {
	struct sluice_prefix_key key;
	struct sluice_ban ban; /* as it is now */
	bool stands; /* the gate refuses by it now, or counts with it */
	struct sluice_ban_row *row; /* as they will be */
	__u32 rows, rows_before;
	__u64 dirty; /* bit n: row n has changed */
};

struct change {
	struct group *item;
	size_t count, room;
};

_Static_assert(SLUICE_BAN_OWNERS == 64, "a bit of group.dirty each");

void change_free(struct change *c);
struct sluice_prefix_key ban_key(const struct prefix *p);
/* Reads the entry of exactly this prefix, expired or not. Returns -ENOENT if there is none. */
int ban_exact(const struct engine *e, const struct sluice_prefix_key *key, struct sluice_ban *out);
int ban_row_read(const struct engine *e, const struct sluice_prefix_key *key, __u32 n, struct sluice_ban_row *out);
/* Returns the group of this prefix as the tables have it, or NULL without memory. The last one is found again. */
struct group *change_group(const struct engine *e, struct change *c, const struct sluice_prefix_key *key);
/* Adds an owner's row, or replaces his old one. Returns 0, -ENOMEM or -E2BIG. */
int group_put(struct group *g, const struct sluice_ban_row *row);
void group_take(struct group *g, __u32 n);
long change_growth(const struct change *c); /* how many rows more than before */
/* Carries it out. After a failure bans_recover() is due. */
int change_run(struct engine *e, struct change *c);
bool ban_is_over(__u64 expires_ns, __u64 now);

#endif
