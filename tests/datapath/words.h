/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of the set of refusals, for tests that look at them and put them back. The engine must have the least number of lines. */
#ifndef SLUICE_TESTS_WORDS_H
#define SLUICE_TESTS_WORDS_H

#include <stdbool.h>

#include "gate.h"

struct word {
	bool ipv6; /* in which family's lines it is */
	__u32 line, way;
	__u64 word;
};

__u64 lane_of(struct gate *g);
/* Returns how many words are true now; *last becomes one of them. */
unsigned int words_find(struct gate *g, struct word *last);
/* Puts the word alone into its line, and makes it true now, as if the gate had noted it. */
void word_put(struct gate *g, const struct word *w);
/* Clears the word's line, whatever is in it. */
void words_drop(struct gate *g, const struct word *w);

#endif
