/* SPDX-License-Identifier: BSD-2-Clause */
/* The width of the terminal, and cutting words to fit: tables and `top` call this. */
#ifndef SLUICE_CLI_SCREEN_H
#define SLUICE_CLI_SCREEN_H

#include <stddef.h>

#include <jansson.h>

/* The columns of the terminal on standard output; 0: it is not a terminal, and nothing needs to be cut. */
int screen_width(void);

/* How much of what is spare a column gets that has use for `most` more; *spare is what remains. */
int room_take(int *spare, int most);

#define CUT_MOST 64
/* `text` in at most `width` (< CUT_MOST) columns; where it is longer its last column is '~'. Returns buf, or `text` where nothing is cut. */
const char *cut_to(const char *text, int width, char buf[static CUT_MOST]);

/*
 * How wide the column of `key` is to be: its longest text, but at least `least`, and no more than lets the rest of the row (`rest` columns)
 * fit. Without a terminal as wide as it takes.
 */
int column_width(const json_t *rows, const char *key, int least, int rest);

#endif
