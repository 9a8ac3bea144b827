/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happens by time: a kernel timer expires handshakes, with or without a daemon, and the daemon has idle sources forgotten. */
#ifndef SLUICE_SWEEP_BPF_H
#define SLUICE_SWEEP_BPF_H

#define CLOCK_MONOTONIC 1
#define SWEEP_STEP_NS (1000ULL * 1000)
#define GROUP_BUCKETS (SLUICE_HANDSHAKE_BUCKETS / SLUICE_HANDSHAKE_GROUPS)
#define GROUP_WAYS (GROUP_BUCKETS * SLUICE_HANDSHAKE_WAYS)

/*
 * Releases the slots and events of a handshake that ran out: it was no connection. (If the host could not take it yet, what completes it is
 * charged.) If its client never answered, that is noted against its source.
 */
static __always_inline void expired_release(const struct handshake_note *was, __u64 now)
{
	struct give how = { .now = now, .reserved = 1, .transient = 1 };

	how.proven = was->flags & SLUICE_HANDSHAKE_CONFIRMED;
	if (was->held)
		holding_give(&was->holding, &how);
	if (was->flags & SLUICE_HANDSHAKE_EMBRYONIC && !(was->flags & SLUICE_HANDSHAKE_BLAMELESS))
		expiry_note(&was->holding.source, now);
}

/*
 * Moves one element on. Its port is watched from EXPIRING on, so everything that passed unjudged is settled before its slots are released.
 * It is not `static`, so that the verifier follows it once instead of once for each place of a bucket.
 */
__noinline int sweep_way(__u32 bucket, __u32 way, __u64 now)
{
	struct handshake_note was = {};
	struct sluice_tuple tuple = {};
	int state = handshake_expire(bucket, way, now, &was, &tuple);

	if (state == HANDSHAKE_EXPIRING)
		watch_raise(bpf_ntohs(tuple.local_port), now);
	if (state != HANDSHAKE_EXPIRED)
		return 0;
	if (was.flags & SLUICE_HANDSHAKE_PUBLISHED)
		half_forget(&tuple);
	socket_tuple_mark(&tuple, 1); /* the host still has a socket for it, whose source nothing else here knows */
	expired_release(&was, now);
	return 0;
}

static long sweep_group(__u32 i, struct sweep *s)
{
	__u32 group = s->group + i, way;
	__u32 *load = bpf_map_lookup_elem(&handshake_load, &group);

	if (!load)
		return 1;
	if (!*load)
		return 0;
	for (way = 0; way < GROUP_WAYS; way++)
		sweep_way(group * GROUP_BUCKETS + way / SLUICE_HANDSHAKE_WAYS, way % SLUICE_HANDSHAKE_WAYS, s->now);
	if (bpf_ktime_get_ns() - s->now < SWEEP_STEP_NS)
		return 0;
	s->next = group + 1;
	return 1;
}

/*
 * One step through the table of handshakes. It ends after a millisecond, so that no processor is held up for longer than a NAPI poll takes,
 * and the next step goes on where it ended.
 */
static int sweep_tick(void *map, __u32 *key, struct sluice_sweeper *self)
{
	struct sweep s = { .now = bpf_ktime_get_ns(), .group = self->group };

	if (!s.group)
		bpf_for_each_map_elem(&pressures, sweep_pressure, &s, 0);
	bpf_loop(SLUICE_HANDSHAKE_GROUPS, sweep_group, &s, 0);
	self->group = s.next < SLUICE_HANDSHAKE_GROUPS ? s.next : 0;
	bpf_timer_start(&self->timer, self->group ? SWEEP_STEP_NS : SLUICE_SWEEP_NS, 0);
	return 0;
}

/* If the timer already runs for an earlier build, it calls our code from now on. */
static __always_inline int sweep_start(void)
{
	struct sluice_sweeper *self;
	__u32 zero = 0;
	long err;

	self = bpf_map_lookup_elem(&sweeper, &zero);
	if (!self)
		return -1;
	err = bpf_timer_init(&self->timer, &sweeper, CLOCK_MONOTONIC);
	if (!err || err == -EBUSY)
		err = bpf_timer_set_callback(&self->timer, sweep_tick);
	if (!err)
		err = bpf_timer_start(&self->timer, SLUICE_SWEEP_NS, 0);
	return err;
}

/* Looks up what it locks: Linux 6.1 allows no lock through the pointer that a callback of bpf_for_each_map_elem() gets. */
static __always_inline int due_counter(const struct sluice_due *d, __u64 now)
{
	struct sluice_source_key key = d->key.of;

	if (d->table == SLUICE_DUE_ERASED_SOURCE)
		now = ~0ULL;
	if (d->table != SLUICE_DUE_NETWORK)
		return counter_free(&sources, SLUICE_TALLY_SOURCES, &key, now);
	return counter_free(&networks, SLUICE_TALLY_NETWORKS, &key, now);
}

static __always_inline int due_rate(const struct sluice_due *d, __u64 now)
{
	struct sluice_rate_key key = d->key;
	struct sluice_rate *r;

	if (d->table == SLUICE_DUE_ERASED_RATE)
		now = ~0ULL;
	if (d->table != SLUICE_DUE_SHARED_RATE) {
		r = bpf_map_lookup_elem(&rates, &key);
		if (!r || !rate_end(r, &key, now) || !rate_delete(&rates, r, &key))
			return 0;
		tally_add(SLUICE_TALLY_RATES, -1);
		return 1;
	}
	r = bpf_map_lookup_elem(&shared_rates, &key);
	if (!r || !rate_end(r, &key, now) || !rate_delete(&shared_rates, r, &key))
		return 0;
	shared_used(SHARED_RATES, -1);
	return 1;
}

/* Returns 1, which ends the walk, if nothing more is listed. */
static long reap_one(void *map, const __u32 *index, struct sluice_due *d, struct sweep *s)
{
	if (d->table == SLUICE_DUE_NOTHING)
		return 1;
	if (d->table == SLUICE_DUE_CONNECTION)
		d->freed = due_connection(d->cookie, s->now);
	else if (d->table == SLUICE_DUE_SOURCE || d->table == SLUICE_DUE_ERASED_SOURCE ||
		 d->table == SLUICE_DUE_NETWORK)
		d->freed = due_counter(d, s->now);
	else
		d->freed = due_rate(d, s->now);
	return 0;
}

static __always_inline void reap_due(void)
{
	struct sweep s = { .now = bpf_ktime_get_ns() };

	bpf_for_each_map_elem(&due, reap_one, &s, 0);
}

#endif
