/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which of the two slots is in force. One word says it: bit 0 is the slot, the rest a time (CLOCK_MONOTONIC, ns) at which the other slot
 * comes back by itself; without a time it never does. Everything that follows `control.force` calls this function, so an unconfirmed policy
 * ends for all of them at the same instant, whichever process is dead by then.
 */
#ifndef SLUICE_SLOT_H
#define SLUICE_SLOT_H

#include <linux/types.h>

#define SLUICE_FORCE_SLOT 1ULL
#define SLUICE_FORCE_UNTIL (~SLUICE_FORCE_SLOT)

/* `now` is ignored if the word has no time. */
static inline __attribute__((always_inline)) __u32 force_slot(__u64 force, __u64 now)
{
	__u32 slot = force & SLUICE_FORCE_SLOT;

	return force & SLUICE_FORCE_UNTIL && now >= (force & SLUICE_FORCE_UNTIL) ? slot ^ 1 : slot;
}

#endif
