/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: see diag.h. If memory runs out, a message is lost but not the failure: callers return an error of their own. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "diag.h"
#include "list.h"
#include "plain.h"

#define EXCERPT_WIDTH 100 /* characters of a longer line that are shown */

static void message_free(struct diag_message *m)
{
	free(m->text);
	free(m->file);
	free(m->key);
	free(m->excerpt);
}

/* Takes over `text`, whose first `what` bytes are the place. By house rule the remedy follows the last ": ". */
static void diag_take(struct diag *d, char *text, size_t what, const struct place *at)
{
	struct diag_message *more = text ? LIST_ADD(d) : NULL;
	char *next;

	if (!more) {
		free(text);
		return;
	}
	*more = (struct diag_message){ .text = plain_make(text, false), .what = what };
	for (next = strstr(text + what, ": "); next; next = strstr(next + 1, ": "))
		more->hint = next + 2 - text;
	if (!at || !at->file)
		return;
	more->file = strdup(at->file);
	more->key = at->key ? strdup(at->key) : NULL;
	more->line = at->line;
	more->column = at->column;
}

/* Returns the length, or -1 without memory, and then does not touch *out. */
static int place_format(const struct place *at, char **out)
{
	if (at->line && at->column)
		return asprintf(out, "%s:%d:%d: ", at->file, at->line, at->column);
	if (!at->line)
		return asprintf(out, "%s: ", at->file);
	return asprintf(out, "%s:%d: ", at->file, at->line);
}

void diag_at(struct diag *d, const struct place *at, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL, *place = NULL;
	char *text = NULL;
	va_list ap;
	int n, len = 0;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0)
		what = NULL;
	else if (at && at->file)
		len = place_format(at, &place);
	if (len < 0)
		place = NULL;
	if (what && len >= 0 && asprintf(&text, "%s%s", place ? plain_make(place, false) : "", what) >= 0)
		diag_take(d, text, place ? strlen(place) : 0, at);
}

void diag_add(struct diag *d, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0)
		diag_take(d, text, 0, NULL);
}

void diag_copy(struct diag *d, const struct diag *from)
{
	const struct diag_message *m;
	struct place at;
	size_t i;

	for (i = 0; i < from->count; i++) {
		m = &from->item[i];
		at = (struct place){ m->file, m->line, m->column, m->key };
		diag_at(d, &at, "%s", m->text + m->what);
	}
}

static const char *line_of(const char *text, int line)
{
	while (text && --line > 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text;
}

/* Returns where character `n`, from 0, of a line begins, or the line's end if it has fewer. */
static const char *character_of(const char *line, int n)
{
	for (; *line && *line != '\n'; line++) {
		if (((unsigned char)*line & 0xc0) != 0x80 && !n--)
			break;
	}
	return line;
}

/* Returns the part around the column of a long line. */
static char *excerpt_of(const char *line, int column)
{
	bool fits = strchr("\n", *character_of(line, EXCERPT_WIDTH));
	int skip = !fits && column > EXCERPT_WIDTH * 3 / 4 ? column - EXCERPT_WIDTH / 2 : 0;
	const char *from = character_of(line, skip), *to = character_of(from, EXCERPT_WIDTH);
	const char *before = skip ? "..." : "", *after = *to && *to != '\n' ? "..." : "";
	_cleanup_free_ char *part = strndup(from, to - from);
	char *text = NULL;

	if (!part)
		return NULL;
	plain_make(part, false);
	if (asprintf(&text, "    %s%s%s\n    %*s", before, part, after, column - skip + (skip ? 3 : 0), "^") < 0)
		return NULL;
	return text;
}

void diag_quote(struct diag *d, const char *file, const char *text)
{
	struct diag_message *m;
	const char *line;
	size_t i;

	for (i = 0; i < d->count; i++) {
		m = &d->item[i];
		if (m->excerpt || !m->file || !m->column || strcmp(m->file, file))
			continue;
		line = line_of(text, m->line);
		if (line)
			m->excerpt = excerpt_of(line, m->column);
	}
}

char *diag_text(const struct diag *d)
{
	const struct diag_message *m;
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (i = 0; i < d->count; i++) {
		m = &d->item[i];
		fprintf(out, "%s%s%s%s", i ? "\n" : "", m->text, m->excerpt ? "\n" : "", m->excerpt ? m->excerpt : "");
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

void diag_move(struct diag *to, struct diag *from)
{
	struct diag_message *more;
	size_t i;

	for (i = 0; i < from->count; i++) {
		more = LIST_ADD(to);
		if (more)
			*more = from->item[i];
		else
			message_free(&from->item[i]);
	}
	free(from->item);
	memset(from, 0, sizeof(*from));
}

void diag_free(struct diag *d)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		message_free(&d->item[i]);
	free(d->item);
	memset(d, 0, sizeof(*d));
}
