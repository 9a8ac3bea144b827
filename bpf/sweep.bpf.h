/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What time does: handshakes run out (a kernel timer, daemon or not), idle sources are forgotten (asked by the daemon). */
#ifndef SLUICE_SWEEP_BPF_H
#define SLUICE_SWEEP_BPF_H

#define CLOCK_MONOTONIC 1
#define SWEEP_STEP_NS (1000ULL * 1000)
#define GROUP_BUCKETS (SLUICE_HANDSHAKE_BUCKETS / SLUICE_HANDSHAKE_GROUPS)
#define GROUP_WAYS (GROUP_BUCKETS * SLUICE_HANDSHAKE_WAYS)

/* The slots of a handshake that ran out are released; where its client never answered, that is noted against its source. */
static __always_inline void expired_release(const struct handshake_note *was, __u64 now)
{
	struct give how = { .now = now, .taken_ns = was->charged_ns, .reserved = 1, .transient = 1 };

	how.proven = was->flags & SLUICE_HANDSHAKE_CONFIRMED;
	if (was->held)
		holding_give(&was->holding, &how);
	if (was->flags & SLUICE_HANDSHAKE_EMBRYONIC && !(was->flags & SLUICE_HANDSHAKE_BLAMELESS))
		expiry_note(&was->holding.source, now);
}

/* Moves one element on. From EXPIRING on its port is watched, so before its slots are released all that passed unjudged is settled. */
static __noinline int sweep_way(__u32 bucket, __u32 way, __u64 now)
{
	struct handshake_note was;
	struct sluice_tuple tuple;
	int state = handshake_expire(bucket, way, now, &was, &tuple);

	if (state == HANDSHAKE_EXPIRING)
		watch_raise(bpf_ntohs(tuple.local_port), now);
	if (state == HANDSHAKE_EXPIRED)
		expired_release(&was, now);
	if (state == HANDSHAKE_FREE)
		half_forget(&tuple);
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
 * One step through the table of handshakes: it ends after a millisecond, so that no processor stands still for longer than a NAPI poll
 * takes, and the next step goes on where it ended.
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

/* Where the timer runs already, for a build of before, it calls ours from now on. */
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

/*
 * Frees a counter that holds nothing. Not 0: there was one. Looks it up itself: in Linux 6.1 no lock can be taken through the
 * pointer that a callback of bpf_for_each_map_elem() gets.
 */
static __always_inline int source_free(const struct sluice_source_key *key)
{
	struct sluice_counter *c = bpf_map_lookup_elem(&sources, key);
	int gone = 0;

	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	if (!c->held) { /* also one that is GONE already: its delete failed, and whoever finds the mark finishes what it promised */
		c->state = SLUICE_COUNTER_GONE;
		gone = 1;
	}
	bpf_spin_unlock(&c->lock);
	if (gone)
		source_delete(key);
	return gone;
}

/* A rate window must outlive its interval, also where that is longer than the retention time. */
static long reap_source(void *map, const struct sluice_source_key *key, struct sluice_counter *c, struct sweep *s)
{
	struct sluice_source_key copy = *key;
	__u64 keep = c->window.width_ns * (SLUICE_RATE_BUCKETS - 1);

	if (c->held)
		return 0;
	if (keep < s->retention)
		keep = s->retention;
	if (c->state == SLUICE_COUNTER_PROVEN && c->seen_ns + keep > s->now)
		return 0;
	source_free(&copy);
	return 0;
}

/* What is in force no more is forgotten, though nothing newer needs its room. */
static long reap_suspect(void *map, const struct sluice_source_key *key, __u64 *until, struct sweep *s)
{
	struct sluice_source_key copy = *key;

	if (*until < s->now)
		bpf_map_delete_elem(&suspects, &copy);
	return 0;
}

static long reap_fragment(void *map, const struct sluice_fragment_key *key, struct sluice_fragment *f, struct sweep *s)
{
	struct sluice_fragment_key copy = *key;

	if (f->seen_ns + FRAGMENT_NS < s->now)
		bpf_map_delete_elem(&fragments, &copy);
	return 0;
}

static long reap_inside(void *map, const struct sluice_tuple *tuple, __u64 *cookie, struct sweep *s)
{
	struct sluice_tuple copy = *tuple;

	if (!inside_lives(&copy))
		bpf_map_delete_elem(&insides, &copy);
	return 0;
}

static __always_inline void reap_due(void)
{
	const struct sluice_generation *generation = generation_live();
	struct sweep s = { .now = bpf_ktime_get_ns() };

	if (!generation)
		return;
	s.retention = generation->retention_ns;
	bpf_for_each_map_elem(&sources, reap_source, &s, 0);
	bpf_for_each_map_elem(&suspects, reap_suspect, &s, 0);
	bpf_for_each_map_elem(&fragments, reap_fragment, &s, 0);
	bpf_for_each_map_elem(&insides, reap_inside, &s, 0);
}

#endif
