/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "internal.h"
#include "subject.h"

/* Both begin with the source's address. */
_Static_assert(sizeof(struct sluice_tuple) == sizeof(struct sluice_fragment_key), "entries_of reads both");

/* Calls f for each entry of `map` whose key (36 bytes) begins with `a`; the number of them, or -errno. */
static long entries_of(int map, size_t value_size, const struct sluice_addr *a, int (*f)(int map, const void *key))
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_tuple *key;
	size_t count = 0, i;
	long n = 0;
	int err;

	err = table_read(map, sizeof(*key), value_size, &keys, &values, &count);
	if (err)
		return err;
	key = keys;
	for (i = 0; i < count; i++) {
		if (memcmp(&key[i].source, a, sizeof(*a)))
			continue;
		n++;
		if (f)
			f(map, &key[i]);
	}
	return n;
}

static uint64_t idle_seconds(uint64_t seen_ns)
{
	return clock_ns() / 1000000000 - seen_ns / 1000000000;
}

/* Of the rule in force; 0: it has no rate. */
static struct sluice_rate_key rate_key(const struct engine *e, const struct sluice_source_key *key)
{
	struct sluice_rate_key rate = { .of = *key };
	struct lookup_status look;

	if (!lookup_read(e, &key->addr, key->service, &look) && look.rule.source.rate)
		rate.seconds = look.rule.source.width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000;
	return rate;
}

static uint32_t events_read(const struct engine *e, const struct sluice_source_key *key)
{
	struct sluice_rate_key rate = rate_key(e, key);
	struct sluice_rate r;

	return bpf_map_lookup_elem(e->map[MAP_rates], &rate, &r) ? 0 : r.all.sum;
}

static void counters_read(const struct engine *e, const struct sluice_addr *a, struct subject *out)
{
	struct sluice_source_key key, network;
	struct sluice_counter c;
	unsigned int service;
	__u64 until;

	for (service = 1; service < SLUICE_MAX_SERVICES; service++) {
		if (source_key(e, a, service, &key, &network))
			continue;
		out->suspect += !bpf_map_lookup_elem(e->map[MAP_suspects], &key, &until);
		if (bpf_map_lookup_elem(e->map[MAP_sources], &key, &c))
			continue;
		out->counter[out->counters++] =
			(struct subject_counter){ key.service, c.held - c.reserved, c.reserved, events_read(e, &key),
						  idle_seconds(c.seen_ns) };
	}
}

int subject_read(const struct engine *e, const struct sluice_addr *a, struct subject *out)
{
	long handshakes, late, fragments;
	int err;

	memset(out, 0, sizeof(*out));
	err = engine_source(e, a, &out->source);
	if (err)
		return err;
	counters_read(e, a, out);
	handshakes = entries_of(e->map[MAP_reservations], sizeof(struct sluice_reservation), a, NULL);
	late = entries_of(e->map[MAP_late], sizeof(__u64), a, NULL);
	fragments = entries_of(e->map[MAP_fragments], sizeof(struct sluice_fragment), a, NULL);
	if (handshakes < 0 || late < 0 || fragments < 0)
		return -EIO;
	out->handshakes = handshakes;
	out->late = late;
	out->fragments = fragments;
	return 0;
}

/* What is held of the source alone, how many were freed, or -errno. What its network holds is of many. */
static int counters_erase(const struct engine *e, const struct sluice_addr *a)
{
	struct sluice_due list[2 * SLUICE_MAX_SERVICES] = {};
	struct sluice_source_key key, network;
	unsigned int service;
	size_t n = 0;

	for (service = 1; service < SLUICE_MAX_SERVICES; service++) {
		if (source_key(e, a, service, &key, &network))
			continue;
		list[n++] = (struct sluice_due){ .key = { .of = key }, .table = SLUICE_DUE_SOURCE };
		list[n++] = (struct sluice_due){ .key = rate_key(e, &key), .table = SLUICE_DUE_ERASED_RATE };
	}
	return due_free(e, list, n);
}

static unsigned int suspicion_erase(const struct engine *e, const struct sluice_addr *a)
{
	struct sluice_source_key key, network;
	unsigned int service, n = 0;

	for (service = 1; service < SLUICE_MAX_SERVICES; service++) {
		if (!source_key(e, a, service, &key, &network))
			n += !bpf_map_delete_elem(e->map[MAP_suspects], &key);
	}
	return n;
}

int subject_erase(struct engine *e, const struct sluice_addr *a, unsigned int *freed)
{
	long late, fragments;
	int counters = counters_erase(e, a);

	if (counters < 0)
		return counters;
	*freed = counters + suspicion_erase(e, a);
	late = entries_of(e->map[MAP_late], sizeof(__u64), a, bpf_map_delete_elem);
	fragments = entries_of(e->map[MAP_fragments], sizeof(struct sluice_fragment), a, bpf_map_delete_elem);
	if (late < 0 || fragments < 0)
		return -EIO;
	*freed += late + fragments;
	return 0;
}
