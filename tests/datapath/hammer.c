/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hammer INSTANCE FROM TO PORT SECONDS runs as many SYNs as one processor can through the gate of a loaded instance. It prints
 * {"packets": N, "seconds": S, "ns": median per packet, "verdict": XDP verdict}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "frame.h"

#define BATCH 50000
#define MOST 100000

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int by_number(const void *a, const void *b)
{
	return *(const unsigned int *)a < *(const unsigned int *)b ? -1 : 1;
}

int main(int argc, char **argv)
{
	static unsigned int ns[MOST];
	struct frame f = { .from_port = 1001, .flags = SYN };
	struct engine *e = NULL;
	struct diag d = {};
	uint8_t frame[FRAME_ROOM];
	int verdict = 0, runs = 0;
	size_t len, none = 0;
	double start, end;

	if (argc != 6 || engine_open_readonly(argv[1], &e, &d)) {
		fprintf(stderr, "hammer INSTANCE FROM TO PORT SECONDS, of an instance that is loaded\n");
		return 1;
	}
	f.from = argv[2];
	f.to = argv[3];
	f.to_port = atoi(argv[4]);
	len = frame_build(&f, frame);
	start = now();
	end = start + atof(argv[5]);
	while (now() < end && runs < MOST && verdict >= 0)
		verdict = engine_probe(e, frame, len, NULL, &none, BATCH, &ns[runs++]);
	qsort(ns, runs, sizeof(*ns), by_number);
	printf("{\"packets\": %ld, \"seconds\": %.3f, \"ns\": %u, \"verdict\": %d}\n", (long)runs * BATCH,
	       now() - start, ns[runs / 2], verdict);
	engine_close(e);
	return verdict < 0;
}
