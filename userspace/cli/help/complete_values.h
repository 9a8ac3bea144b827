/* SPDX-License-Identifier: BSD-2-Clause */
/* Candidates for a parameter on a line that is being typed. */
#ifndef SLUICE_CLI_COMPLETE_VALUES_H
#define SLUICE_CLI_COMPLETE_VALUES_H

#include "cli.h"

/* A line that is being typed, up to the cursor. */
struct typed {
	const char *instance;
	const struct api_verb *verb; /* NULL: the command itself is being typed */
	const char *option; /* whose value is being typed, without its dashes; NULL: none */
	const char *word[WORDS_MAX]; /* of the verb, whole ones */
	int words;
	bool help; /* a command is the word of `help` */
	const char *last; /* what is there of the word that is being typed */
};

/* Prints `text` where it goes on from what is typed. */
void complete_offer(const struct typed *t, const char *text, const char *help);
/* Offers values for a parameter; names of services, bans and the like come from the running daemon. */
void complete_values(const struct typed *t, const struct api_param *p);

#endif
