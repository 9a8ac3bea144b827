/* SPDX-License-Identifier: BSD-2-Clause */
/* What the status page shows in addition to the figures: peaks of the day, live settings, bans by owner, the last change, the start time. */
#ifndef SLUICE_DAEMON_OVERVIEW_H
#define SLUICE_DAEMON_OVERVIEW_H

#include "daemon.h"

/*
 * {"started", "peaks": {SERVICE: n}, "live": [{"section", "name", "key", "value", "file", "user", ...}], "bans": [{"owner", "bans"}],
 * "changed": {"time", "what", "by"}}. It has no addresses: a value with one is null, and a sender's limit does not say whose it is. NULL
 * without memory.
 */
json_t *overview_json(const struct daemon *dm);

#endif
