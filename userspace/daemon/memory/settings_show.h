/* SPDX-License-Identifier: BSD-2-Clause */
/* Live settings as data: for status, limits, export and the page. */
#ifndef SLUICE_DAEMON_SETTINGS_SHOW_H
#define SLUICE_DAEMON_SETTINGS_SHOW_H

#include "daemon.h"

/*
 * The live settings in force, the newest first: [{"what", "section", "name", "source", "key", "value", "file", "uid", "user", "since",
 * "until", "host"}]. `about` NULL: all; else the limits of senders that hold this address, and no others.
 */
json_t *settings_json(const struct daemon *dm, const struct privacy *eyes, const struct sluice_addr *about);

#endif
