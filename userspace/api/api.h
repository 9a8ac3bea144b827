/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol as a table, made from verbs.def. sluicectl parses its command line by it, sluiced checks requests by it, and the tests
 * read it. It never changes at run time.
 */
#ifndef SLUICE_API_API_H
#define SLUICE_API_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"

enum api_type {
#define TEXT_TYPE(id, ...) API_##id,
#define NUMBER_TYPE(id, ...) API_##id,
#define FLAG_TYPE(id) API_##id,
#include "types.def"
#undef TEXT_TYPE
#undef NUMBER_TYPE
#undef FLAG_TYPE
};

enum api_place { API_END, API_WORD, API_OPTION, API_INNER };
enum api_presence { API_NEEDED, API_MAY, API_OR, API_WITH, API_REST, API_MORE };
enum api_right { API_READ, API_WRITE, API_LOCAL }; /* LOCAL: no verb of the daemon */

struct api_param {
	enum api_place place;
	enum api_presence presence;
	const char *name, *shown, *arg; /* see verbs.def; "" if there is none */
	enum api_type type;
};

struct api_verb {
	const char *name;
	enum api_right right;
	const char *help; /* "": no command of its own */
	const struct api_param *params; /* up to API_END */
};

extern const struct api_verb api_verbs[];
extern const size_t api_verbs_count;

/* Returns NULL if there is no verb of that name. */
const struct api_verb *api_find(const char *name);
/* Returns NULL if the verb has no such option. */
const struct api_param *api_option(const struct api_verb *v, const char *name);

#define API_SYNOPSIS_LEN 256
/* Writes the words and options of a verb, such as "ADDRESS|PREFIX --service S [--port N]". */
const char *api_synopsis(const struct api_verb *v, char buf[static API_SYNOPSIS_LEN]);

/* Return the range of a number; for a text, api_most() returns the most bytes. */
uint32_t api_least(enum api_type type);
uint32_t api_most(enum api_type type);

/*
 * Returns 0, or -EINVAL with a message, which does not name the verb: no object, an argument that the verb does not have, or one of another type
 * or length.
 */
int api_check(const struct api_verb *v, const json_t *args, struct diag *d);
/* Says whether the daemon would open a file that the request names. */
bool api_names_a_file(const struct api_verb *v, const json_t *args);

#endif
