/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the prefixes of a ban, from its words or from a file: see banfile.h. */
#include <errno.h>
#include <string.h>

#include "banfile.h"
#include "list.h"
#include "list_text.h"
#include "value.h"

#define MESSAGES 10 /* a wrong kind of file has a wrong line in every line */

struct prefix *ban_lines_prefixes(const struct ban_lines *list)
{
	struct prefix *all = calloc(list->count + 1, sizeof(*all));
	size_t i;

	for (i = 0; i < list->count && all; i++)
		all[i] = list->item[i].prefix;
	return all;
}

int ban_time_parse(const char *text, uint32_t *seconds)
{
	*seconds = 0;
	return !strcmp(text, "never") || !strcmp(text, "-1") ? 0 : seconds_parse(text, seconds);
}

static int line_add(struct ban_lines *list, const struct prefix *p, uint32_t seconds, unsigned int line)
{
	struct ban_line *more = LIST_ADD(list);

	if (!more)
		return -ENOMEM;
	*more = (struct ban_line){ *p, seconds, line };
	return 0;
}

int ban_text_parse(struct ban_lines *list, const char *text, uint32_t seconds, unsigned int line, const char **why)
{
	struct prefixes many = {};
	struct prefix one;
	size_t i;
	int err;

	if (!strchr(text, '-')) {
		err = prefix_parse(text, &one, why);
		return err ? err : line_add(list, &one, seconds, line);
	}
	err = prefixes_parse(&many, text, why);
	for (i = 0; i < many.count && !err; i++)
		err = line_add(list, &many.item[i], seconds, line);
	prefixes_free(&many);
	return err;
}

int ban_prefix_parse(const char *text, struct prefix *out, const char **why)
{
	struct ban_lines named = {};
	int err = ban_text_parse(&named, text, 0, 0, why);

	if (!err && named.count != 1) {
		*why = "is more than one prefix: name only one";
		err = -EINVAL;
	}
	if (!err)
		*out = named.item[0].prefix;
	free(named.item);
	return err;
}

struct reading {
	struct list_reader reader;
	struct ban_lines *list;
	const char *file;
	uint32_t seconds; /* for lines without a time */
	bool tolerant;
	size_t bad, masked;
	struct diag *diag;
};

static int line_bad(void *arg, unsigned int line, const char *text, const char *why)
{
	struct reading *r = arg;
	const struct place at = { r->file, line };

	if (r->bad == MESSAGES && !r->tolerant) {
		diag_add(r->diag, "there may be more: only the first %d bad lines are listed", MESSAGES);
		return -EINVAL;
	}
	if (r->bad++ < MESSAGES)
		diag_at(r->diag, &at, "'%.80s' %s", text, why);
	return 0;
}

static int prefix_take(struct reading *r, const struct element *e, uint32_t seconds, const char **why)
{
	struct prefix p;
	int err = ban_text_parse(r->list, e->text, seconds, r->reader.line, why);

	if (err != -EINVAL || !r->tolerant || list_masked(e, &p))
		return err;
	r->masked++;
	return line_add(r->list, &p, seconds, r->reader.line);
}

static int element_take(void *arg, const struct element *e, const char **why)
{
	struct reading *r = arg;
	uint32_t seconds = r->seconds;

	*why = "has more than a time after it: write one address, prefix or range per line";
	if (e->crowded)
		return -EINVAL;
	if (e->time && ban_time_parse(e->time, &seconds))
		return list_bad(&r->reader, e->time, "is not " TIME_IS ", 1d or never");
	return prefix_take(r, e, seconds, why);
}

int ban_file_parse(struct ban_lines *list, const char *file, char *text, uint32_t seconds, size_t *left_out,
		   struct diag *d)
{
	struct reading r = { .list = list, .file = file, .seconds = seconds, .tolerant = left_out, .diag = d };
	struct place at = { .file = file };
	int err;

	r.reader = (struct list_reader){ .take = element_take, .bad = line_bad, .arg = &r };
	err = list_text_read(&r.reader, text);
	at.line = r.reader.line;
	if (r.reader.wrong)
		diag_at(d, &at, "this file %s: %s", r.reader.wrong, r.reader.remedy);
	if (r.masked)
		diag_add(d,
			 "%zu prefixes have bits beyond their length, and are read as the networks that contain them",
			 r.masked);
	if (left_out)
		*left_out = r.bad;
	return err ? err : r.bad && !left_out ? -EINVAL : 0;
}
