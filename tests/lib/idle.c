/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idle SECONDS measures what the machine itself takes: it reads its own processor time again and again, and does nothing else. It prints the
 * longest time between two reads, in us. Other tasks do not count; interrupts do, and times when the hypervisor ran somebody else.
 * scripts/bench runs it beside what it says of sluice.
 */
#include "tool.h"

static uint64_t used_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t until, last, now, longest = 0;

	if (argc != 2)
		tool_die("usage", "idle SECONDS");
	until = tool_now_us() + (uint64_t)(atof(argv[1]) * 1e6);
	last = used_ns();
	while (tool_now_us() < until) {
		now = used_ns();
		if (now - last > longest)
			longest = now - last;
		last = now;
	}
	printf("%.1f\n", (double)longest / 1e3);
	return 0;
}
