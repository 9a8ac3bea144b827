/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals to everybody who watches. hear.c tells. */
#ifndef SLUICE_DAEMON_WATCH_H
#define SLUICE_DAEMON_WATCH_H

#include "daemon.h"

/* `who`: whole. Nothing happens where nobody watches. */
void watch_tell(struct daemon *dm, const struct sluice_event *event, const char *service,
		const struct sluice_addr *who);

#endif
