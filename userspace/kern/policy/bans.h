/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live bans: who bans which prefix until when. Each owner has one ban of a prefix, and the longest of them counts. However many
 * prefixes an order bans or frees, the gate sees all of them change at one instant. The daemon's verbs and its state file call this; a CLI
 * without a daemon only reads.
 */
#ifndef SLUICE_KERN_BANS_H
#define SLUICE_KERN_BANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct engine;

struct ban {
	struct prefix prefix;
	uint64_t expires_in; /* seconds, rounded up; 0: never */
	uint64_t since; /* seconds of the epoch */
	uint32_t uid; /* who said so */
	bool observe; /* it only counts */
	char owner[SLUICE_NAME_LEN];
	char text[SLUICE_TEXT_LEN];
	/* Of one that was read: */
	uint64_t ends; /* seconds of the epoch; 0: never */
	bool leads; /* among all owners of its prefix, this one counts */
	uint64_t packets, connections; /* stopped by the prefix, for whichever owner */
};

/* A growing list, all 0 before its first element; its owner frees `item`. */
struct bans {
	struct ban *item;
	size_t count, room;
};

/* Makes "uid:0", the owner if none is named. */
void ban_owner_of(uint32_t uid, char owner[static SLUICE_NAME_LEN]);
bool ban_owner_is_good(const char *name); /* whether it can be an owner's: letters, digits and any of -_.:@/ */

/*
 * Puts in all of them or, after a failure, none. An owner's ban replaces his earlier one. Returns -ENOSPC if there is no room, with the
 * missing room in *over, or -E2BIG if one prefix has too many owners. *over may be NULL.
 */
int bans_put(struct engine *e, const struct ban *list, size_t count, size_t *over);
/* Takes back the bans that `owner` (NULL: anybody) gave for exactly these prefixes. *taken: how many these were. */
int bans_take(struct engine *e, const struct prefix *list, size_t count, const char *owner, size_t *taken);

struct bans_wanted {
	const struct prefix *about; /* those that contain it, or lie in it; NULL: all */
	const char *owner; /* NULL: anybody's */
	bool bare; /* leave out what they have stopped, and which of them leads */
};
/* Reads them sorted by address, then the longest first. */
int bans_read(const struct engine *e, const struct bans_wanted *want, struct bans *out);
/* Finds the ban by which the gate refuses `a`; if none does, with `tried`, the narrowest that only counts. Returns -ENOENT if there is none. */
int bans_find(const struct engine *e, const struct sluice_addr *a, bool tried, struct ban *out);
/* The same for the bans of a prefix that contains all of `p`, and is not `p` itself, with `tried`. */
int bans_around(const struct engine *e, const struct prefix *p, struct ban *out);
/* Reads the owners of a ban of exactly this prefix, the longest first. */
int bans_of(const struct engine *e, const struct prefix *p, struct bans *out);

/* Removes those whose time is over, if that is due. Returns how many, or -errno. */
int bans_expire(struct engine *e);
/* After a start: puts in order what an earlier daemon left half done. */
int bans_recover(struct engine *e);

#endif
