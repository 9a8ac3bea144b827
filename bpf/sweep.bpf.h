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

/* Looks up what it locks: in Linux 6.1 no lock can be taken through the pointer that a callback of bpf_for_each_map_elem() gets. */
static __always_inline int due_counter(const struct sluice_due *d)
{
	struct sluice_source_key key = d->key.of;

	if (d->table == SLUICE_DUE_SOURCE)
		return counter_free(&sources, SLUICE_TALLY_SOURCES, &key);
	return counter_free(&networks, SLUICE_TALLY_NETWORKS, &key);
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

/* 1 ends the walk: there are no more of them. */
static long reap_one(void *map, const __u32 *index, struct sluice_due *d, struct sweep *s)
{
	if (d->table == SLUICE_DUE_NOTHING)
		return 1;
	if (d->table == SLUICE_DUE_SOURCE || d->table == SLUICE_DUE_NETWORK)
		d->freed = due_counter(d);
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
