/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live bans: who bans which prefix until when. Each owner has one ban of a prefix, and the longest of them counts. However many bans an
 * order changes, the gate sees all of them change at one instant. The daemon's verbs and its state file call this; a CLI without a daemon
 * only reads.
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
	bool observe; /* only counted */
	char owner[SLUICE_NAME_LEN];
	char text[SLUICE_TEXT_LEN];
	/* Of one that was read: */
	bool leads; /* of all owners of its prefix the one that counts */
	uint64_t packets, connections; /* that the prefix has stopped, for whichever owner */
};

/* A growing list, all 0 before its first element; its owner frees `item`. */
struct bans {
	struct ban *item;
	size_t count, room;
};

/* "uid:0": the owner where none is named. */
void ban_owner_of(uint32_t uid, char owner[static SLUICE_NAME_LEN]);
bool ban_owner_is_good(const char *name); /* it can be an owner's: letters, digits and any of -_.:@/ */

/*
 * All of them or, after a failure, none. An owner's ban takes the place of the one that he had. -ENOSPC: there is no room, and how much
 * more there would have to be is in *over; -E2BIG: too many owners of one prefix. *over may be NULL.
 */
int bans_put(struct engine *e, const struct ban *list, size_t count, size_t *over);
/* Takes back what `owner` (NULL: anybody) said of exactly these prefixes. *taken: how many bans that were. */
int bans_take(struct engine *e, const struct prefix *list, size_t count, const char *owner, size_t *taken);

struct bans_wanted {
	const struct prefix *about; /* those that hold all of it, or a part; NULL: all */
	const char *owner; /* NULL: of anybody */
	bool bare; /* nobody wants to know what they have stopped, nor which leads */
};
/* Sorted by address, then the longest first. */
int bans_read(const struct engine *e, const struct bans_wanted *want, struct bans *out);
/* The ban by which the gate refuses `a`; with `tried` also one that is only counted. -ENOENT: there is none. */
int bans_find(const struct engine *e, const struct sluice_addr *a, bool tried, struct ban *out);
/* The narrowest ban of a prefix that holds all of `p`, and is not `p` itself. -ENOENT: there is none. */
int bans_around(const struct engine *e, const struct prefix *p, struct ban *out);
/* The owners of a ban of exactly this prefix, the longest first. */
int bans_of(const struct engine *e, const struct prefix *p, struct bans *out);

/* Removes those whose time is over, when that is due: how many, or -errno. */
int bans_expire(struct engine *e);
/* After a start: brings in order what a daemon of before was cut short in. */
int bans_recover(struct engine *e);

#endif
