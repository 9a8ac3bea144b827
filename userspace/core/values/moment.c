/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments in the zone of the reader: see moment.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"

#define READ_LEN (sizeof("2026-01-31T11:00:00Z") - 1)

static struct tm now_here(void)
{
	time_t now = time(NULL);
	struct tm tm = {};

	tzset(); /* localtime_r() need not do this */
	localtime_r(&now, &tm);
	return tm;
}

const char *moment_say(time_t at, char buf[static MOMENT_LEN])
{
	struct tm tm = {};

	tzset();
	localtime_r(&at, &tm);
	if (!strftime(buf, MOMENT_LEN, "%Y-%m-%d %H:%M:%S %Z", &tm))
		*buf = 0;
	return buf;
}

const char *moment_zone(void)
{
	return now_here().tm_zone ?: "";
}

struct tm moment_clock(time_t at)
{
	struct tm tm = {};

	at += now_here().tm_gmtoff;
	gmtime_r(&at, &tm);
	return tm;
}

bool moment_read(const char *text, time_t *out)
{
	struct tm tm = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return false;
	*out = timegm(&tm);
	return true;
}

/* Whether a moment begins here, all of its digits written. */
static bool moment_begins(const char *text, time_t *at)
{
	char word[READ_LEN + 1] = "";

	memcpy(word, text, strnlen(text, READ_LEN));
	return strspn(word, "0123456789-T:Z") == READ_LEN && moment_read(word, at);
}

char *moments_say(const char *text)
{
	char *out = NULL, when[MOMENT_LEN];
	size_t size;
	FILE *to = open_memstream(&out, &size);
	time_t at;

	if (!to)
		return NULL;
	while (*text) {
		if (moment_begins(text, &at)) {
			fputs(moment_say(at, when), to);
			text += READ_LEN;
		} else {
			fputc(*text++, to);
		}
	}
	if (!fclose(to))
		return out;
	free(out);
	return NULL;
}
