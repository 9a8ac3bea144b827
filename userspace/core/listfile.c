/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "listfile.h"
#include "text.h"

#define LIST_BYTES (128 << 20)
#define LIST_MESSAGES 10 /* a wrong file has a wrong line in every line */

static int line_read(char *line, const struct place *here, struct prefixes *list, struct diag *d)
{
	const char *why;
	char *word, *save;
	int err;

	line[strcspn(line, "#;")] = 0;
	word = strtok_r(line, " \t\r", &save);
	if (!word)
		return 0;
	if (strtok_r(NULL, " \t\r", &save)) {
		diag_at(d, here, "more than one word: write one address, prefix or range a line");
		return -EINVAL;
	}
	err = prefixes_parse(list, word, &why);
	if (err && why)
		diag_at(d, here, "'%s' %s", word, why);
	return err;
}

int listfile_read(const char *path, const struct place *at, struct prefixes *list, struct diag *d)
{
	_cleanup_free_ char *text = NULL;
	struct place here = { path, 0 };
	size_t count = list->count;
	int err, bad = 0;
	char *line, *next;

	err = text_read(path, LIST_BYTES, at, &text, d);
	if (err)
		return err;
	for (next = text; (line = strsep(&next, "\n")) && bad < LIST_MESSAGES;) {
		here.line++;
		err = line_read(line, &here, list, d);
		if (err == -ENOMEM)
			break;
		bad += err != 0;
		if (list->count > SLUICE_MAX_PREFIXES) {
			diag_at(d, &here, "more than %d prefixes: shorten the list", SLUICE_MAX_PREFIXES);
			bad++;
			break;
		}
	}
	if (err != -ENOMEM && !bad)
		return 0;
	list->count = count;
	return err == -ENOMEM ? err : -EINVAL;
}
