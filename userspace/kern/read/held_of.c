/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds and erases everything that the kernel's tables hold about one address: see held_of.h. */
#include <string.h>
#include <time.h>

#include "addr.h"
#include "internal.h"
#include "held_of.h"

/* Returns the number of datagrams whose first fragment came from `a`, or -errno. With `erase`, they are forgotten. */
static long fragments_of(const struct engine *e, const struct sluice_addr *a, bool erase)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_fragment_key *key;
	size_t count = 0, i;
	long n = 0;
	int err;

	err = table_read(e->map[MAP_fragments], sizeof(*key), sizeof(struct sluice_fragment), &keys, &values, &count);
	if (err)
		return err;
	key = keys;
	for (i = 0; i < count; i++) {
		if (memcmp(&key[i].source, a, sizeof(*a)))
			continue;
		n++;
		if (erase)
			bpf_map_delete_elem(e->map[MAP_fragments], &key[i]);
	}
	return n;
}

/* Counts the handshakes of `a`: those that hold slots or may come to, and those that ran out. */
static int handshakes_of(const struct engine *e, const struct sluice_addr *a, struct subject *out)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_handshakes *bucket;
	size_t count = 0, i;
	unsigned int way;
	int err;

	err = table_read(e->map[MAP_handshakes], sizeof(__u32), sizeof(*bucket), &keys, &values, &count);
	bucket = values;
	for (i = 0; i < count && !err; i++) {
		for (way = 0; way < SLUICE_HANDSHAKE_WAYS; way++) {
			if (bucket[i].state[way] == HANDSHAKE_FREE ||
			    memcmp(&bucket[i].way[way].tuple.source, a, sizeof(*a)))
				continue;
			if (bucket[i].state[way] == HANDSHAKE_EXPIRED)
				out->late++;
			else
				out->handshakes++;
		}
	}
	return err;
}

static uint64_t idle_seconds(uint64_t seen_ns)
{
	return clock_ns() / 1000000000 - seen_ns / 1000000000;
}

/* Returns the key under the rule in force; 0: it has no rate. */
static struct sluice_rate_key rate_key(const struct engine *e, const struct sluice_source_key *key)
{
	struct sluice_rate_key rate = { .of = *key };
	struct lookup_status look;

	if (!lookup_read(e, &key->addr, key->service, &look) && look.rule.source.rate)
		rate.seconds = look.rule.source.width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000;
	return rate;
}

/* `c` is the counter of this key, which may have the first event. */
static uint32_t events_read(const struct engine *e, const struct sluice_source_key *key, const struct sluice_counter *c)
{
	struct sluice_rate_key rate = rate_key(e, key);
	uint32_t first = first_counts(c, rate.seconds, clock_ns());
	struct sluice_rate r;

	return first + (bpf_map_lookup_elem(e->map[MAP_rates], &rate, &r) ? 0 : r.all.sum);
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
			(struct held_of_counter){ key.service, c.held - c.reserved, c.reserved,
						  events_read(e, &key, &c), idle_seconds(c.seen_ns) };
	}
}

int held_of_read(const struct engine *e, const struct sluice_addr *a, struct subject *out)
{
	long fragments;
	int err;

	memset(out, 0, sizeof(*out));
	err = engine_source(e, a, &out->source);
	if (err)
		return err;
	counters_read(e, a, out);
	fragments = fragments_of(e, a, false);
	if (fragments < 0)
		return fragments;
	out->fragments = fragments;
	return handshakes_of(e, a, out);
}

/* Frees what is held of the source alone. Returns how many were freed, or -errno. What its network holds belongs to many. */
static int counters_erase(const struct engine *e, const struct sluice_addr *a)
{
	struct sluice_due list[2 * SLUICE_MAX_SERVICES] = {};
	struct sluice_source_key key, network;
	unsigned int service;
	size_t n = 0;

	for (service = 1; service < SLUICE_MAX_SERVICES; service++) {
		if (source_key(e, a, service, &key, &network))
			continue;
		list[n++] = (struct sluice_due){ .key = { .of = key }, .table = SLUICE_DUE_ERASED_SOURCE };
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

int held_of_erase(struct engine *e, const struct sluice_addr *a, unsigned int *freed)
{
	int counters = counters_erase(e, a);
	long fragments;

	if (counters < 0)
		return counters;
	*freed = counters + suspicion_erase(e, a);
	fragments = fragments_of(e, a, true);
	if (fragments < 0)
		return fragments;
	*freed += fragments;
	return 0;
}
