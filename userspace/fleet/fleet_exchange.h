/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the store what this host holds of limits, and learns what it may hold. A part of a session (fleet_session.c), on its connection that asks.
 * Counts what is not answered yet: the more hosts there are, the less each may have on its way, so that all of them together, when they tell
 * everything to a store that lost its data, do not keep each other's beats waiting.
 */
#ifndef SLUICE_FLEET_EXCHANGE_H
#define SLUICE_FLEET_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet_link.h"
#include "fleet_wire.h"

struct exchanges;

struct exchanges_owner {
	void *owner;
	void (*leases)(void *owner, const struct fleet_lease *row, size_t count);
	void (*stale)(void *owner); /* a beat has to come first: nothing was done */
	void (*failed)(void *owner, const char *why);
};

/* Texts of the session, which outlives this; the last two are filled by the time that something is asked. */
struct exchange_names {
	const char *space, *host, *lease_ms, *hosts_key, *epoch_key, *channel, *sha, *epoch;
};

/* Returns NULL without memory. Questions go to `asks`, whose drop is free(). */
struct exchanges *exchanges_new(struct link *asks, const struct exchange_names *n, const struct exchanges_owner *o);
void exchanges_free(struct exchanges *e); /* after the link; NULL is fine */
void exchanges_ask(struct exchanges *e, const struct fleet_want *row, size_t count);
/* Everything is asked again: what was asked before, and is not answered yet, will be answered by nothing. */
void exchanges_forget(struct exchanges *e);
unsigned exchanges_unanswered(const struct exchanges *e);
bool exchanges_have_room(const struct exchanges *e, uint32_t hosts); /* for more rows, where so many hosts are */
uint64_t exchanges_answered_us(const struct exchanges *e); /* when the last answer came, by CLOCK_MONOTONIC; 0: never */

#endif
