/* SPDX-License-Identifier: BSD-2-Clause */
/* Candidates for a parameter on a line that is being typed. */
#ifndef SLUICE_CLI_COMPLETE_VALUES_H
#define SLUICE_CLI_COMPLETE_VALUES_H

#include "cli.h"

/* A line that is being typed, up to the cursor. */
struct typed {
	const char *instance;
	const struct api_verb *verb; /* NULL while the command itself is being typed */
	const char *option; /* the option whose value is being typed, without its dashes; NULL: none */
	const char *word[WORDS_MAX]; /* whole words of the verb */
	int words;
	bool help; /* the word of `help`, which is a command */
	const char *last; /* the part of the word that is typed already */
};

/* Prints `text` if it continues what is typed. */
void complete_offer(const struct typed *t, const char *text, const char *help);
/* Offers values for a parameter; names of services, bans and the like come from the running daemon. */
void complete_values(const struct typed *t, const struct api_param *p);

#endif
