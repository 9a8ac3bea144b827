/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moments as people read them: in the zone of the host, or of the terminal (TZ), as its mail log and `date` show them, and with the zone's
 * name. What programs read (JSON, metrics, files of state) has UTC. Who shows answers or writes tables asks here.
 */
#ifndef SLUICE_CORE_MOMENT_H
#define SLUICE_CORE_MOMENT_H

#include <stdbool.h>
#include <time.h>

#define MOMENT_LEN 40

/* Returns "2026-01-31 12:00:00 CET". */
const char *moment_say(time_t at, char buf[static MOMENT_LEN]);

/* For tables whose title names the zone once: the present zone, and what its clock says at `at`, even if summer time differed then. */
const char *moment_zone(void);
struct tm moment_clock(time_t at);

/*
 * Copies a text of answers, in which moments stand as programs read them (utc.h), for people: "until 2026-01-31T11:00:00Z" becomes
 * "until 2026-01-31 12:00:00 CET". NULL without memory. Freed with free().
 */
char *moments_say(const char *text);

/* Reads "2026-01-31T11:00:00Z", as our JSON has it. Returns false if it is none. */
bool moment_read(const char *text, time_t *out);

#endif
