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
/* The verb has put them in force here; of an allow the owner is nobody's. How many there was no room for: they are this host's alone. */
size_t fleet_say(struct daemon *dm, enum fleet_word_kind kind, const struct ban *list, size_t count, bool forced);
/* These are in force on this host alone, whatever others said of the same. */
void fleet_say_here(struct daemon *dm, enum fleet_word_kind kind, const struct ban *list, size_t count);
/* Taken back here: what `owner` (NULL: anybody) said of exactly these prefixes. 0 or -ENOMEM. */
int fleet_unsay(struct daemon *dm, enum fleet_word_kind kind, const struct prefix *list, size_t count,
		const char *owner);
void fleet_say_erase(struct daemon *dm, const struct sluice_addr *a);
/* The host that said it; NULL: it is not shared. */
const char *fleet_origin(const struct daemon *dm, const struct ban *b);
/* All that is known of what was said about an address, for export. */
json_t *fleet_said_json(const struct daemon *dm, const struct sluice_addr *a);

/* Once a second: forgets what is over, keeps what is new in a file, tells the log. */
void fleet_second(struct daemon *dm);

#endif
