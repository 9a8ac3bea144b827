/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From which countries the senders of each service come, for `suggest`: each sender that was connected counts once in each interval. No
 * addresses are kept.
 */
#ifndef SLUICE_DAEMON_ORIGINS_H
#define SLUICE_DAEMON_ORIGINS_H

#include "daemon.h"

#define ORIGINS_INTERVAL 600 /* seconds, at most: not longer than an idle source is tracked */

void origins_tick(struct daemon *dm); /* once a second */
/* By country, of the service of this name, up to now. Needs a database in force. 0 or -errno. */
int origins_read(struct daemon *dm, const char *service, uint64_t out[static SLUICE_COUNTRIES]);
time_t origins_since(const struct daemon *dm); /* 0: no database is in force */
void origins_free(struct daemon *dm);

#endif
