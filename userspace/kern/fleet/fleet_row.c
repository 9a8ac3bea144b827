/* SPDX-License-Identifier: BSD-2-Clause */
/* The row that the gate goes by, the ring of changes, and the leases: see fleet_tables.h. Called by the daemon's fleet room. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "addr.h"
#include "fleet_state.h"

/* assumed until the store has said how many there are: a host that has just booted must not believe that it is alone */
#define HOSTS_UNKNOWN 2

static void tell_one(const struct fleet_tables *t, const struct fleet_counter *c, __u32 limit,
		     const struct sluice_fleet_change *change)
{
	const struct fleet_news news = { .counter = *c,
					 .limit = limit,
					 .exact = change->exact,
					 .asks = change->asks >> SLUICE_FLEET_LIMIT(c->level, c->rate) & 1 };

	t->tell(&news, t->arg);
}

/* Finds the counter of connections that a holding has at a level. Returns false if it has none there. */
static bool counter_of(const struct sluice_holding *h, enum sluice_fleet_level level, struct fleet_counter *out)
{
	*out = (struct fleet_counter){ .level = level, .of.service = h->source.service };
	if (level == SLUICE_FLEET_SOURCE)
		out->of = h->source;
	if (level == SLUICE_FLEET_NETWORK)
		out->of = (struct sluice_source_key){ addr_mask(&h->source.addr, h->network_bits), h->source.service,
						      h->network_bits, SLUICE_LEVEL_NETWORK };
	if (level == SLUICE_FLEET_SET)
		out->total = h->set_total;
	if (level == SLUICE_FLEET_SERVICE)
		out->total = h->source.service;
	return level == SLUICE_FLEET_NETWORK ? h->network_bits : level != SLUICE_FLEET_SET || h->set_total;
}

/* Whether slots were given back: whoever has the counter reads it again. What is in a rate stays there until its interval is over. */
static bool was_given(const struct sluice_fleet_change *change)
{
	__u32 limits = 0;
	int level;

	for (level = 0; level < SLUICE_FLEET_LEVELS; level++)
		limits |= change->connections[level] | change->rate[level];
	return !limits;
}

static int on_change(void *arg, void *data, size_t size)
{
	const struct sluice_fleet_change *change = data;
	const struct fleet_tables *t = arg;
	struct fleet_counter c;
	bool given;
	int level;

	if (size < sizeof(*change))
		return 0;
	given = was_given(change);
	for (level = 0; level < SLUICE_FLEET_LEVELS; level++) {
		if (!counter_of(&change->holding, level, &c))
			continue;
		if (given || change->connections[level])
			tell_one(t, &c, change->connections[level], change);
		if (!change->rate[level])
			continue;
		c.rate = 1;
		c.seconds = change->seconds[level];
		tell_one(t, &c, change->rate[level], change);
	}
	return 0;
}

static int row_map(struct fleet_tables *t)
{
	void *at = mmap(NULL, sizeof(*t->row), PROT_READ | PROT_WRITE, MAP_SHARED, t->engine->map[MAP_fleet], 0);

	if (at == MAP_FAILED)
		return -errno;
	t->row = at;
	return 0;
}

/* Hosts first: if there are none, the gate reads nothing else. */
static void row_stop(struct fleet_tables *t, bool stays)
{
	if (!stays)
		__atomic_store_n(&t->row->hosts, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->row->valid_until_ns, 0, __ATOMIC_SEQ_CST);
}

static int leases_clear(struct fleet_tables *t)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	size_t count = 0, i;
	int err = table_read(t->engine->map[MAP_fleet_leases], sizeof(__u64), sizeof(struct sluice_lease), &keys,
			     &values, &count);

	for (i = 0; i < count && !err; i++)
		fleet_lease_drop(t, ((const __u64 *)keys)[i]);
	return err;
}

void fleet_tables_close(struct fleet_tables *t, bool stays)
{
	if (!t)
		return;
	if (t->row) {
		row_stop(t, stays);
		munmap(t->row, sizeof(*t->row));
	}
	ring_buffer__free(t->ring);
	free(t);
}

static void tables_drop(struct fleet_tables *t)
{
	fleet_tables_close(t, false);
}
DEFINE_CLEANUP(struct fleet_tables *, tables_drop);

int fleet_tables_open(struct engine *e, const __u64 secret[2], enum sluice_partition partition, fleet_tell tell,
		      void *arg, struct fleet_tables **out)
{
	_cleanup_(tables_drop) struct fleet_tables *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	*t = (struct fleet_tables){ .engine = e, .tell = tell, .arg = arg };
	err = row_map(t);
	if (err)
		return err;
	t->ring = ring_buffer__new(e->map[MAP_fleet_changes], on_change, t, NULL);
	if (!t->ring)
		return -errno;
	if (memcmp(t->row->secret, secret, sizeof(t->row->secret))) {
		row_stop(t, false);
		memcpy(t->row->secret, secret, sizeof(t->row->secret));
	}
	__atomic_store_n(&t->row->partition, partition, __ATOMIC_SEQ_CST);
	if (!t->row->hosts && partition != SLUICE_PARTITION_LOCAL)
		__atomic_store_n(&t->row->hosts, HOSTS_UNKNOWN, __ATOMIC_SEQ_CST);
	err = leases_clear(t);
	if (err)
		return err;
	*out = TAKE_PTR(t);
	return 0;
}

int fleet_tables_fd(const struct fleet_tables *t)
{
	return ring_buffer__epoll_fd(t->ring);
}

void fleet_tables_drain(struct fleet_tables *t)
{
	ring_buffer__consume(t->ring);
}

void fleet_tables_touch(struct fleet_tables *t, __u64 until_ns, __u32 hosts)
{
	__atomic_store_n(&t->row->valid_until_ns, until_ns, __ATOMIC_SEQ_CST);
	if (hosts)
		__atomic_store_n(&t->row->hosts, hosts, __ATOMIC_SEQ_CST);
}

__u64 fleet_tables_lost(const struct fleet_tables *t)
{
	return __atomic_load_n(&t->row->lost, __ATOMIC_RELAXED);
}

int fleet_lease_set(struct fleet_tables *t, __u64 key, const struct sluice_lease *lease)
{
	return bpf_map_update_elem(t->engine->map[MAP_fleet_leases], &key, lease, BPF_ANY);
}

void fleet_lease_drop(struct fleet_tables *t, __u64 key)
{
	bpf_map_delete_elem(t->engine->map[MAP_fleet_leases], &key);
}
