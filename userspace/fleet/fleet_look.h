/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the store who holds a limit, for people who look (explain, sources --fleet). A part of a session (fleet_session.c), on its connection
 * that asks. A question that finds too many before it, or no memory, is dropped: whoever looks is told nothing then, and may look again.
 */
#ifndef SLUICE_FLEET_LOOK_H
#define SLUICE_FLEET_LOOK_H

#include <stddef.h>

#include "fleet_link.h"
#include "fleet_wire.h"

struct looks;

struct looks_owner {
	void *owner;
	void (*held)(void *owner, const char *text); /* FLEET_HELD */
	void (*failed)(void *owner, const char *why);
};

/* Returns NULL without memory. `space` outlives it; questions go to `asks`, whose drop is free(). */
struct looks *looks_new(struct link *asks, const char *space, const struct looks_owner *o);
void looks_free(struct looks *l); /* after the link; NULL is fine */
void looks_ask(struct looks *l, const struct fleet_need *row, size_t count);

#endif
