/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way in which text that is not ours goes into JSON. jansson's own functions give NULL for a byte that is not UTF-8, and with it
 * the whole object is lost; these give NULL without memory only.
 */
#ifndef SLUICE_CORE_JSON_TEXT_H
#define SLUICE_CORE_JSON_TEXT_H

#include <jansson.h>
#include <string.h>

#include "cleanup.h"
#include "plain.h"

static inline json_t *json_plain(const char *text, bool lines)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");

	return copy ? json_string(plain_make(copy, lines)) : NULL;
}

/* One line: a name, a path, a reason. */
static inline json_t *json_line(const char *text)
{
	return json_plain(text, false);
}

/* Line ends stay: a policy, messages. */
static inline json_t *json_lines(const char *text)
{
	return json_plain(text, true);
}

#endif
