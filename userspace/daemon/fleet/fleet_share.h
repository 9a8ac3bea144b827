/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans, allows and erasures that all hosts of a fleet share: what a verb of this host tells, and may ask. All of it does nothing where the
 * policy has no fleet, or one with share-bans = false.
 */
#ifndef SLUICE_DAEMON_FLEET_SHARE_H
#define SLUICE_DAEMON_FLEET_SHARE_H

#include "bans.h"
#include "daemon.h"
#include "fleet_record.h"

bool fleet_shares(const struct daemon *dm);
/* For answers: " on all hosts of the fleet", " on this host alone", or "" if hosts do not share such orders. */
const char *fleet_reach(bool shares, bool local);
/* Shares what the verb has put in force here; an allow has no owner. Returns how many found no room: those hold on this host alone. */
size_t fleet_say(struct daemon *dm, enum fleet_word_kind kind, const struct ban *list, size_t count, bool forced);
/* These hold on this host alone, whatever others have ordered about the same. */
void fleet_say_here(struct daemon *dm, enum fleet_word_kind kind, const struct ban *list, size_t count);
/*
 * Shares that this host took back what `owner` (NULL: anybody) ordered for exactly these prefixes. *unsaid is how many stood, here or only on
 * other hosts. Returns 0 or -ENOMEM.
 */
int fleet_unsay(struct daemon *dm, enum fleet_word_kind kind, const struct prefix *list, size_t count,
		const char *owner, size_t *unsaid);
bool fleet_say_erase(struct daemon *dm,
		     const struct sluice_addr *a); /* false: there was no room, and no other host is told */
/* Returns the host that gave it, or NULL if it is not shared. */
const char *fleet_origin(const struct daemon *dm, const struct ban *b);
/* Returns everything that is known of orders about an address, for export. */
json_t *fleet_said_json(const struct daemon *dm, const struct sluice_addr *a);

/* Once a second: forgets what is over, stores what is new in a file, informs the log. */
void fleet_second(struct daemon *dm);

#endif
