/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of live settings, the newest first. reload.c is the one that changes it, because each change makes another policy; nothing here
 * puts anything in force.
 */
#ifndef SLUICE_DAEMON_OVERRIDE_H
#define SLUICE_DAEMON_OVERRIDE_H

#include "daemon.h"

/* A copy that ends in `seconds` (0: never); NULL without memory. */
struct override *override_new(const struct override *want, unsigned int seconds);
void override_free(struct override *o);
/* Takes the setting of the same key out of the list; NULL: there is none. */
struct override *override_take(struct daemon *dm, const struct scope *where, const char *key);
/* The same with all limits of one prefix at a service ("": at any), as a list. */
struct override *overrides_take_sender(struct daemon *dm, const struct prefix *sender, const char *service);
/* "service smtp: max-connections = 5", for the log: addresses as the policy shows them. NULL without memory. Freed with free(). */
char *override_text(const struct daemon *dm, const struct override *o);
/* When it ends by the clock on the wall; 0: never. */
uint64_t override_until(const struct override *o);
/* Takes those out whose time is over; whether there were any. */
bool overrides_expire(struct daemon *dm);
struct override *overrides_reversed(struct override *list);

#endif
