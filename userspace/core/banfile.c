/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "banfile.h"
#include "cleanup.h"
#include "list.h"
#include "parse.h"

#define MESSAGES 10 /* a wrong file has a wrong line in every line */

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

static int bad_line(unsigned int line, const char *word, const char *why, struct diag *d)
{
	diag_add(d, "line %u: '%.80s' %s", line, word, why);
	return -EINVAL;
}

static int line_parse(struct ban_lines *list, char *line, unsigned int number, uint32_t seconds, struct diag *d)
{
	const char *why = NULL;
	char *word, *time, *save;
	int err;

	line[strcspn(line, "#;")] = 0;
	word = strtok_r(line, " \t\r", &save);
	if (!word)
		return 0;
	time = strtok_r(NULL, " \t\r", &save);
	if (time && ban_time_parse(time, &seconds))
		return bad_line(number, time, "is no time: write 90, 90s, 5m, 2h, 1d or never", d);
	if (time && strtok_r(NULL, " \t\r", &save))
		return bad_line(number, word,
				"has more than a time behind it: write one address, prefix or range a line", d);
	err = ban_text_parse(list, word, seconds, number, &why);
	return err == -EINVAL ? bad_line(number, word, why, d) : err;
}

int ban_file_parse(struct ban_lines *list, char *text, uint32_t seconds, size_t *left_out, struct diag *d)
{
	_cleanup_diag_ struct diag ignored = {};
	unsigned int number = 0;
	size_t bad = 0;
	char *line, *next;
	int err;

	if (!strncmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	for (next = text; (line = strsep(&next, "\n"));) {
		if (bad == MESSAGES && !left_out)
			diag_add(d, "and perhaps more: only the first %d bad lines are named", MESSAGES);
		if (bad == MESSAGES && !left_out)
			break;
		err = line_parse(list, line, ++number, seconds, bad < MESSAGES ? d : &ignored);
		if (err == -ENOMEM)
			return err;
		bad += err != 0;
		diag_free(&ignored);
	}
	if (left_out)
		*left_out = bad;
	return bad && !left_out ? -EINVAL : 0;
}
