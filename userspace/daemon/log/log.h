/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's log: standard error in the foreground, else the journal. Priorities are those of syslog(3). */
#ifndef SLUICE_DAEMON_LOG_H
#define SLUICE_DAEMON_LOG_H

#include <stdbool.h>

#include "diag.h"

void log_open(bool foreground, bool verbose);
__attribute__((format(printf, 2, 3))) void log_say(int priority, const char *fmt, ...);
void log_diag(int priority, struct diag *d); /* logs all of it, and empties it */
struct log_field {
	const char *name, *value;
};
/* Logs the same line, with fields if systemd's journal reads it. */
__attribute__((format(printf, 4, 5))) void log_fields(int priority, const struct log_field *field, size_t count,
						      const char *fmt, ...);

#endif
