/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of one key: from text, and to text. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "parse.h"
#include "schema.h"
#include "value.h"

/* What a text is read with, and where the answer to "why not" goes. */
struct asked {
	const struct setting *setting;
	const char *dir;
	char *why;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct asked *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->why, a->size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int choice_set(const struct asked *a, const char *text, unsigned int *out)
{
	char known[128] = "";
	size_t i, n;

	for (i = 0; a->setting->choices[i]; i++) {
		if (!strcmp(a->setting->choices[i], text)) {
			*out = i;
			return 0;
		}
		n = strlen(known);
		snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", a->setting->choices[i]);
	}
	return refuse(a, "'%s' is none of: %s", text, known);
}

static void strings_clear(char ***list, size_t *count)
{
	size_t i;

	for (i = 0; i < *count; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*count = 0;
}

/* Replaces a list by copies. */
static int strings_set(char ***list, size_t *count, const char *const *text, size_t n)
{
	char **copy = calloc(n + 1, sizeof(*copy));
	size_t done = 0;

	if (!copy)
		return -ENOMEM;
	while (done < n && (copy[done] = strdup(text[done])))
		done++;
	if (done < n) {
		strings_clear(&copy, &done);
		return -ENOMEM;
	}
	strings_clear(list, count);
	*list = copy;
	*count = n;
	return 0;
}

static bool repeated(const char *const *text, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (!strcmp(text[j], text[i]))
			return true;
	}
	return false;
}

static int interfaces_set(const struct asked *a, struct policy *p, const char *const *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!*text[i] || strlen(text[i]) > 15 || strpbrk(text[i], "/ \t"))
			return refuse(a, "'%s' is no interface name: `ip link` lists them", text[i]);
		if (repeated(text, i))
			return refuse(a, "'%s' stands twice: name each interface once", text[i]);
	}
	return strings_set(&p->interfaces, &p->interfaces_count, text, n);
}

static int ports_set(const struct asked *a, struct policy_service *s, const char *const *text, size_t n)
{
	uint16_t ports[SLUICE_SERVICE_PORTS];
	uint32_t port;
	size_t i;

	if (n > SLUICE_SERVICE_PORTS)
		return refuse(a, "more than %d ports: make two services of it", SLUICE_SERVICE_PORTS);
	for (i = 0; i < n; i++) {
		if (count_parse(text[i], 1, 65535, &port))
			return refuse(a, "'%s' is no port: a number from 1 to 65535", text[i]);
		if (repeated(text, i))
			return refuse(a, "port %s stands twice: name each port once", text[i]);
		ports[i] = port;
	}
	memcpy(s->ports, ports, n * sizeof(*ports));
	s->ports_count = n;
	return 0;
}

static int addresses_set(const struct asked *a, struct policy_service *s, const char *const *text, size_t n)
{
	_cleanup_free_ struct sluice_addr *list = calloc(n + 1, sizeof(*list));
	size_t i;

	if (!list)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (addr_parse(text[i], &list[i]))
			return refuse(a, "'%s' is no address: write one of the host's own, as 203.0.113.5", text[i]);
		if (repeated(text, i))
			return refuse(a, "'%s' stands twice: name each address once", text[i]);
	}
	free(s->addresses);
	s->addresses = TAKE_PTR(list);
	s->addresses_count = n;
	return 0;
}

static int prefixes_set(const struct asked *a, struct policy_set *s, const char *const *text, size_t n)
{
	struct prefixes list = {};
	const char *why;
	int err = 0;
	size_t i;

	for (i = 0; i < n && !err; i++) {
		err = prefixes_parse(&list, text[i], &why);
		if (err && why)
			refuse(a, "'%s' %s", text[i], why);
	}
	if (!err)
		err = strings_set(&s->prefix_texts, &s->prefix_texts_count, text, n);
	if (err) {
		prefixes_free(&list);
		return err;
	}
	prefixes_free(&s->prefixes);
	s->prefixes = list;
	return 0;
}

static int file_set(const struct asked *a, char **file, const char *text)
{
	char *path = NULL;

	if (!*text)
		return refuse(a, "the name is empty: write the path of a list");
	if (*text == '/' || !a->dir)
		path = strdup(text);
	else if (asprintf(&path, "%s/%s", a->dir, text) < 0)
		path = NULL;
	if (!path)
		return -ENOMEM;
	free(*file);
	*file = path;
	return 0;
}

static int list_set(const struct asked *a, void *base, const char *const *text, size_t n)
{
	struct policy_set *set = base;

	if (a->setting->kind == KIND_INTERFACES)
		return interfaces_set(a, base, text, n);
	if (a->setting->kind == KIND_PORTS)
		return ports_set(a, base, text, n);
	if (a->setting->kind == KIND_ADDRESSES)
		return addresses_set(a, base, text, n);
	if (a->setting->kind == KIND_PREFIXES)
		return prefixes_set(a, base, text, n);
	return strings_set(&set->services, &set->services_count, text, n);
}

static int value_set(const struct asked *a, void *field, const char *text)
{
	const struct setting *s = a->setting;

	switch (s->kind) {
	case KIND_COUNT:
		if (count_parse(text, s->min, s->max, field))
			return refuse(a, "'%s' is not a whole number from %u to %u", text, s->min, s->max);
		return 0;
	case KIND_SHARE:
		if (share_parse(text, field))
			return refuse(a, "'%s' is neither a number, as 20, nor a share from 1%% to 100%%", text);
		return 0;
	case KIND_RATE:
		if (rate_parse(text, field))
			return refuse(a, "'%s' is no rate: write N/TIME with a time from 1s to 1d, as 60/1m", text);
		return 0;
	case KIND_TIME:
		if (seconds_parse(text, field))
			return refuse(a, "'%s' is no time: write 90, 90s, 5m, 2h or 1d", text);
		return 0;
	case KIND_BOOL:
		if (bool_parse(text, field))
			return refuse(a, "'%s' is neither true nor false", text);
		return 0;
	case KIND_CHOICE:
		return choice_set(a, text, field);
	default:
		return file_set(a, field, text);
	}
}

int setting_set(const struct setting *s, void *base, const char *const *text, size_t count, const char *dir, char *why,
		size_t size)
{
	const struct asked a = { s, dir, why, size };

	snprintf(why, size, "no memory left");
	if (kind_is_list(s->kind))
		return list_set(&a, base, text, count);
	if (count != 1)
		return refuse(&a, "one value is wanted, %zu are given", count);
	return value_set(&a, (char *)base + s->offset, text[0]);
}

static void rate_write(const struct rate *r, FILE *out)
{
	char time[16];

	if (r->count)
		fprintf(out, "%u/%s", r->count, seconds_format(r->seconds, time));
	else
		fputc('0', out);
}

static void strings_write(char *const *text, size_t n, FILE *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "", text[i]);
}

static size_t list_count(const struct setting *s, const void *base)
{
	const struct policy_service *service = base;
	const struct policy *policy = base;
	const struct policy_set *set = base;

	if (s->kind == KIND_INTERFACES)
		return policy->interfaces_count;
	if (s->kind == KIND_PORTS)
		return service->ports_count;
	if (s->kind == KIND_ADDRESSES)
		return service->addresses_count;
	return s->kind == KIND_PREFIXES ? set->prefix_texts_count : set->services_count;
}

static void list_write(const struct setting *s, const void *base, FILE *out)
{
	const struct policy_service *service = base;
	const struct policy *policy = base;
	const struct policy_set *set = base;
	size_t i, n = list_count(s, base);
	char text[ADDR_TEXT_LEN];

	fprintf(out, "%s = {", s->key);
	if (s->kind == KIND_INTERFACES)
		strings_write(policy->interfaces, n, out);
	else if (s->kind == KIND_PREFIXES)
		strings_write(set->prefix_texts, n, out);
	else if (s->kind == KIND_SERVICES)
		strings_write(set->services, n, out);
	for (i = 0; i < n && s->kind == KIND_PORTS; i++)
		fprintf(out, "%s%u", i ? ", " : "", service->ports[i]);
	for (i = 0; i < n && s->kind == KIND_ADDRESSES; i++)
		fprintf(out, "%s%s", i ? ", " : "", addr_format(&service->addresses[i], text));
	fputc('}', out);
}

bool setting_is_default(const struct setting *s, const void *base)
{
	const void *field = (const char *)base + s->offset;
	uint32_t n;

	if (kind_is_list(s->kind))
		return !list_count(s, base);
	if (s->kind == KIND_SHARE)
		return !((const struct share *)field)->given;
	if (s->kind == KIND_RATE)
		return !((const struct rate *)field)->given;
	if (s->kind == KIND_BOOL)
		return *(const bool *)field;
	if (s->kind == KIND_FILE)
		return !*(char *const *)field;
	memcpy(&n, field, sizeof(n));
	return n == s->normal;
}

void setting_write(const struct setting *s, const void *base, FILE *out)
{
	const void *field = (const char *)base + s->offset;
	const struct share *share = field;
	char time[16];

	if (kind_is_list(s->kind)) {
		list_write(s, base, out);
		return;
	}
	fprintf(out, "%s = ", s->key);
	if (s->kind == KIND_SHARE)
		fprintf(out, "%u%s", share->value, share->percent ? "%" : "");
	else if (s->kind == KIND_RATE)
		rate_write(field, out);
	else if (s->kind == KIND_TIME)
		fputs(seconds_format(*(const uint32_t *)field, time), out);
	else if (s->kind == KIND_BOOL)
		fputs(*(const bool *)field ? "true" : "false", out);
	else if (s->kind == KIND_CHOICE)
		fputs(s->choices[*(const unsigned int *)field], out);
	else if (s->kind == KIND_FILE)
		fprintf(out, "\"%s\"", *(char *const *)field);
	else
		fprintf(out, "%u", *(const uint32_t *)field);
}
