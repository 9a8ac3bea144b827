/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "daemon.h"
#include "plain.h"

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
	_cleanup_free_ char *line = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		line = NULL;
	if (!line)
		return;
	plain_make(line, false);
	if (to_stderr)
		fprintf(stderr, "sluiced: %s\n", line);
	else
		syslog(priority, "%s", line);
}

void log_diag(int priority, struct diag *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		log_say(priority, "%s", d->item[i].text);
		if (to_stderr && d->item[i].excerpt)
			fprintf(stderr, "%s\n", d->item[i].excerpt);
	}
	diag_free(d);
}
