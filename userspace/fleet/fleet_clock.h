/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock by which sluice-fleet judges how long the store is silent. */
#ifndef SLUICE_FLEET_CLOCK_H
#define SLUICE_FLEET_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC */
static inline uint64_t fleet_clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

#endif
