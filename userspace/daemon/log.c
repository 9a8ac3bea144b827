/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "daemon.h"

static bool to_stderr = true, verbose_log;

static void kernel_line(const char *line)
{
	if (verbose_log)
		log_say(LOG_DEBUG, "%s", line);
}

void log_open(bool foreground, bool verbose)
{
	to_stderr = foreground;
	verbose_log = verbose;
	if (!foreground)
		openlog("sluiced", LOG_PID, LOG_DAEMON);
	engine_set_log(kernel_line);
}

void log_say(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (to_stderr) {
		fputs("sluiced: ", stderr);
		vfprintf(stderr, fmt, ap);
		fputc('\n', stderr);
	} else {
		vsyslog(priority, fmt, ap);
	}
	va_end(ap);
}

void log_diag(int priority, struct diag *d)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		log_say(priority, "%s", d->item[i].text);
	diag_free(d);
}
