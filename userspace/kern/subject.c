/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "internal.h"
#include "subject.h"

static int source_of(const struct engine *e, const struct sluice_addr *a, struct prefix *out)
{
	struct sluice_generation g;
	struct sluice_control control;
	const struct sluice_addr *mask;
	unsigned int i;
	int err;

	err = control_read(e, &control);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &control.active, &g);
	if (err)
		return err;
	mask = addr_is_ipv4(a) ? &g.mask4 : &g.mask6;
	out->len = 0;
	for (i = 0; i < 4; i++) {
		out->addr.word[i] = a->word[i] & mask->word[i];
		out->len += __builtin_popcount(mask->word[i]);
	}
	return 0;
}

/* Calls f for each entry of `map` whose tuple begins at `a`; the number of them, or -errno. */
static long tuples_of(int map, size_t value_size, const struct sluice_addr *a,
		      void (*f)(int map, const struct sluice_tuple *tuple))
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_tuple *tuple;
	size_t count = 0, i;
	long n = 0;
	int err;

	err = table_read(map, sizeof(*tuple), value_size, &keys, &values, &count);
	if (err)
		return err;
	tuple = keys;
	for (i = 0; i < count; i++) {
		if (memcmp(&tuple[i].source, a, sizeof(*a)))
			continue;
		n++;
		if (f)
			f(map, &tuple[i]);
	}
	return n;
}

static uint64_t idle_seconds(uint64_t seen_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - seen_ns / 1000000000;
}

int subject_read(const struct engine *e, const struct sluice_addr *a, struct subject *out)
{
	struct sluice_source_key key = {};
	struct sluice_counter c;
	long handshakes, late;
	int err;

	memset(out, 0, sizeof(*out));
	err = source_of(e, a, &out->source);
	if (err)
		return err;
	key.addr = out->source.addr;
	for (key.service = 1; key.service < SLUICE_MAX_SERVICES; key.service++) {
		if (bpf_map_lookup_elem(e->map[MAP_sources], &key, &c))
			continue;
		out->counter[out->counters++] = (struct subject_counter){ key.service, c.held - c.reserved, c.reserved,
									  c.window.sum, idle_seconds(c.seen_ns) };
	}
	handshakes = tuples_of(e->map[MAP_reservations], sizeof(struct sluice_reservation), a, NULL);
	late = tuples_of(e->map[MAP_late], sizeof(__u64), a, NULL);
	if (handshakes < 0 || late < 0)
		return handshakes < 0 ? handshakes : late;
	out->handshakes = handshakes;
	out->late = late;
	return 0;
}

static void tuple_delete(int map, const struct sluice_tuple *tuple)
{
	bpf_map_delete_elem(map, tuple);
}

int subject_erase(struct engine *e, const struct sluice_addr *a, unsigned int *freed)
{
	struct sluice_reap ask = { .one = 1 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ask, .ctx_size_in = sizeof(ask)); /* written back, too */
	struct prefix source;
	long late;
	int err;

	err = source_of(e, a, &source);
	if (err)
		return err;
	ask.source = source.addr;
	err = bpf_prog_test_run_opts(e->reap, &opts);
	if (err)
		return err;
	late = tuples_of(e->map[MAP_late], sizeof(__u64), a, tuple_delete);
	*freed = ask.freed + (late > 0 ? late : 0);
	return late < 0 ? late : 0;
}
