/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of one key: from text, and to text. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "plain.h"
#include "schema.h"
#include "setting.h"
#include "value.h"

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
	return setting_refuse(a, "'%s' is not one of: %s", text, known);
}

static int file_set(const struct asked *a, char **file, const char *text)
{
	char *path = NULL;
	int err = setting_path(a, text, "list", &path);

	if (err)
		return err;
	free(*file);
	*file = path;
	return 0;
}

static int pattern_set(const struct asked *a, char **pattern, const char *text)
{
	if (*text != '/' || strlen(text) >= SLUICE_PATH_LEN || !utf8_is_good(text))
		return setting_refuse(
			a, "'%s' is not an absolute path: write one, or a pattern, as /run/docker/netns/*", text);
	return file_set(a, pattern, text);
}

static int name_set(const struct asked *a, char *field, const char *text)
{
	if (!name_is_good(text))
		return setting_refuse(
			a, "'%s' is not a name: 1 to 31 letters, digits, '_', '.' or '-', and not '-' alone", text);
	snprintf(field, SLUICE_NAME_LEN, "%s", text);
	return 0;
}

static int milliseconds_set(const struct asked *a, uint32_t *field, const char *text)
{
	const struct setting *s = a->setting;
	uint32_t ms;

	if (milliseconds_parse(text, &ms) || ms < s->min || ms > s->max)
		return setting_refuse(a, "'%s' is not a time from %ums to %ums: write %ums", text, s->min, s->max,
				      s->normal);
	*field = ms;
	return 0;
}

static int value_set(const struct asked *a, void *field, const char *text)
{
	const struct setting *s = a->setting;

	uint32_t example = s->normal ? s->normal : 20;

	switch (s->kind) {
	case KIND_COUNT:
		if (count_parse(text, s->min, s->max, field))
			return setting_refuse(a, "'%s' is not a whole number from %u to %u: write one, as %u", text,
					      s->min, s->max, example);
		return 0;
	case KIND_SHARE:
		if (share_parse(text, field))
			return setting_refuse(
				a,
				"'%s' is neither a number, as 20, nor a share from 1%% to 100%%: write one of the two",
				text);
		return 0;
	case KIND_RATE:
		if (rate_parse(text, field))
			return setting_refuse(a, "'%s' is not a rate: write N/TIME with a time from 1s to 1d, as 60/1m",
					      text);
		return 0;
	case KIND_TIME:
		if (seconds_parse(text, field))
			return setting_refuse(a, "'%s' is not " TIME_IS " or 1d", text);
		return 0;
	case KIND_MILLISECONDS:
		return milliseconds_set(a, field, text);
	case KIND_NAME:
		return name_set(a, field, text);
	case KIND_LISTEN:
		if (listen_parse(text, field))
			return setting_refuse(
				a, "'%s' is not a place to listen: write 127.0.0.1:9798, [::1]:9798 or none", text);
		return 0;
	case KIND_BOOL:
		if (bool_parse(text, field))
			return setting_refuse(a, "'%s' is neither true nor false: write one of the two", text);
		return 0;
	case KIND_CHOICE:
		return choice_set(a, text, field);
	case KIND_PATTERN:
		return pattern_set(a, field, text);
	default:
		return file_set(a, field, text);
	}
}

int setting_set(const struct setting *s, void *base, const char *text, const char *dir, char *why, size_t size)
{
	const struct asked a = { s, dir, why, size };

	snprintf(why, size, "out of memory");
	return kind_is_list(s->kind) ? list_add(&a, base, text) : value_set(&a, (char *)base + s->offset, text);
}

static void rate_write(const struct rate *r, FILE *out)
{
	char time[16];

	if (r->count)
		fprintf(out, "%u/%s", r->count, seconds_format(r->seconds, time));
	else
		fputc('0', out);
}

bool setting_is_default(const struct setting *s, const void *base)
{
	const void *field = (const char *)base + s->offset;
	char listen[LISTEN_TEXT_LEN];
	uint32_t n;

	if (kind_is_list(s->kind))
		return !list_count(s, base);
	if (s->kind == KIND_SHARE)
		return !((const struct share *)field)->given;
	if (s->kind == KIND_RATE)
		return !((const struct rate *)field)->given;
	if (s->kind == KIND_BOOL)
		return *(const bool *)field == s->normal;
	if (s->kind == KIND_LISTEN)
		return !strcmp(listen_format(field, listen), POLICY_LISTEN);
	if (s->kind == KIND_FILE || s->kind == KIND_PATTERN)
		return !*(char *const *)field;
	if (s->kind == KIND_NAME)
		return !*(const char *)field;
	memcpy(&n, field, sizeof(n));
	return n == s->normal;
}

void setting_write(const struct setting *s, const void *base, FILE *out)
{
	const void *field = (const char *)base + s->offset;
	const struct share *share = field;
	char listen[LISTEN_TEXT_LEN], time[16];

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
	else if (s->kind == KIND_MILLISECONDS)
		fprintf(out, "%ums", *(const uint32_t *)field);
	else if (s->kind == KIND_NAME)
		quoted_write(field, out);
	else if (s->kind == KIND_LISTEN)
		fprintf(out, "\"%s\"", listen_format(field, listen));
	else if (s->kind == KIND_BOOL)
		fputs(*(const bool *)field ? "true" : "false", out);
	else if (s->kind == KIND_CHOICE)
		fputs(s->choices[*(const unsigned int *)field], out);
	else if (s->kind == KIND_FILE || s->kind == KIND_PATTERN)
		quoted_write(*(char *const *)field, out);
	else
		fprintf(out, "%u", *(const uint32_t *)field);
}
