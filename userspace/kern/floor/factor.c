/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Draws the secret by which the express lane spreads IPv4 addresses over the lines of refusals (bpf/charge/refusals.bpf.h): the upper bits of
 * an address times this factor number its line. instance/open.c calls this when it makes an instance.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

#include "internal.h"

#define ALL (1ULL << 32) /* products count modulo this */
#define LINE_LEAST (ALL >> SLUICE_LANE_BITS_MOST) /* how many products fall into one line, where there are most lines */
#define QUOTIENT_MOST 15 /* so neighbours put at most 12 words into a line of 16, where 8 are the mean */

/*
 * Returns true if the multiples of `step` spread evenly. Where a partial quotient of step / ALL is large, so many multiples come back close
 * to where others are already, before they have filled the gaps (three-distance theorem: Knuth, volume 3, 6.4).
 */
static bool step_spreads(__u32 step)
{
	__u64 whole = ALL, rest = step, next;

	while (rest && whole > LINE_LEAST) {
		if (whole / rest > QUOTIENT_MOST)
			return false;
		next = whole % rest;
		whole = rest;
		rest = next;
	}
	return true;
}

/* Asks about neighbours, and about one address in each /28, /24, /20 and /16: so whole networks, and the same address of each. */
static bool factor_spreads(__u32 factor)
{
	unsigned int bits;

	for (bits = 0; bits <= 16; bits += 4)
		if (!step_spreads(factor << bits))
			return false;
	return true;
}

/* One odd number in 400 will do, which leaves more than five million secrets. */
int lane_factor(__u64 *out)
{
	__u32 factor;

	do {
		if (getrandom(&factor, sizeof(factor), 0) < 0)
			return -errno;
		factor |= 1;
	} while (!factor_spreads(factor));
	*out = factor;
	return 0;
}
