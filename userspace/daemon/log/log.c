/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's log: standard error until it has started, then syslog; with -f always standard error. If systemd reads that, a line begins with
 * its priority, and a line with fields (trail.c) goes to the journal's own socket through libsystemd, which sluiced is linked with
 * anyway. A line is written once, in one of the two ways.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "engine.h"
#include "log.h"
#include "plain.h"

#define FIELDS 16

static bool to_stderr = true, to_journal, verbose_log;

static void kernel_line(const char *line)
{
	if (verbose_log)
		log_say(LOG_DEBUG, "%s", line);
}

/* Standard error is what systemd says it gave us; a shell that inherited the variable may have redirected it. */
static bool journal_reads(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat is;

	return named && sscanf(named, "%llu:%llu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &is) && is.st_dev == dev &&
	       is.st_ino == ino;
}

void log_open(bool foreground, bool verbose)
{
	to_stderr = foreground;
	to_journal = foreground && journal_reads();
	verbose_log = verbose;
	if (!foreground)
		openlog("sluiced", LOG_PID, LOG_DAEMON);
	engine_set_log(kernel_line);
}

/* Returns NULL without memory. */
__attribute__((format(printf, 1, 0))) static char *line_make(const char *fmt, va_list ap)
{
	char *line = NULL;

	return vasprintf(&line, fmt, ap) < 0 ? NULL : plain_make(line, false);
}

static void line_write(int priority, const char *line)
{
	if (to_journal)
		fprintf(stderr, "<%d>%s\n", priority, line);
	else if (to_stderr)
		fprintf(stderr, "sluiced: %s\n", line);
	else
		syslog(priority, "%s", line);
}

void log_say(int priority, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	line = line_make(fmt, ap);
	va_end(ap);
	if (line)
		line_write(priority, line);
}

/* Writes "NAME=value", owned by the caller. An empty one is left out. */
static bool field_put(struct iovec *to, const char *name, const char *value)
{
	char *text = NULL;

	if (!*value || asprintf(&text, "%s=%s", name, value) < 0)
		return false;
	plain_make(text, false);
	*to = (struct iovec){ text, strlen(text) };
	return true;
}

static bool journal_write(int priority, const char *line, const struct log_field *field, size_t count)
{
	struct iovec said[FIELDS + 3];
	const char level[] = { '0' + priority, 0 };
	size_t n = 0, i;
	int err;

	n += field_put(&said[n], "MESSAGE", line);
	n += field_put(&said[n], "PRIORITY", level);
	n += field_put(&said[n], "SYSLOG_IDENTIFIER", "sluiced");
	for (i = 0; i < count && i < FIELDS; i++)
		n += field_put(&said[n], field[i].name, field[i].value);
	err = sd_journal_sendv(said, n);
	for (i = 0; i < n; i++)
		free(said[i].iov_base);
	return !err;
}

void log_fields(int priority, const struct log_field *field, size_t count, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	line = line_make(fmt, ap);
	va_end(ap);
	if (line && !(to_journal && journal_write(priority, line, field, count)))
		line_write(priority, line);
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
