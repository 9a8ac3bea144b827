/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files as lines: comments cut off, and lines that go on in the next one put together, in the ways that the nine formats have. A byte order
 * mark and carriage returns mean nothing.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "import.h"
#include "text_file.h"

#define FILE_BYTES (8 << 20)
#define LINE_BYTES (1 << 20) /* what continues for longer is taken as several */

/* Cuts off a comment, and blanks at the end. Returns true if the last byte is a backslash, which is cut off, too. */
static bool line_trim(const struct format *f, char *text)
{
	char *at, quote = 0;
	size_t len;

	for (at = text; *at; at++) {
		if (quote && *at != quote)
			continue;
		if (f->comment_anywhere && strchr("\"'", *at))
			quote = quote ? 0 : *at;
		if (!quote && strchr(f->comment, *at) && (f->comment_anywhere || at == text + strspn(text, " \t")))
			break;
		if (f->sections && *at == ';' && strchr(" \t", at[-1]))
			break;
	}
	*at = 0;
	for (len = strlen(text); len && strchr(" \t\r", text[len - 1]); len--)
		;
	text[len] = 0;
	if (!f->backslash || !len || text[len - 1] != '\\')
		return false;
	text[len - 1] = 0;
	return true;
}

/*
 * Returns how many braces are open at its end. Those of `chain NAME {` and the like contain lines; all others contain words, also those of
 * pf's `table <NAME> {`.
 */
static int braces_open(const char *text)
{
	static const char *const blocks[] = { "table", "chain", "anchor", NULL };
	char first[8] = "";
	int open = 0;

	sscanf(text, "%7s", first);
	if (is_one_of(first, blocks) && text[strcspn(text, "<{")] != '<')
		return 0;
	for (; *text; text++)
		open += (*text == '{') - (*text == '}');
	return open;
}

static struct line *line_add(struct import *m, const char *file, unsigned int number, const char *text)
{
	struct line *line = calloc(1, sizeof(*line)), **last = line ? LIST_ADD(&m->lines) : NULL;

	if (!last) {
		free(line);
		m->failed = true;
		return NULL;
	}
	*last = line;
	*line = (struct line){ file, number, strspn(text, " \t"), strdup(text + strspn(text, " \t")) };
	m->failed |= !line->text;
	return line->text ? line : NULL;
}

static void line_extend(struct import *m, struct line *line, const char *more)
{
	char *text;

	if (!line || asprintf(&text, "%s%s%s", line->text, *line->text ? " " : "", more + strspn(more, " \t")) < 0) {
		m->failed = true;
		return;
	}
	free(line->text);
	line->text = text;
}

/* Whether the next line belongs to this one. */
static bool goes_on(const struct format *f, const struct line *line, bool backslash, const char *next)
{
	if (!line || strlen(line->text) > LINE_BYTES)
		return false;
	if (f->sections)
		return strspn(next, " \t") > line->indent && *line->text != '[';
	if (f->indent && (*next == ' ' || *next == '\t'))
		return true;
	return backslash || (f->braces && braces_open(line->text) > 0);
}

/* Replaces comments between the two marks of C by blanks; their line ends stay. */
static void blocks_cut(char *text)
{
	char *at = text, *end;

	while ((at = strstr(at, "/*"))) {
		end = strstr(at + 2, "*/");
		end = end ? end + 2 : at + strlen(at);
		for (; at < end; at++)
			*at = *at == '\n' ? '\n' : ' ';
	}
}

void import_text(struct import *m, const char *file, char *text)
{
	char *at, *next = strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3;
	struct line *line = NULL;
	bool backslash = false, before;
	unsigned int number = 0;

	if (m->format->comment_blocks)
		blocks_cut(text);
	while (!m->failed && (at = strsep(&next, "\n"))) {
		number++;
		if (backslash && m->format->comment_between && at[strspn(at, " \t")] == *m->format->comment)
			continue;
		before = backslash;
		backslash = line_trim(m->format, at);
		if (!at[strspn(at, " \t")] && !(backslash && before)) {
			line = before ? NULL : line;
			continue;
		}
		if (goes_on(m->format, line, before, at))
			line_extend(m, line, at);
		else
			line = line_add(m, file, number, at);
	}
}

int import_file(struct import *m, const char *path, struct diag *d)
{
	const struct place at = { path };
	_cleanup_free_ char *text = NULL;
	int err = text_file_read(path, FILE_BYTES, &at, &text, d);

	if (err)
		return err;
	import_text(m, path, text);
	return m->failed ? -ENOMEM : 0;
}
