/* SPDX-License-Identifier: BSD-2-Clause */
/* What the words of a policy file mean, where they are, and the messages for text that the grammar does not accept. */
#ifndef SLUICE_CORE_SYNTAX_H
#define SLUICE_CORE_SYNTAX_H

#include "reader.h"

/* Reads one file, with scanner and parser. Returns 0, or what reader_refuse() says; -ENOMEM. */
int grammar_read(struct reader *r, const char *text);
/* Moves the place by `len` bytes of text that begin at `at`. */
void place_advance(struct place *at, const char *text, size_t len);
/* Returns the bytes that a word stands for, freed with free(). NULL: it was refused, with a message, or there is no memory. */
char *word_text(struct reader *r, const struct word *word, const struct place *at);
/* Reports that the key being read ends without a value. */
void value_missing(struct reader *r);
/*
 * Reports that the token r->last, at `at`, fits nowhere, or that the file has ended. `expected` (NULL at its end) names what would fit;
 * `value`: that is the value of a key. Nothing is read from here to the end of the line, list or section.
 */
void syntax_refuse(struct reader *r, const struct place *at, bool ended, bool value, const char *const *expected);

#endif
