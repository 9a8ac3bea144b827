/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What time does: reservations run out (a kernel timer, daemon or not), idle sources are forgotten (asked by the daemon). */
#ifndef SLUICE_SWEEP_BPF_H
#define SLUICE_SWEEP_BPF_H

#define CLOCK_MONOTONIC 1

static __always_inline void late_list(const struct sluice_tuple *tuple, __u64 now)
{
	struct sluice_pulse *beat;
	__u32 zero = 0;

	beat = bpf_map_lookup_elem(&pulse, &zero);
	if (!beat)
		return;
	bpf_map_update_elem(&late, tuple, &now, BPF_ANY);
	beat->late_until_ns = now + SLUICE_LATE_NS;
	beat->late = 1;
}

/*
 * First a reservation that ran out is listed as late, and only in the next sweep it gives its slots back: an ACK that the
 * gate let through just before has long been processed by then, so its connection inherits the slots.
 */
static long sweep_reservation(void *map, const struct sluice_tuple *key, struct sluice_reservation *r, struct sweep *s)
{
	struct give how = { .now = s->now, .reserved = 1, .transient = 1 };
	struct sluice_tuple tuple = *key;
	struct sluice_holding h = {};
	__u64 old = r->expires_ns;

	if (!old || old > s->now)
		return 0;
	if (!r->late) {
		r->late = 1;
		late_list(&tuple, s->now);
		if (!*(volatile __u64 *)&r->expires_ns) /* claimed meanwhile: a connection, which is not late */
			bpf_map_delete_elem(&late, &tuple);
		return 0;
	}
	how.taken_ns = r->taken_ns;
	h = r->holding;
	if (__sync_val_compare_and_swap(&r->expires_ns, old, 0) != old)
		return 0;
	how.proven = proof_take(r);
	bpf_map_delete_elem(&reservations, &tuple);
	half_forget(&tuple);
	holding_give(&h, &how);
	if (!how.proven)
		expiry_note(&h.source, s->now);
	return 0;
}

static int sweep_tick(void *map, __u32 *key, struct sluice_sweeper *self)
{
	struct sweep s = { .now = bpf_ktime_get_ns() };
	struct sluice_pulse *beat;
	__u32 zero = 0;

	bpf_for_each_map_elem(&reservations, sweep_reservation, &s, 0);
	bpf_for_each_map_elem(&pressures, sweep_pressure, &s, 0);
	beat = bpf_map_lookup_elem(&pulse, &zero);
	if (beat) {
		if (beat->late && s.now > beat->late_until_ns)
			beat->late = 0;
	}
	bpf_timer_start(&self->timer, SLUICE_SWEEP_NS, 0);
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
	if (!c->held && c->state != SLUICE_COUNTER_GONE) {
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

	if (c->held || c->state == SLUICE_COUNTER_GONE)
		return 0;
	if (keep < s->retention)
		keep = s->retention;
	if (c->state == SLUICE_COUNTER_PROVEN && c->seen_ns + keep > s->now)
		return 0;
	source_free(&copy);
	return 0;
}

/* What nobody can complete any more, and what is in force no more, is forgotten, though nothing newer needs its room. */
static long reap_late(void *map, const struct sluice_tuple *key, __u64 *since, struct sweep *s)
{
	struct sluice_tuple copy = *key;

	if (*since + SLUICE_LATE_NS < s->now)
		bpf_map_delete_elem(&late, &copy);
	return 0;
}

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

static __always_inline void reap_due(void)
{
	const struct sluice_generation *generation = generation_live();
	struct sweep s = { .now = bpf_ktime_get_ns() };

	if (!generation)
		return;
	s.retention = generation->retention_ns;
	bpf_for_each_map_elem(&sources, reap_source, &s, 0);
	bpf_for_each_map_elem(&late, reap_late, &s, 0);
	bpf_for_each_map_elem(&suspects, reap_suspect, &s, 0);
	bpf_for_each_map_elem(&fragments, reap_fragment, &s, 0);
}

#endif
