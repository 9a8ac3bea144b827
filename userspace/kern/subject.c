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
	const struct sluice_addr who = engine_who(e, a, NULL), *mask;
	__u32 slot;
	unsigned int i;
	int err;

	err = slot_read(e, &slot);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &g);
	if (err)
		return err;
	mask = addr_is_ipv4(&who) ? &g.mask4 : &g.mask6;
	out->len = 0;
	for (i = 0; i < 4; i++) {
		out->addr.word[i] = who.word[i] & mask->word[i];
		out->len += __builtin_popcount(mask->word[i]);
	}
	return 0;
}

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

/* New connections in the interval that the rule in force has; 0 where it has none. */
static uint32_t events_read(const struct engine *e, const struct sluice_source_key *key)
{
	struct lookup_status look;
	struct sluice_rate_key rate = { .of = *key };
	struct sluice_rate r;

	if (lookup_read(e, &key->addr, key->service, &look))
		return 0;
	rate.seconds = look.rule.source.rate ? look.rule.source.width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000 : 0;
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
	err = source_of(e, a, &out->source);
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
	struct sluice_due list[SLUICE_MAX_SERVICES] = {};
	struct sluice_source_key network;
	unsigned int service;
	size_t n = 0;

	for (service = 1; service < SLUICE_MAX_SERVICES; service++) {
		list[n].table = SLUICE_DUE_SOURCE;
		n += !source_key(e, a, service, &list[n].key.of, &network);
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
