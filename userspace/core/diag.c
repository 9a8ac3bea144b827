/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "diag.h"
#include "list.h"
#include "plain.h"

/* Takes over `text`. Without memory the message is lost, not the failure: callers return an error of their own. */
static void diag_take(struct diag *d, char *text)
{
	struct diag_message *more;

	if (!text)
		return;
	more = LIST_ADD(d);
	if (more)
		more->text = plain_make(text, false);
	else
		free(text);
}

void diag_at(struct diag *d, const struct place *at, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0)
		what = NULL;
	if (!what)
		return;
	if (!at || !at->file) {
		diag_take(d, TAKE_PTR(what));
		return;
	}
	if (asprintf(&text, "%s:%d: %s", at->file, at->line, what) >= 0)
		diag_take(d, text);
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
		diag_take(d, text);
}

char *diag_text(const struct diag *d)
{
	size_t i, len = 1;
	char *text, *end;

	for (i = 0; i < d->count; i++)
		len += strlen(d->item[i].text) + 1;
	text = malloc(len);
	if (!text)
		return NULL;
	end = text;
	*end = 0;
	for (i = 0; i < d->count; i++) {
		end = stpcpy(end, d->item[i].text);
		if (i + 1 < d->count)
			end = stpcpy(end, "\n");
	}
	return text;
}

void diag_free(struct diag *d)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		free(d->item[i].text);
	free(d->item);
	memset(d, 0, sizeof(*d));
}
