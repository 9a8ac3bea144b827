/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The actions of grammar.y: they fill the policy by the schema table, section by section and value by value, and report mistakes at their
 * place.
 */
#ifndef SLUICE_CORE_RULES_H
#define SLUICE_CORE_RULES_H

#include "reader.h"

/* "NAME {" or "NAME TITLE {". */
struct head {
	struct word name, title;
	struct place title_at;
	bool titled;
};

/* One function for each rule; `at` is where the word, or the first of the tokens, is. */
void key_begin(struct reader *r, const struct word *word, const struct place *at, bool append);
void equals_missing(struct reader *r, const struct word *word, const struct place *at, const struct word *value);
void value_set(struct reader *r, const struct word *word, const struct place *at);
void list_begin(struct reader *r, const struct place *brace);
void element_add(struct reader *r, const struct word *word, const struct place *at);
void comma_missing(struct reader *r, const struct word *word, const struct place *at);
void list_end(struct reader *r);
/* Returns what was read before, so that section_leave() can go back to it. */
struct context section_enter(struct reader *r, const struct head *head, const struct place *at,
			     const struct place *brace);
void section_leave(struct reader *r, const struct context *before);
void include_add(struct reader *r, const struct word *word, const struct place *at);

#endif
