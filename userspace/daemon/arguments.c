/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of the control socket: what the arguments of a request must be. verbs.c asks before it runs a verb, so that no verb takes a
 * text for a number, or what it does not understand for nothing. A verb that takes a new argument adds it to the table.
 */
#include <errno.h>

#include "verbs.h"

/* Of all verbs. A name that stands here and holds something else is a slip that must not be taken for nothing. */
static const struct {
	const char *name;
	json_type type;
} arguments[] = {
	{ "prefix", JSON_STRING }, { "address", JSON_STRING }, { "service", JSON_STRING },  { "key", JSON_STRING },
	{ "value", JSON_STRING },  { "mode", JSON_STRING },    { "path", JSON_STRING },	    { "for", JSON_STRING },
	{ "reason", JSON_STRING }, { "confirm", JSON_STRING }, { "shield", JSON_STRING },   { "top", JSON_INTEGER },
	{ "port", JSON_INTEGER },  { "kill", JSON_TRUE },      { "dry_run", JSON_TRUE },    { "save", JSON_TRUE },
	{ "force", JSON_TRUE },	   { "by", JSON_STRING },      { "session", JSON_STRING },  { "observe", JSON_TRUE },
	{ "set", JSON_STRING },	   { "all", JSON_TRUE },       { "all_owners", JSON_TRUE }, { "tolerant", JSON_TRUE },
	{ "since", JSON_STRING },  { "lists", JSON_TRUE },
};

static bool is_of_type(const json_t *got, json_type type)
{
	if (type == JSON_TRUE)
		return json_is_boolean(got);
	if (type == JSON_INTEGER)
		return json_is_integer(got) && json_integer_value(got) >= 0 && json_integer_value(got) <= INT32_MAX;
	return json_typeof(got) == type;
}

int arguments_check(const json_t *args, struct answer *a)
{
	const json_t *got;
	size_t i;

	if (args && !json_is_object(args)) {
		diag_add(&a->diag, "args is no JSON object");
		return bad(a);
	}
	for (i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
		got = json_object_get(args, arguments[i].name);
		if (!got || is_of_type(got, arguments[i].type))
			continue;
		diag_add(&a->diag, "%s: this takes %s", arguments[i].name,
			 arguments[i].type == JSON_STRING    ? "a text"
			 : arguments[i].type == JSON_INTEGER ? "a whole number, not negative"
							     : "true or false");
		return bad(a);
	}
	return 0;
}
