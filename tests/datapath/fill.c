/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill INSTANCE COUNT [HELD [idle]] makes a running instance track COUNT sources, counted up from 11.0.0.0, and no others, as if each had
 * connected once and held HELD connections now; with `idle` so long ago that it is forgotten at once. The bench runs it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi.h"
#include "cleanup.h"
#include "internal.h"
#include "known.h"

#define BATCH 10000
#define KNOWN_KEYS 32 /* at each place of the filter: more than are ever deleted there */

static int map_open(const char *instance, const char *name)
{
	char path[PIN_PATH_LEN];

	pin_path(instance, name, path);
	return bpf_obj_get(path);
}

static int sources_add(int fd, __u32 count, __u32 held, __u64 seen_ns)
{
	static struct sluice_counter values[BATCH];
	static struct sluice_source_key keys[BATCH];
	__u32 done, i, n;
	int err = 0;

	for (done = 0; done < count && !err; done += n) {
		n = count - done < BATCH ? count - done : BATCH;
		for (i = 0; i < n; i++) {
			keys[i] = (struct sluice_source_key){ .addr = { { 0, 0, htonl(0xffff),
									  htonl(0x0b000000 + done + i) } },
							      .service = 1,
							      .bits = 128 };
			values[i] = (struct sluice_counter){
				.state = SLUICE_COUNTER_PROVEN, .held = held, .of = keys[i], .seen_ns = seen_ns
			};
		}
		err = bpf_map_update_batch(fd, keys, values, &n, NULL);
	}
	return err;
}

/* Sets the tally to `count` sources, some of which it has counted already. */
static int tally_raise(int fd, __s64 count)
{
	int cpus = libbpf_num_possible_cpus(), cpu, err;
	_cleanup_free_ __s64 *each = calloc(cpus, sizeof(*each));
	__u32 zero = 0;

	if (!each)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, &zero, each);
	for (cpu = 0; cpu < cpus; cpu++)
		count -= each[cpu];
	each[0] += count > 0 ? count : 0;
	return err ? err : bpf_map_update_elem(fd, &zero, each, BPF_ANY);
}

int main(int argc, char **argv)
{
	_cleanup_close_ int sources = -1, tally = -1, known = -1;
	struct timespec now;
	int err;

	if (argc < 3 || argc > 5)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sources = map_open(argv[1], "sources");
	tally = map_open(argv[1], "tally");
	known = map_open(argv[1], "known");
	if (sources < 0 || tally < 0 || known < 0)
		return 1;
	err = known_fill(known, KNOWN_KEYS);
	if (!err)
		err = sources_add(sources, strtoul(argv[2], NULL, 10), argc > 3 ? strtoul(argv[3], NULL, 10) : 0,
				  argc > 4 ? 0 : now.tv_sec * 1000000000ULL);
	if (!err)
		err = tally_raise(tally, strtoul(argv[2], NULL, 10));
	if (err)
		fprintf(stderr, "fill: %s\n", strerror(-err));
	return err ? 1 : 0;
}
