/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chase BYTES [CPU] measures what one cache miss costs: it reads random lines of so much memory, each of which tells where the next one is, so
 * that none can begin before the one before it has ended. It prints the ns of one read. scripts/bench runs it, on the processor of the flood.
 * The memory has small pages, as the maps of the kernel do.
 */
#include <sched.h>
#include <sys/mman.h>

#include "tool.h"

#define LINE 64
#define READS 2000000

struct line {
	size_t next;
	char rest[LINE - sizeof(size_t)];
};

/* Makes one cycle of all lines, in a random order (Sattolo, 1986). */
static void cycle_make(struct line *line, size_t count)
{
	size_t i, other, was;

	for (i = 0; i < count; i++)
		line[i].next = i;
	for (i = count - 1; i > 0; i--) {
		other = (size_t)random() % i;
		was = line[i].next;
		line[i].next = line[other].next;
		line[other].next = was;
	}
}

static size_t follow(const struct line *line, size_t at, size_t times)
{
	while (times--)
		at = *(const volatile size_t *)&line[at].next;
	return at;
}

int main(int argc, char **argv)
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, count = bytes / LINE, at;
	struct line *line;
	uint64_t began;
	cpu_set_t cpu;

	if (count < 2)
		return 2;
	CPU_ZERO(&cpu);
	CPU_SET(argc > 2 ? strtoul(argv[2], NULL, 10) : 0, &cpu);
	line = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (line == MAP_FAILED || sched_setaffinity(0, sizeof(cpu), &cpu))
		return 1;
	madvise(line, bytes, MADV_NOHUGEPAGE);
	cycle_make(line, count);
	at = follow(line, 0, count);
	began = tool_now_us();
	at = follow(line, at, READS);
	printf("%.1f\n", (tool_now_us() - began) * 1e3 / READS);
	return at >= count;
}
