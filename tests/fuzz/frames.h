/* SPDX-License-Identifier: BSD-2-Clause */
/* Draws captured and mutated frames for fuzz_gate. The same seed draws the same frames. */
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
/* Takes all frames that have come in at this packet socket as seeds. Returns how many seeds there are now. */
size_t seeds_take(int packets);
void frame_draw(struct seed *s);
/* Draws a frame that is most often a SYN. */
void syn_draw(struct seed *s);
/* Draws a frame that is no SYN, and most often a plain segment of a connection. */
void segment_draw(struct seed *s);

#endif
