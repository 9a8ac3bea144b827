/* SPDX-License-Identifier: BSD-2-Clause */
/* The last day by minutes (core/memory/history.h): filled once a second, kept across restarts, returned on request. It contains no addresses. */
#ifndef SLUICE_DAEMON_HISTORY_DAY_H
#define SLUICE_DAEMON_HISTORY_DAY_H

#include "daemon.h"

int history_load(struct daemon *dm); /* at the start; returns -ENOMEM */
/* Once a second, and once before anybody is let in: looks at the counters. */
void history_tick(struct daemon *dm);
void history_save(struct daemon *dm); /* at the end */

/*
 * Returns the minutes of a service ("": of all) that are known, of the last `seconds` (0: of the day): {"service", "groups": [], "rows":
 * [{"time", "connections", "peak", "admitted", "observed", "refused": {GROUP: n}}]}. NULL: there is no such service, or no memory.
 */
json_t *history_json(const struct daemon *dm, const char *service, uint32_t seconds);
json_t *history_peaks_json(const struct daemon *dm); /* {SERVICE: the peak of the day}; "" is all together */

#endif
