/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame of a hypothetical SYN, for `explain`. */
#ifndef SLUICE_KERN_EXPLAIN_FRAME_H
#define SLUICE_KERN_EXPLAIN_FRAME_H

#include <stdint.h>

#include "abi.h"

#define SYN_FRAME_ROOM 320 /* zeroed by the caller; also holds the explanation that is written over it */

_Static_assert(sizeof(struct sluice_explanation) <= SYN_FRAME_ROOM, "the answer must fit");

/* Has no checksums: the gate looks at none in it. */
void syn_frame(const struct sluice_tuple *syn, uint8_t out[static SYN_FRAME_ROOM]);

#endif
