/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * New connections in an interval, of one source, network, set or service. Rates are objects of their own, made only where a rule has a
 * rate, and found by source and interval, so rules with different intervals never touch the same one. A handshake that becomes no
 * connection leaves nothing behind, and while nobody has answered it, it obstructs only clients that have not answered either. levels.bpf.h
 * calls this; it owns the maps rates, shared_rates and total_rates.
 *
 * Most sources open one connection in an interval. To make a rate for each would take as long as all the rest of an admission, and half a
 * kilobyte. So the event for which a source's counter is made stays in the counter (counter.bpf.h, table_take), if the source has no rate
 * yet, and whoever judges the rate adds it. It is there with the first slot, so nobody who has a slot of that counter misses it. A source
 * that shares a counter could: so no counter is made with an event while anybody shares a counter or a rate (levels.bpf.h, level_take).
 * Whether the event is answered is written before the rate is locked, and read while it is locked, so of two clients who answer one sees
 * the other.
 *
 * Where `rates` has no room, sources share. One that does goes on until the rate that it shares is over, also if `rates` has room again:
 * otherwise its events there would count no more.
 */
#ifndef SLUICE_RATE_BPF_H
#define SLUICE_RATE_BPF_H

#define TAKEN_SHIFT 20 /* when something was taken is noted in 2^20 ns, about a millisecond */

/* How a holding notes the time `now`. */
static __always_inline __u32 taken_note(__u64 now)
{
	return now >> TAKEN_SHIFT;
}

/* The time that such a note stands for, which is not long before now. */
static __always_inline __u64 taken_time(__u32 taken, __u64 now)
{
	now >>= TAKEN_SHIFT;
	return (now - (__u32)((__u32)now - taken)) << TAKEN_SHIFT;
}

/* Under its lock: how many events it has as the window stands at `epoch`; if `sure`, only those that are sure. */
static __always_inline __u32 rate_sum(const struct sluice_rate *r, __u64 epoch, __u64 width, int sure)
{
	__u32 all = window_sum(&r->all, epoch, width), unanswered = sure ? window_sum(&r->unanswered, epoch, width) : 0;

	return all > unanswered ? all - unanswered : 0;
}

/* Returns how many events the counter has that belong to this rate: 1 or 0. If `sure`, one that nobody has answered is none. */
static __always_inline __u32 first_sum(const struct sluice_counter *c, __u32 seconds, __u64 now, int sure)
{
	return c && first_counts(c, seconds, now) && !(sure && c->first_unanswered);
}

static __always_inline void rate_advance(struct sluice_rate *r, __u64 epoch, __u64 width)
{
	window_advance(&r->all, epoch, width);
	window_advance(&r->unanswered, epoch, width);
}

/* Under its lock: updates an event of the bucket `then`. */
static __always_inline void rate_move(struct sluice_rate *r, __u64 then, const struct slot_op *op)
{
	if (op->what == SLOT_PROVE || (op->what == SLOT_SETTLE && !op->proven)) {
		window_refund(&r->unanswered, then);
	} else if (op->what == SLOT_UNPROVE) {
		window_hit_at(&r->unanswered, then);
	} else if (op->what == SLOT_GIVE) {
		if (!op->proven)
			window_refund(&r->unanswered, then);
		window_refund(&r->all, then);
	}
}

/* Under its lock. */
static __always_inline int rate_is(const struct sluice_rate *r, const struct sluice_rate_key *own)
{
	return r->state != SLUICE_COUNTER_GONE && r->of.seconds == own->seconds && key_is(&r->of.of, &own->of);
}

/*
 * Counts one more event. FAST: there is no room. `own` is NULL for a rate that is never deleted; such a one begins anew with another
 * interval. `c` is the source's own counter, or NULL.
 */
static __always_inline enum taken rate_take(struct sluice_rate *r, const struct sluice_rate_key *own, __u64 width,
					    __u32 most, const struct take *how, const struct sluice_counter *c)
{
	__u64 time = how->now >> TAKEN_SHIFT << TAKEN_SHIFT, epoch = width ? time / width : 0;
	enum taken got = TAKEN_GONE;

	bpf_spin_lock(&r->lock);
	if (!own || rate_is(r, own)) {
		got = TAKEN;
		if (!how->dry)
			rate_advance(r, epoch, width);
		if (!how->force && limit_reached(rate_sum(r, epoch, width, how->overbook) +
							 first_sum(c, r->of.seconds, how->now, how->overbook),
						 most))
			got = TAKEN_FAST;
		if (got == TAKEN && !how->dry) {
			window_hit_at(&r->all, epoch);
			if (!how->proven)
				window_hit_at(&r->unanswered, epoch);
			r->seen_ns = how->now;
		}
	}
	bpf_spin_unlock(&r->lock);
	return got;
}

/*
 * Updates an event that was noted as `taken`. Sets *empty if the rate is GONE and the caller has to delete it. `c` is the source's own
 * counter, or NULL.
 */
static __always_inline enum taken rate_do(struct sluice_rate *r, const struct sluice_rate_key *own, __u32 taken,
					  const struct slot_op *op, const struct sluice_counter *c, int *empty)
{
	__u64 width = r->all.width_ns, time = taken_time(taken, op->now), epoch, then;
	enum taken got = TAKEN_GONE;

	if (!width)
		return TAKEN_GONE;
	epoch = op->now / width;
	then = time / width;
	bpf_spin_lock(&r->lock);
	if ((!own || rate_is(r, own)) && r->all.width_ns == width) {
		got = TAKEN;
		if (!op->dry)
			rate_advance(r, epoch, width);
		if (op->what == SLOT_PROVE &&
		    limit_reached(rate_sum(r, epoch, width, 1) + first_sum(c, r->of.seconds, op->now, 1), op->most))
			got = TAKEN_FAST;
		if (got == TAKEN && !op->dry)
			rate_move(r, then, op);
		if (own && op->transient && !r->all.sum) {
			r->state = SLUICE_COUNTER_GONE;
			*empty = 1;
		}
	}
	bpf_spin_unlock(&r->lock);
	return got;
}

/* A new element is written here first: only the gate makes any, and a processor finishes one packet before it begins the next. */
struct rate_bytes { /* in a per-processor map the kernel allows no lock */
	__u64 word[sizeof(struct sluice_rate) / 8];
};

MAP(BPF_MAP_TYPE_PERCPU_ARRAY, rate_fresh, __u32, struct rate_bytes, 1);

/* Returns non-zero if the rate was not in the table, and now is, without an event. */
static __always_inline int rate_begin(void *table, const struct sluice_rate_key *own, __u64 now)
{
	__u64 width = own->seconds * SLUICE_RATE_UNIT_NS, time = now >> TAKEN_SHIFT << TAKEN_SHIFT;
	struct sluice_rate *fresh;
	__u32 zero = 0;

	fresh = (struct sluice_rate *)bpf_map_lookup_elem(&rate_fresh, &zero);
	if (!fresh || !width)
		return 0;
	fresh->of = *own;
	fresh->seen_ns = now;
	window_begin(&fresh->all, time / width, width);
	window_begin(&fresh->unanswered, time / width, width);
	known_count(&own->of, 1);
	if (!bpf_map_update_elem(table, own, fresh, BPF_NOEXIST))
		return 1;
	known_count(&own->of, -1);
	return 0;
}

/* Returns non-zero if the rate is deleted. Otherwise it lives on, as in counter_stays(). */
static __always_inline int rate_delete(void *table, struct sluice_rate *r, const struct sluice_rate_key *own)
{
	if (!bpf_map_delete_elem(table, own)) {
		known_count(&own->of, -1);
		return 1;
	}
	bpf_spin_lock(&r->lock);
	if (r->state == SLUICE_COUNTER_GONE && r->of.seconds == own->seconds && key_is(&r->of.of, &own->of))
		r->state = SLUICE_COUNTER_NEW;
	bpf_spin_unlock(&r->lock);
	return 0;
}

static __always_inline struct sluice_rate_key shared_rate_key(__u32 share, __u32 seconds)
{
	struct sluice_rate_key other = { .seconds = seconds };

	other.of.addr.word[0] = share & (SLUICE_SHARED_RATES - 1);
	return other;
}

/* enum taken. A rate that does not exist is not made if `dry`. `c` is the source's own counter, or NULL. */
static __always_inline enum taken table_hit(void *table, const struct sluice_rate_key *own, __u32 most,
					    const struct take *how, const struct sluice_counter *c, int *made)
{
	struct sluice_rate *r = known_maybe(&own->of) ? bpf_map_lookup_elem(table, own) : NULL;

	if (!r && !how->force && limit_reached(first_sum(c, own->seconds, how->now, how->overbook), most))
		return TAKEN_FAST; /* nothing is made for a source that is refused anyway */
	if (!r && how->dry)
		return TAKEN;
	if (!r) {
		*made = rate_begin(table, own, how->now);
		r = bpf_map_lookup_elem(table, own);
	}
	return r ? rate_take(r, own, own->seconds * SLUICE_RATE_UNIT_NS, most, how, c) : TAKEN_NO_ROOM;
}

/* enum taken, for a set or a service. */
__noinline int total_hit(__u32 index, const struct sluice_limit *limit, const struct take *how)
{
	struct sluice_rate *r = bpf_map_lookup_elem(&total_rates, &index);

	if (!r || !limit || !how)
		return TAKEN_FAST;
	return rate_take(r, NULL, limit->width_ns, limit->rate, how, NULL);
}

/* Returns the number in the limit of a set or a service, or 0 if its rate still has another interval: a reload changes that with a SYN. */
static __always_inline __u32 total_most(__u32 index, const struct sluice_limit *limit)
{
	const struct sluice_rate *r = bpf_map_lookup_elem(&total_rates, &index);

	return r && r->all.width_ns == limit->width_ns ? limit->rate : 0;
}

/* enum taken: updates an event of a set or a service. */
__noinline int total_event(__u32 index, __u32 taken, const struct slot_op *op)
{
	struct sluice_rate *r = bpf_map_lookup_elem(&total_rates, &index);
	int empty = 0;

	return r && op ? rate_do(r, NULL, taken, op, NULL, &empty) : TAKEN_GONE;
}

/* Returns the rate that a source or a network shares if it has none of its own, or NULL. Overwrites the key, because stacks are short. */
static __always_inline struct sluice_rate *shared_rate_seen(struct sluice_rate_key *key)
{
	if (!shared_in_use(SHARED_RATES))
		return NULL;
	*key = shared_rate_key(share_hash(&key->of), key->seconds);
	return bpf_map_lookup_elem(&shared_rates, key);
}

/* Returns the rate of a source or a network: its own, else the one that it shares, else NULL. *key becomes the key of that. */
static __always_inline struct sluice_rate *rate_seen(struct sluice_rate_key *key)
{
	struct sluice_rate *r = known_maybe(&key->of) ? bpf_map_lookup_elem(&rates, key) : NULL;

	return r ? r : shared_rate_seen(key);
}

/* Returns non-zero if the rate of a source has no room for its first event, which its client has just answered. */
__noinline int first_has_no_room(const struct sluice_source_key *of, __u32 seconds, __u32 most)
{
	struct sluice_rate_key own;
	struct sluice_rate *r;
	__u64 epoch;
	int full;

	if (!of || !seconds)
		return 0;
	own.of = *of;
	own.seconds = seconds;
	r = rate_seen(&own);
	if (!r)
		return 0;
	epoch = bpf_ktime_get_ns() / (seconds * SLUICE_RATE_UNIT_NS);
	bpf_spin_lock(&r->lock);
	full = rate_is(r, &own) && limit_reached(rate_sum(r, epoch, seconds * SLUICE_RATE_UNIT_NS, 1), most);
	bpf_spin_unlock(&r->lock);
	return full;
}

/*
 * Marks a rate GONE if its interval is over, and the 20th that the running bucket may last. Returns non-zero if it did: the caller deletes
 * it.
 */
static __always_inline int rate_end(struct sluice_rate *r, const struct sluice_rate_key *own, __u64 now)
{
	__u64 interval = own->seconds * 1050000000ULL;
	int gone;

	bpf_spin_lock(&r->lock);
	gone = r->seen_ns + interval < now && rate_is(r, own);
	if (gone)
		r->state = SLUICE_COUNTER_GONE;
	bpf_spin_unlock(&r->lock);
	return gone;
}

#endif
