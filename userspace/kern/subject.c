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
	const struct sluice_addr *mask;
	__u32 slot;
	unsigned int i;
	int err;

	err = slot_read(e, &slot);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &g);
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

/* The number of fragments that `a` sent the first one of, or -errno; `erase`: they are forgotten. */
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

/* Counts the handshakes of `a`: those that hold slots, or may, and those that ran out. */
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

static void counters_read(const struct engine *e, struct subject *out)
{
	struct sluice_source_key key = { .addr = out->source.addr };
	struct sluice_counter c;
	__u64 until;

	for (key.service = 1; key.service < SLUICE_MAX_SERVICES; key.service++) {
		out->suspect += !bpf_map_lookup_elem(e->map[MAP_suspects], &key, &until);
		if (bpf_map_lookup_elem(e->map[MAP_sources], &key, &c))
			continue;
		out->counter[out->counters++] = (struct subject_counter){ key.service, c.held - c.reserved, c.reserved,
									  c.window.sum, idle_seconds(c.seen_ns) };
	}
}

int subject_read(const struct engine *e, const struct sluice_addr *a, struct subject *out)
{
	long fragments;
	int err;

	memset(out, 0, sizeof(*out));
	err = source_of(e, a, &out->source);
	if (err)
		return err;
	counters_read(e, out);
	fragments = fragments_of(e, a, false);
	if (fragments < 0)
		return fragments;
	out->fragments = fragments;
	return handshakes_of(e, a, out);
}

/* How many counters of the source were freed, or -errno. */
static int counters_erase(const struct engine *e, const struct sluice_addr *source)
{
	struct sluice_source_key key = { .addr = *source };
	int n = 0, freed = 0;

	for (key.service = 1; key.service < SLUICE_MAX_SERVICES && freed >= 0; key.service++) {
		freed = program_ask(e->program[PROGRAM_FREE], &key);
		n += freed;
	}
	return freed < 0 ? freed : n;
}

static unsigned int suspicion_erase(const struct engine *e, const struct sluice_addr *source)
{
	struct sluice_source_key key = { .addr = *source };
	unsigned int n = 0;

	for (key.service = 1; key.service < SLUICE_MAX_SERVICES; key.service++)
		n += !bpf_map_delete_elem(e->map[MAP_suspects], &key);
	return n;
}

int subject_erase(struct engine *e, const struct sluice_addr *a, unsigned int *freed)
{
	struct prefix source;
	long fragments;
	int err, counters;

	err = source_of(e, a, &source);
	if (err)
		return err;
	counters = counters_erase(e, &source.addr);
	if (counters < 0)
		return counters;
	*freed = counters + suspicion_erase(e, &source.addr);
	fragments = fragments_of(e, a, true);
	if (fragments < 0)
		return fragments;
	*freed += fragments;
	return 0;
}
