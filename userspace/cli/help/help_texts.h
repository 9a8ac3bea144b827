/* SPDX-License-Identifier: BSD-2-Clause */
/* What `CMD --help` says in addition to verbs.def: the meaning of each word and option, and examples. help.c prints it. */
#ifndef SLUICE_CLI_HELP_TEXTS_H
#define SLUICE_CLI_HELP_TEXTS_H

#include "api.h"

/* tests/e2e/test_help.py runs each line as it stands; each command has one at least. */
struct help_example {
	const char *verb, *line, *what;
};

extern const struct help_example help_examples[];
extern const size_t help_examples_count;

/* The meaning of a word or option of a command; "": there is no text, which the same test refuses. */
const char *help_param(const struct api_verb *v, const struct api_param *p);

#endif
