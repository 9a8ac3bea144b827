/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots of one counter, and of the three that a connection holds: its source's, its set's, its service's.
 *
 * A source's counter comes and goes. Hash elements are reused at once, so a pointer may change its owner under us: a slot
 * is only taken when the key still leads to the same element afterwards (while it is held, nobody deletes it), and who
 * deletes first marks the element GONE under its lock.
 *
 * The functions without `static` are verified once, apart from their callers; that is why they check for NULL.
 */
#ifndef SLUICE_COUNTER_BPF_H
#define SLUICE_COUNTER_BPF_H

#define TAKE_TRIES 4

enum taken { TAKEN, TAKEN_FULL, TAKEN_FAST, TAKEN_GONE, TAKEN_NO_ROOM };

/* How a slot is taken. */
struct take {
	__u64 now;
	__u8 force; /* whatever the limits say */
	__u8 reserve; /* as a reservation, which counts in the rate; else as a connection that stands already */
	__u8 proven; /* by a client that answered */
	__u8 overbook; /* only what is sure stands in its way (bpf/pressure.bpf.h, guard_is_firm) */
	__u8 dry; /* only asked, not taken */
};

/*
 * What is sure to be there, or as good as: connections, and reservations whose client has answered. Other reservations may
 * be a spoofer's, and stand in the way of further SYNs only.
 */
static __always_inline __u32 counter_sure(const struct sluice_counter *c)
{
	return c->held - c->reserved + c->proven;
}

/* The others. Not below 0 while two processors tell of the same reservation. */
static __always_inline __u32 counter_unsure(const struct sluice_counter *c)
{
	return c->reserved > c->proven ? c->reserved - c->proven : 0;
}

/* The same of `events` in the window. Those of unanswered reservations are taken out of it when they run out. */
static __always_inline __u32 events_sure(const struct sluice_counter *c, __u32 events)
{
	__u32 unsure = counter_unsure(c);

	return events > unsure ? events - unsure : 0;
}

static __always_inline enum taken counter_take(struct sluice_counter *c, const struct sluice_limit *limit,
					       const struct take *how)
{
	__u64 width = how->reserve ? limit->width_ns : 0;
	__u32 most = how->force ? 0 : limit->connections;
	__u32 rate = how->force ? 0 : limit->rate;
	__u64 epoch = width ? how->now / width : 0;
	enum taken got = TAKEN;
	__u32 count, events;

	bpf_spin_lock(&c->lock);
	if (width && !how->dry && c->window.width_ns != width)
		c->peak_rate = 0;
	if (width && !how->dry)
		window_advance(&c->window, epoch, width);
	count = how->overbook ? counter_sure(c) : c->held;
	events = how->dry ? window_sum(&c->window, epoch, width) : c->window.sum;
	if (how->overbook)
		events = events_sure(c, events);
	if (c->state == SLUICE_COUNTER_GONE) {
		got = TAKEN_GONE;
	} else if (most && count >= most) {
		got = TAKEN_FULL;
	} else if (width && rate && events >= rate) {
		got = TAKEN_FAST;
	} else if (!how->dry) {
		c->held++;
		c->proven += how->proven;
		if (how->reserve)
			c->reserved++;
		else
			c->state = SLUICE_COUNTER_PROVEN;
		if (width)
			window_hit(&c->window);
		c->seen_ns = how->now;
	}
	bpf_spin_unlock(&c->lock);
	return got;
}

/* How a slot is given back. */
struct give {
	__u64 now;
	__u64 taken_ns; /* of a reservation that came to nothing: its event is taken out of the rate; 0: it stays */
	__u8 reserved;
	__u8 proven; /* a reserved one, by a client that answered */
	__u8 transient; /* the counter may go when it is empty */
};

/* Not 0: the counter is empty and was never proven; it is GONE and the caller deletes it. */
static __always_inline int counter_give(struct sluice_counter *c, const struct give *how)
{
	__u64 width = c->window.width_ns;
	__u64 epoch = width ? how->taken_ns / width : 0;
	int gone = 0;

	bpf_spin_lock(&c->lock);
	if (c->held)
		c->held--;
	if (how->reserved && c->reserved)
		c->reserved--;
	if (how->proven && c->proven)
		c->proven--;
	if (how->taken_ns && c->window.width_ns == width && width)
		window_refund(&c->window, epoch);
	c->seen_ns = how->now;
	if (how->transient && !c->held && c->state == SLUICE_COUNTER_NEW) {
		c->state = SLUICE_COUNTER_GONE;
		gone = 1;
	}
	bpf_spin_unlock(&c->lock);
	return gone;
}

/* A reservation became a connection. */
static __always_inline void counter_settle(struct sluice_counter *c, int proven)
{
	if (!c)
		return;
	bpf_spin_lock(&c->lock);
	if (c->reserved)
		c->reserved--;
	if (proven && c->proven)
		c->proven--;
	c->state = SLUICE_COUNTER_PROVEN;
	bpf_spin_unlock(&c->lock);
}

/* Atomic: a softirq may come between. */
static __always_inline void tally_add(__u32 row, __s64 change)
{
	__s64 *n = bpf_map_lookup_elem(&tally, &row);

	if (n)
		__sync_fetch_and_add(n, change);
}

/*
 * Of a source, NULL: it has none. The key may have come as an argument of a function that is verified apart from its callers:
 * Linux 6.1 takes such a key for no map, unless it was copied to the stack.
 */
static __always_inline struct sluice_counter *source_counter(const struct sluice_source_key *key)
{
	struct sluice_source_key own = *key;

	return bpf_map_lookup_elem(&sources, &own);
}

static __always_inline void source_delete(const struct sluice_source_key *key)
{
	struct sluice_source_key own = *key;

	if (!bpf_map_delete_elem(&sources, &own))
		tally_add(SLUICE_TALLY_SOURCES, -1);
}

/* The client of a reservation has answered. TAKEN: there is room for what is sure. Dry: only asked. */
static __always_inline enum taken counter_prove(struct sluice_counter *c, const struct sluice_limit *limit, int force,
						int dry)
{
	enum taken got = TAKEN;

	if (!c)
		return TAKEN_GONE;
	bpf_spin_lock(&c->lock);
	if (!force && limit->connections && counter_sure(c) >= limit->connections)
		got = TAKEN_FULL;
	else if (!force && limit->rate && events_sure(c, c->window.sum) >= limit->rate)
		got = TAKEN_FAST;
	else if (!dry)
		c->proven++;
	bpf_spin_unlock(&c->lock);
	return got;
}

/* The answer was taken back, or its reservation given back meanwhile. */
static __always_inline void counter_unprove(struct sluice_counter *c)
{
	if (!c)
		return;
	bpf_spin_lock(&c->lock);
	if (c->proven)
		c->proven--;
	bpf_spin_unlock(&c->lock);
}

static const struct sluice_counter counter_fresh; /* not on the stack, which is small */

static __noinline struct sluice_counter *source_open(const struct sluice_source_key *key)
{
	struct sluice_counter *c;

	c = bpf_map_lookup_elem(&sources, key);
	if (c)
		return c;
	if (!bpf_map_update_elem(&sources, key, &counter_fresh, BPF_NOEXIST))
		tally_add(SLUICE_TALLY_SOURCES, 1);
	return bpf_map_lookup_elem(&sources, key);
}

static __always_inline void source_give(const struct sluice_source_key *key, struct sluice_counter *c,
					const struct give *how)
{
	if (counter_give(c, how))
		source_delete(key);
}

/* enum taken. GONE: the element was deleted, or given to another source, meanwhile: try again. */
__noinline int source_take(const struct sluice_source_key *key, const struct sluice_limit *limit,
			   const struct take *how)
{
	/* Not transient: the element may be another source's by now. One left empty is the reaper's. */
	struct give undo = {};
	struct sluice_source_key own; /* see source_counter() */
	struct sluice_counter *c;
	enum taken got;

	if (!key || !limit || !how)
		return TAKEN_NO_ROOM;
	own = *key;
	c = how->dry ? bpf_map_lookup_elem(&sources, &own) : source_open(&own);
	if (!c) /* an empty counter refuses nobody */
		return how->dry ? TAKEN : TAKEN_NO_ROOM;
	got = counter_take(c, limit, how);
	if (got != TAKEN || how->dry || bpf_map_lookup_elem(&sources, &own) == c)
		return got;
	undo.now = how->now;
	undo.reserved = how->reserve;
	undo.proven = how->proven;
	undo.taken_ns = how->reserve ? how->now : 0;
	counter_give(c, &undo);
	return TAKEN_GONE;
}

/* The finaliser of MurmurHash3 (Austin Appleby, public domain). */
static __always_inline __u32 hash_mix(__u32 h)
{
	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}

static __always_inline struct sluice_counter *shared_of(const struct sluice_source_key *key)
{
	__u32 hash = key->service, i;

	for (i = 0; i < 4; i++)
		hash = hash_mix(hash ^ key->addr.word[i]);
	hash &= SLUICE_SHARED - 1;
	return bpf_map_lookup_elem(&shared, &hash);
}

/* enum taken: of the counter that a source without one of its own shares */
__noinline int shared_take(const struct sluice_source_key *key, const struct sluice_limit *limit,
			   const struct take *how)
{
	struct sluice_counter *c;

	if (!key || !limit || !how)
		return TAKEN_NO_ROOM;
	c = shared_of(key);
	return c ? counter_take(c, limit, how) : TAKEN_NO_ROOM;
}

static __always_inline struct sluice_counter *total_of(__u32 index)
{
	return bpf_map_lookup_elem(&totals, &index);
}

/* enum taken */
__noinline int total_take(__u32 index, const struct sluice_limit *limit, const struct take *how)
{
	struct sluice_counter *c = total_of(index);

	if (!c || !limit || !how)
		return TAKEN_NO_ROOM;
	return counter_take(c, limit, how);
}

/* To a counter that stays. */
static __always_inline void lasting_give(struct sluice_counter *c, const struct give *how)
{
	struct give kept = *how;

	kept.transient = 0;
	if (c)
		counter_give(c, &kept);
}

/* Gives back what h->holds says. */
__noinline int holding_give(const struct sluice_holding *h, const struct give *how)
{
	struct sluice_counter *c;

	if (!h || !how)
		return 0;
	if (h->holds & SLUICE_HOLDS_SERVICE)
		lasting_give(total_of(h->source.service), how);
	if (h->holds & SLUICE_HOLDS_SET)
		lasting_give(total_of(h->set_total), how);
	if (h->holds & SLUICE_HOLDS_SHARED)
		lasting_give(shared_of(&h->source), how);
	if (!(h->holds & SLUICE_HOLDS_SOURCE))
		return 0;
	c = source_counter(&h->source);
	if (c)
		source_give(&h->source, c, how);
	return 0;
}

/* The reservation that holds these slots has become a connection. */
__noinline int holding_settle(const struct sluice_holding *h, int proven)
{
	if (!h)
		return 0;
	if (h->holds & SLUICE_HOLDS_SERVICE)
		counter_settle(total_of(h->source.service), proven);
	if (h->holds & SLUICE_HOLDS_SET)
		counter_settle(total_of(h->set_total), proven);
	if (h->holds & SLUICE_HOLDS_SHARED)
		counter_settle(shared_of(&h->source), proven);
	if (h->holds & SLUICE_HOLDS_SOURCE)
		counter_settle(source_counter(&h->source), proven);
	return 0;
}

/* Takes the proof back from the counters of `h` that `of` (SLUICE_HOLDS_*) names. */
static __always_inline void holding_unprove(const struct sluice_holding *h, __u16 of)
{
	if (of & SLUICE_HOLDS_SERVICE)
		counter_unprove(total_of(h->source.service));
	if (of & SLUICE_HOLDS_SET)
		counter_unprove(total_of(h->set_total));
	if (of & SLUICE_HOLDS_SHARED)
		counter_unprove(shared_of(&h->source));
	if (of & SLUICE_HOLDS_SOURCE)
		counter_unprove(source_counter(&h->source));
}

#endif
