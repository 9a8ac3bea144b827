/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends refusals to all clients that watch. hear.c calls it. */
#ifndef SLUICE_DAEMON_WATCH_H
#define SLUICE_DAEMON_WATCH_H

#include "daemon.h"

/* `who` is the whole address. Does nothing if nobody watches. */
void watch_tell(struct daemon *dm, const struct sluice_event *event, const char *service,
		const struct sluice_addr *who);

#endif
