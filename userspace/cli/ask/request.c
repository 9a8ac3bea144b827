/* SPDX-License-Identifier: BSD-2-Clause */
/* A command line as the arguments of a request to the daemon: the given words, under the names and with the types of userspace/api/verbs.def. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* A REST is all words from its first on, so a list may be written as {25, 26}. */
static json_t *words_json(const struct call *c, const struct api_param *p)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int i;

	for (i = 0; out && i < c->words; i++) {
		if (word_param(c->command, i) == p)
			fprintf(out, "%s%s", i && word_param(c->command, i - 1) == p ? " " : "", c->word[i]);
	}
	return out && !fclose(out) ? json_string(text) : NULL;
}

/* The daemon has a directory of its own, so paths become absolute. A file that does not exist keeps its name: the daemon reports it. */
static json_t *path_json(const struct call *c, const char *path)
{
	char real[PATH_MAX];
	json_t *text = json_string(realpath(path, real) ? real : path);

	if (!text)
		complain(EXIT_BAD, "%s: %s is a link to a name that is not UTF-8 text: rename that", c->command->name,
			 path);
	return text;
}

static json_t *value_json(const struct call *c, const struct api_param *p, const char *value)
{
	if (p->type == API_FLAG)
		return json_true();
	if (p->type == API_COUNT || p->type == API_PORT)
		return json_integer(strtoll(value, NULL, 10));
	if (p->type == API_PATH)
		return path_json(c, value);
	return p->presence == API_REST ? words_json(c, p) : json_string(value);
}

json_t *request_args(const struct call *c)
{
	json_t *args = json_object();
	const struct api_param *p;
	const char *value;

	for (p = c->command->params; p->place != API_END; p++) {
		value = p->type == API_SESSION ? session_peer() : p->place == API_INNER ? NULL : given(c, p);
		if (!value || !*p->arg)
			continue;
		if (!json_object_set_new(args, p->arg, value_json(c, p, value)))
			continue;
		json_decref(args);
		return NULL;
	}
	return args;
}
