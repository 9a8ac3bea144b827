/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The elements of list files, one after the other, from each format that is read (list_text.c says which). The reader decides what to do
 * with an element: list_read.c has the readers for sets, banfile.c the one for `ban --file`.
 */
#ifndef SLUICE_CORE_LIST_TEXT_H
#define SLUICE_CORE_LIST_TEXT_H

#include "list_reader.h"

/*
 * Reads all elements of `text`, which is cut up. Returns 0; -EINVAL with `wrong`, `remedy` and `line` set, for a format that is not read, a
 * list of another kind, or one that is known to be cut short; or what a function of the reader returned.
 */
int list_text_read(struct list_reader *r, char *text);
#endif
