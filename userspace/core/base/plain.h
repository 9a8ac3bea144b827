/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleans text from outside (reasons, names, paths, messages about them) so that it can be shown: valid UTF-8, and nothing that a terminal
 * would obey. All code that lets such text in, or gives it out, calls these.
 */
#ifndef SLUICE_CORE_PLAIN_H
#define SLUICE_CORE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_good(const char *text);
/*
 * Makes `text` plain, in place: a byte that is not UTF-8 becomes '?', and a control character, or one that changes the direction of a line,
 * a blank. With `lines`, line ends and tabs stay. Returns text.
 */
char *plain_make(char *text, bool lines);
/* Copies one plain line, cut between two characters if `size` is too small. Returns whether it was cut. */
bool plain_copy(char *out, size_t size, const char *text);

#endif
