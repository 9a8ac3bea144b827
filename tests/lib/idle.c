/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idle SECONDS measures what the machine itself takes: it reads its own processor time again and again, and does nothing else. It prints the
 * longest time between two reads, in us. Other tasks do not count; interrupts do, and times when the hypervisor ran somebody else.
 * scripts/bench runs it beside what it says of sluice.
 */
#include "tool.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t until, last, now, longest = 0;

	if (argc != 2)
		tool_die("idle", "it wants SECONDS");
	until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(atof(argv[1]) * 1e9);
	last = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	while (clock_ns(CLOCK_MONOTONIC) < until) {
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		if (now - last > longest)
			longest = now - last;
		last = now;
	}
	printf("%.1f\n", (double)longest / 1e3);
	return 0;
}
