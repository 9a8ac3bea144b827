/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only way for text from outside to enter JSON. jansson's own functions return NULL for a byte that is not UTF-8, and the whole object
 * is then lost; these return NULL only if memory runs out.
 */
#ifndef SLUICE_CORE_JSON_TEXT_H
#define SLUICE_CORE_JSON_TEXT_H

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"
#include "diag.h"
#include "plain.h"
#include "utc.h"

static inline json_t *json_plain(const char *text, bool lines)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");

	return copy ? json_string(plain_make(copy, lines)) : NULL;
}

/* For one line: a name, a path, a reason. */
static inline json_t *json_line(const char *text)
{
	return json_plain(text, false);
}

/* Line ends stay: for a policy, or messages. */
static inline json_t *json_lines(const char *text)
{
	return json_plain(text, true);
}

/* As in RFC 3339; null if there is no such time. */
static inline json_t *json_time(uint64_t when)
{
	char text[UTC_LEN];

	return when && *utc_say(when, text) != '?' ? json_string(text) : json_null();
}

/* Messages as data: unknown parts of a place are "" or 0. */
static inline json_t *json_errors(const struct diag *d)
{
	json_t *list = json_array();
	const struct diag_message *m;
	size_t i;

	for (i = 0; i < d->count; i++) {
		_cleanup_free_ char *text = NULL;

		m = &d->item[i];
		text = strndup(m->text + m->what, m->hint ? m->hint - 2 - m->what : strlen(m->text + m->what));
		json_array_append_new(list,
				      json_pack("{s:o, s:i, s:i, s:o, s:o, s:o}", "file", json_line(m->file), "line",
						m->line, "column", m->column, "key", json_line(m->key), "text",
						json_line(text), "hint", json_line(m->hint ? m->text + m->hint : "")));
	}
	return list;
}

#endif
