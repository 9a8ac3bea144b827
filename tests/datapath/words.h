/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of the set of refusals, as tests look at them and put them back. Of an engine with the least lines. */
#ifndef SLUICE_TESTS_WORDS_H
#define SLUICE_TESTS_WORDS_H

#include <stdbool.h>

#include "gate.h"

struct word {
	bool ipv6; /* of which family's lines */
	__u32 line, way;
	__u64 word;
};

__u64 lane_of(struct gate *g);
/* How many are true now; *last gets one of them. */
unsigned int words_find(struct gate *g, struct word *last);
/* Alone in its line, and true now. */
void word_put(struct gate *g, const struct word *w);
/* Whatever is in its line goes. */
void words_drop(struct gate *g, const struct word *w);

#endif
