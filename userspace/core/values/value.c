/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes numbers, times, rates and shares: see value.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "addr.h"
#include "cleanup.h"
#include "value.h"

#define MAX_COUNT 1000000000
#define DAY 86400

/* Reads decimal digits; *end is what follows them. */
static int digits_parse(const char *text, uint64_t *out, const char **end)
{
	uint64_t n = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (*p - '0');
		if (n > UINT32_MAX)
			return -EINVAL;
	}
	if (p == text)
		return -EINVAL;
	*out = n;
	*end = p;
	return 0;
}

int count_parse(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	const char *end;
	uint64_t n;

	if (digits_parse(text, &n, &end) || *end || n < min || n > max)
		return -EINVAL;
	*out = n;
	return 0;
}

int asn_parse(const char *text, uint32_t *out)
{
	return count_parse(text + (strncmp(text, "AS", 2) ? 0 : 2), 1, UINT32_MAX, out);
}

int seconds_parse(const char *text, uint32_t *out)
{
	static const struct {
		const char *unit;
		uint32_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", DAY } };
	const char *end;
	uint64_t n;
	size_t i;

	if (digits_parse(text, &n, &end) || !n)
		return -EINVAL;
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		if (n * units[i].seconds > UINT32_MAX)
			return -EINVAL;
		*out = n * units[i].seconds;
		return 0;
	}
	return -EINVAL;
}

int milliseconds_parse(const char *text, uint32_t *out)
{
	const char *end;
	uint64_t n;

	if (digits_parse(text, &n, &end) || !n)
		return -EINVAL;
	if (!strcmp(end, "s") && n <= UINT32_MAX / 1000)
		n *= 1000;
	else if (strcmp(end, "ms"))
		return -EINVAL;
	*out = n;
	return 0;
}

bool name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n < SLUICE_NAME_LEN && strcmp(name, "-");
}

const char *seconds_format(uint32_t seconds, char buf[static 16])
{
	if (seconds && !(seconds % DAY))
		snprintf(buf, 16, "%ud", seconds / DAY);
	else if (seconds && !(seconds % 3600))
		snprintf(buf, 16, "%uh", seconds / 3600);
	else if (seconds && !(seconds % 60))
		snprintf(buf, 16, "%um", seconds / 60);
	else
		snprintf(buf, 16, "%us", seconds);
	return buf;
}

int rate_parse(const char *text, struct rate *out)
{
	_cleanup_free_ char *copy = strdup(text);
	struct rate r = { .given = true };
	char *slash;

	if (!copy)
		return -ENOMEM;
	slash = strchr(copy, '/');
	if (slash)
		*slash = 0;
	if (count_parse(copy, 0, MAX_COUNT, &r.count))
		return -EINVAL;
	if (!slash && r.count)
		return -EINVAL;
	if (slash && (seconds_parse(slash + 1, &r.seconds) || r.seconds > DAY))
		return -EINVAL;
	if (!r.count)
		r.seconds = 0;
	*out = r;
	return 0;
}

int share_parse(const char *text, struct share *out)
{
	struct share s = { .given = true };
	const char *end;
	uint64_t n;

	if (digits_parse(text, &n, &end))
		return -EINVAL;
	s.percent = !strcmp(end, "%");
	if ((*end && !s.percent) || n > MAX_COUNT || (s.percent && (n < 1 || n > 100)))
		return -EINVAL;
	s.value = n;
	*out = s;
	return 0;
}

int bool_parse(const char *text, bool *out)
{
	static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no", "off" };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (!strcasecmp(text, yes[i]) || !strcasecmp(text, no[i])) {
			*out = !strcasecmp(text, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

/* Splits "ADDRESS:PORT" or "[ADDRESS]:PORT" in place. */
static int listen_split(char *text, char **address, char **port)
{
	*port = strrchr(text, ':');
	if (!*port)
		return -EINVAL;
	*(*port)++ = 0;
	*address = text;
	if (*text != '[')
		return strchr(text, ':') ? -EINVAL : 0;
	if (!text[1] || text[strlen(text) - 1] != ']')
		return -EINVAL;
	text[strlen(text) - 1] = 0;
	(*address)++;
	return 0;
}

int listen_parse(const char *text, struct listen *out)
{
	_cleanup_free_ char *copy = strdup(text);
	struct listen l = { .off = !strcmp(text, "none") };
	char *address, *port;
	uint32_t n = 0;

	if (!copy)
		return -ENOMEM;
	if (!l.off &&
	    (listen_split(copy, &address, &port) || addr_parse(address, &l.addr) || count_parse(port, 1, 65535, &n)))
		return -EINVAL;
	l.port = n;
	*out = l;
	return 0;
}

const char *listen_format(const struct listen *l, char buf[static LISTEN_TEXT_LEN])
{
	char text[ADDR_TEXT_LEN];

	addr_format(&l->addr, text);
	if (l->off)
		snprintf(buf, LISTEN_TEXT_LEN, "none");
	else
		snprintf(buf, LISTEN_TEXT_LEN, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, l->port);
	return buf;
}
