/* SPDX-License-Identifier: BSD-2-Clause */
/* The width of the terminal, and cutting words to fit: tables and `top` call this. */
#ifndef SLUICE_CLI_SCREEN_H
#define SLUICE_CLI_SCREEN_H

#include <stddef.h>

#include <jansson.h>

/* Returns the columns of the terminal on standard output; 0: it is not a terminal, and nothing needs to be cut. */
int screen_width(void);

/* Returns how much of the spare columns a column gets that could use `most` more; *spare is what remains. */
int room_take(int *spare, int most);

#define CUT_MOST 64
/*
 * Returns `text` in at most `width` (< CUT_MOST) columns; if it is longer, its last column is '~'. Returns buf, or `text` if nothing is
 * cut.
 */
const char *cut_to(const char *text, int width, char buf[static CUT_MOST]);

/*
 * Returns how wide the column of `key` should be: its longest text, but at least `least`, and no more than lets the rest of the row (`rest`
 * columns) fit. Without a terminal, it is as wide as its texts.
 */
int column_width(const json_t *rows, const char *key, int least, int rest);

#endif
