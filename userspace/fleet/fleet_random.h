/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that no other host of the fleet has at the same time: for waits, epochs and sessions. They are no secret. */
#ifndef SLUICE_FLEET_RANDOM_H
#define SLUICE_FLEET_RANDOM_H

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

static inline uint64_t random_number(void)
{
	struct timespec now;
	uint64_t n = 0;

	if (getrandom(&n, sizeof(n), 0) == sizeof(n))
		return n;
	clock_gettime(CLOCK_MONOTONIC, &now); /* for a kernel that has just started */
	return now.tv_nsec;
}

#endif
