/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that set something live: set, mode, limit, unlimit, limits; and what is set, as data. */
#ifndef SLUICE_DAEMON_SETTINGS_H
#define SLUICE_DAEMON_SETTINGS_H

#include "verbs.h"

int verb_set(struct daemon *dm, const json_t *args, struct answer *a);
int verb_mode(struct daemon *dm, const json_t *args, struct answer *a);
int verb_limit(struct daemon *dm, const json_t *args, struct answer *a);
int verb_unlimit(struct daemon *dm, const json_t *args, struct answer *a);
int verb_limits(struct daemon *dm, const json_t *args, struct answer *a);
/*
 * The live settings in force, the newest first: [{"what", "section", "name", "source", "key", "value", "file", "uid", "user", "since",
 * "until"}]. `about` NULL: all; else the limits of senders that hold this address, and no others.
 */
json_t *settings_json(const struct daemon *dm, const struct privacy *eyes, const struct sluice_addr *about);

#endif
