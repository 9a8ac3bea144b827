/* SPDX-License-Identifier: BSD-2-Clause */
/* What the words of a policy file mean, where they are, and the messages for text that the grammar does not accept. */
#ifndef SLUICE_CORE_SYNTAX_H
#define SLUICE_CORE_SYNTAX_H

#include "reader.h"

/* Reads one file: scanner and parser. 0, or what reader_refuse() says; -ENOMEM. */
int grammar_read(struct reader *r, const char *text);
/* The place behind `len` bytes of text that begin at `at`. */
void place_advance(struct place *at, const char *text, size_t len);
/* The bytes that a word stands for, freed with free(). NULL: it was refused, with a message, or there is no memory. */
char *word_text(struct reader *r, const struct word *word, const struct place *at);
/* The key being read ends without a value. */
void value_missing(struct reader *r);
/*
 * The token r->last, at `at`, fits nowhere, or the file has ended; `expected` (NULL at its end) are names of what would fit, `value`: that is
 * the value of a key. From here to the end of the line, list or section nothing is read.
 */
void syntax_refuse(struct reader *r, const struct place *at, bool ended, bool value, const char *const *expected);

#endif
