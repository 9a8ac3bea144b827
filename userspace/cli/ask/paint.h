/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether output is coloured, and which colour a word or a count has: the one place that decides. Tables, `top` and `doctor` call it. */
#ifndef SLUICE_CLI_PAINT_H
#define SLUICE_CLI_PAINT_H

#include <stdbool.h>

enum tone { TONE_PLAIN, TONE_GOOD, TONE_NEAR, TONE_BAD };

/* What to print before and after a coloured text; both are "" without colour. */
struct paint {
	const char *on, *off;
};

/*
 * `when` is "auto", "always" or "never"; NULL means auto, which is a terminal that has colours, without NO_COLOR or TERM=dumb. JSON is
 * never coloured. Returns false if `when` is another word. Called once, before anything is shown.
 */
bool paint_choose(const char *when, bool json);
bool paint_is_on(void);

struct paint paint_tone(enum tone tone);
/* "refused" and the like are bad, "warning" and the like near, "pass" and the like good; other words are plain. */
struct paint paint_word(const char *word);
/* Bad if a limit is reached, near from four fifths on; 0 means no limit. */
enum tone tone_of_share(long long n, long long limit);

#endif
