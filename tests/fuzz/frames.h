/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that were captured, and mutated ones: the same seed draws the same. */
#ifndef SLUICE_TESTS_FRAMES_H
#define SLUICE_TESTS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define ROOM 2048

struct seed {
	uint8_t bytes[ROOM];
	size_t len;
};

void draws_begin(uint64_t seed);
/* Whatever has come in at this packet socket: how many there are now. */
size_t seeds_take(int packets);
void frame_draw(struct seed *s);
/* A SYN, most often, of a source that is full. */
void syn_draw(struct seed *s);
/* No SYN, most often a segment that says nothing but that it is of a connection. */
void segment_draw(struct seed *s);

#endif
