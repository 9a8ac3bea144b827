/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What hosts say to each other for the store to keep (core/fleet/fleet_record.h): puts records there, and reads those that are new, a page at a
 * time. Their content is sealed; this side sees numbers and bytes. A part of a session (fleet_session.c), on its connection that asks.
 *
 * The store has three keys for it under sluice:{SPACE}:, `bans`, a hash of id to "STAMP KEEP SEALED" (and of `n` to the number of the last
 * change), `bans:at`, a sorted set of ids by the number of the change that put them there, and `bans:end`, one by the second at which they go.
 * So what is new to a host since any number is one range, the same range from 0 on is the whole, and nothing is trimmed by guess.
 */
#ifndef SLUICE_FLEET_RECORDS_H
#define SLUICE_FLEET_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "fleet_link.h"
#include "fleet_wire.h"

#define RECORDS_NEWS " +" /* follows the name of a host that put some, in the channel of needs: it is no key */

struct records;

struct records_owner {
	void *owner;
	void (*heard)(void *owner, const struct fleet_record *row, size_t count);
	bool (*has_room)(void *owner); /* for another page */
	void (*answered)(void *owner); /* after a put: there is room for another one */
	void (*failed)(void *owner, const char *why);
};

/*
 * Returns NULL without memory. `space` and `name` outlive it; questions go to `asks`, whose owner gets the answers, and whose drop is
 * free().
 */
struct records *records_new(struct link *asks, const char *space, const char *name, const struct records_owner *o);
void records_free(struct records *r); /* after the link; NULL is fine */
/* Loads the scripts: called once, before anything else. */
void records_greet(struct records *r);
/* The store is another one, or has lost its data: everything is read again. */
void records_again(struct records *r);
/* Reads what is new, unless a page is under way; then once more after that. */
void records_read(struct records *r);
void records_put(struct records *r, const struct fleet_record *row, size_t count);
size_t records_unanswered(const struct records *r); /* puts */

#endif
