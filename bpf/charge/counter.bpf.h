/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots of one counter: of a source, of the network above it, of a set, or of a service. holding.bpf.h charges them together; rate.bpf.h
 * counts what comes in an interval.
 *
 * A source's counter comes and goes. The kernel reuses hash elements at once, so the element behind a pointer may change its owner at any
 * time: each counter stores its key, which is compared under its lock, and an element is marked GONE there before it is deleted.
 *
 * The functions without `static` are verified once, apart from their callers; that is why they check for NULL.
 */
#ifndef SLUICE_COUNTER_BPF_H
#define SLUICE_COUNTER_BPF_H

#define TAKE_TRIES 4

enum taken {
	TAKEN,
	TAKEN_FIRST, /* in a counter that was made for it, with its event */
	TAKEN_FULL,
	TAKEN_FAST,
	TAKEN_GONE,
	TAKEN_NO_ROOM,
};

/* How a slot is taken. */
struct take {
	__u64 now;
	__u8 force; /* whatever the limits say */
	__u8 reserve; /* as a reservation, which counts in the rate; else as a connection that exists already */
	__u8 proven; /* its client has answered */
	__u8 overbook; /* only what is sure stands in its way (bpf/flow/guard.bpf.h, guard_is_firm) */
	__u8 dry; /* only ask, do not take */
};

/*
 * What is sure to be there, or as good as sure: connections, and reservations whose client has answered. Other reservations may be a
 * spoofer's, and stand in the way of further SYNs only.
 */
static __always_inline __u32 counter_sure(const struct sluice_counter *c)
{
	return c->held - c->reserved + c->proven;
}

/* The other reservations. Never below 0, even while two processors tell of the same reservation. */
static __always_inline __u32 counter_unsure(const struct sluice_counter *c)
{
	return c->reserved > c->proven ? c->reserved - c->proven : 0;
}

/* The number in a limit, whether or not it is narrowed to a lease. */
static __always_inline __u32 limit_number(__u32 most)
{
	return most & ~SLUICE_MOST_LEASED;
}

/* Returns non-zero if there is a limit and `n` reaches it. A lease may be 0. */
static __always_inline int limit_reached(__u32 n, __u32 most)
{
	return most && n >= limit_number(most);
}

static __always_inline int key_is(const struct sluice_source_key *a, const struct sluice_source_key *b)
{
	__u32 other = a->service ^ b->service;
	int i;

	other |= (a->bits ^ b->bits) | (a->level ^ b->level);
	for (i = 0; i < 4; i++)
		other |= a->addr.word[i] ^ b->addr.word[i];
	return !other;
}

/* Under its lock: is it still the counter of `own`? `own` is NULL for a counter that is never deleted and belongs to nobody. */
static __always_inline int counter_is(const struct sluice_counter *c, const struct sluice_source_key *own)
{
	return !own || (c->state != SLUICE_COUNTER_GONE && key_is(&c->of, own));
}

static __always_inline enum taken counter_take(struct sluice_counter *c, const struct sluice_source_key *own,
					       __u32 most, const struct take *how)
{
	enum taken got = TAKEN;
	__u32 count;

	bpf_spin_lock(&c->lock);
	count = how->overbook ? counter_sure(c) : c->held;
	if (!counter_is(c, own)) {
		got = TAKEN_GONE;
	} else if (!how->force && limit_reached(count, most)) {
		got = TAKEN_FULL;
	} else if (!how->dry) {
		c->held++;
		c->proven += how->proven;
		if (how->reserve)
			c->reserved++;
		else if (own)
			c->state = SLUICE_COUNTER_PROVEN;
		c->seen_ns = how->now;
	}
	bpf_spin_unlock(&c->lock);
	return got;
}

/* How a slot is given back. */
struct give {
	__u64 now;
	__u8 reserved;
	__u8 proven; /* it is a reservation whose client has answered */
	__u8 transient; /* the counter may be deleted when it is empty */
};

/* What may become of a slot, or an event, that was taken. */
enum slot_what {
	SLOT_GIVE, /* it is given back */
	SLOT_SETTLE, /* its reservation became a connection */
	SLOT_PROVE, /* its client has answered */
	SLOT_UNPROVE, /* ... and this is taken back, or its reservation was given back meanwhile */
};

struct slot_op {
	__u64 now;
	__u32 most; /* PROVE: the limit for what is sure; 0: none */
	__u8 what; /* enum slot_what */
	__u8 reserved; /* GIVE */
	__u8 proven; /* GIVE, SETTLE: its client had answered */
	__u8 transient; /* GIVE: an empty counter may be deleted */
	__u8 dry; /* PROVE: only ask */
	__u8 pad[7]; /* Linux 6.1 wants every byte written that a function may read */
};

static __always_inline void counter_given(struct sluice_counter *c, const struct slot_op *op)
{
	if (c->held)
		c->held--;
	if (op->reserved && c->reserved)
		c->reserved--;
	if (op->proven && c->proven)
		c->proven--;
	c->seen_ns = op->now;
}

/* Under the counter's lock: updates its first event, as rate_move() does any other. */
static __always_inline void first_move(struct sluice_counter *c, const struct slot_op *op)
{
	if (op->what == SLOT_PROVE || (op->what == SLOT_SETTLE && !op->proven))
		c->first_unanswered = 0;
	else if (op->what == SLOT_UNPROVE)
		c->first_unanswered = 1;
	else if (op->what == SLOT_GIVE)
		c->first_seconds = 0;
}

/* Under the counter's lock. */
static __always_inline enum taken counter_move(struct sluice_counter *c, const struct slot_op *op, int keeps)
{
	if (op->what == SLOT_GIVE) {
		counter_given(c, op);
	} else if (op->what == SLOT_SETTLE) {
		if (c->reserved)
			c->reserved--;
		if (op->proven && c->proven)
			c->proven--;
		if (keeps)
			c->state = SLUICE_COUNTER_PROVEN;
	} else if (op->what == SLOT_PROVE) {
		if (limit_reached(counter_sure(c), op->most))
			return TAKEN_FULL;
		if (!op->dry)
			c->proven++;
	} else if (c->proven) {
		c->proven--;
	}
	return TAKEN;
}

/*
 * Moves a slot and, with `first`, the first event. Sets *empty if the counter is empty and never had a connection: it is GONE then, and the
 * caller deletes it.
 */
static __always_inline enum taken counter_do(struct sluice_counter *c, const struct sluice_source_key *own,
					     const struct slot_op *op, int first, int *empty)
{
	enum taken got = TAKEN_GONE;

	if (!c)
		return TAKEN_GONE;
	bpf_spin_lock(&c->lock);
	if (counter_is(c, own)) {
		got = counter_move(c, op, own != NULL);
		if (first && got == TAKEN && !op->dry)
			first_move(c, op);
		if (own && op->transient && !c->held && c->state == SLUICE_COUNTER_NEW) {
			c->state = SLUICE_COUNTER_GONE;
			*empty = 1;
		}
	}
	bpf_spin_unlock(&c->lock);
	return got;
}

/* Atomic: a softirq may come between. */
static __always_inline void tally_add(__u32 row, __s64 change)
{
	__s64 *n = bpf_map_lookup_elem(&tally, &row);

	if (n)
		__sync_fetch_and_add(n, change);
}

/*
 * Returns the counter of a source, or NULL if it has none. The key may be an argument of a function that is verified apart from its
 * callers: Linux 6.1 accepts such a key for a map only after it was copied to the stack.
 */
static __always_inline struct sluice_counter *source_counter(const struct sluice_source_key *key)
{
	struct sluice_source_key own = *key;

	return bpf_map_lookup_elem(&sources, &own);
}

/* Takes back the mark of a counter that could not be deleted (kernels differ in why): it lives on. */
static __always_inline void counter_stays(struct sluice_counter *c, const struct sluice_source_key *own)
{
	bpf_spin_lock(&c->lock);
	if (c->state == SLUICE_COUNTER_GONE && key_is(&c->of, own))
		c->state = SLUICE_COUNTER_NEW;
	bpf_spin_unlock(&c->lock);
}

static __always_inline void counter_delete(void *table, __u32 row, struct sluice_counter *c,
					   const struct sluice_source_key *own)
{
	if (bpf_map_delete_elem(table, own)) {
		counter_stays(c, own);
		return;
	}
	known_count(own, -1);
	tally_add(row, -1);
}

/* Fills a counter that only its caller has: it needs no lock before it is in a table. */
static __always_inline void counter_begin(struct sluice_counter *fresh, const struct take *how)
{
	fresh->held = 1;
	fresh->proven = how->proven;
	fresh->reserved = how->reserve;
	fresh->state = how->reserve ? SLUICE_COUNTER_NEW : SLUICE_COUNTER_PROVEN;
	fresh->seen_ns = how->now;
	fresh->first_ns = how->now;
	fresh->first_unanswered = !how->proven;
}

/*
 * enum taken. GONE: the element was meanwhile deleted or given to another source, so try again. `fresh` is empty but for its key, and
 * first_seconds if it may have the first event of that rate; if the table has no such counter yet, `fresh` goes into it with its first slot
 * taken and, if there is no such rate yet, with that event.
 */
static __always_inline enum taken table_take(void *table, __u32 row, struct sluice_counter *fresh, __u32 most,
					     const struct take *how)
{
	int maybe = known_maybe(&fresh->of);
	struct sluice_counter *c = maybe ? bpf_map_lookup_elem(table, &fresh->of) : NULL;

	if (!c && !how->force && limit_reached(0, most))
		return TAKEN_FULL;
	if (!c && how->dry)
		return TAKEN; /* an empty counter refuses nobody else */
	if (!c) {
		if (fresh->first_seconds && maybe && bpf_map_lookup_elem(&rates, &fresh->of))
			fresh->first_seconds = 0;
		counter_begin(fresh, how);
		known_count(&fresh->of, 1);
		if (!bpf_map_update_elem(table, &fresh->of, fresh, BPF_NOEXIST)) {
			tally_add(row, 1);
			return fresh->first_seconds ? TAKEN_FIRST : TAKEN;
		}
		known_count(&fresh->of, -1);
		c = bpf_map_lookup_elem(table, &fresh->of);
	}
	return c ? counter_take(c, &fresh->of, most, how) : TAKEN_NO_ROOM;
}

/*
 * Decides who shares a counter with whom, by a hash of the key under a secret, so that nobody outside finds a partner for his victim. Only
 * keys that find no room of their own share.
 */
__noinline __u32 share_hash(const struct sluice_source_key *key)
{
	const struct sluice_control *now = control_row();
	__u64 v[4];

	if (!key || !now)
		return 0;
	sip_begin(v, now->secret);
	sip_word(v, (__u64)key->addr.word[1] << 32 | key->addr.word[0]);
	sip_word(v, (__u64)key->addr.word[3] << 32 | key->addr.word[2]);
	return sip_end(v, (__u64)key->service | (__u64)key->bits << 16 | (__u64)key->level << 24 | 20ULL << 56);
}

/* `share` is the share_hash() of the key. */
static __always_inline struct sluice_counter *shared_at(__u32 share, int network)
{
	__u32 index = (share & (SLUICE_SHARED - 1)) | (network ? SLUICE_SHARED : 0);

	return bpf_map_lookup_elem(&shared, &index);
}

enum shared_row { SHARED_SLOTS, SHARED_RATES };

static __always_inline void shared_used(__u32 row, __s64 change)
{
	__u64 *use = bpf_map_lookup_elem(&shared_held, &row);

	if (use)
		__sync_fetch_and_add(use, change);
}

/* Returns non-zero if somebody found no room of his own. */
static __always_inline int shared_in_use(__u32 row)
{
	const __u64 *use = bpf_map_lookup_elem(&shared_held, &row);

	return use && *use;
}

/* enum taken, for the counter that a source or network without one of its own shares. */
static __always_inline enum taken shared_take(__u32 share, int network, __u32 most, const struct take *how)
{
	struct sluice_counter *c = shared_at(share, network);
	enum taken got = c ? counter_take(c, NULL, most, how) : TAKEN_FULL;

	if (got == TAKEN && !how->dry)
		shared_used(SHARED_SLOTS, 1);
	return got;
}

/* Returns what a SYN is judged by before it takes anything: the source's own counter, else the one that it shares, else NULL. */
static __always_inline const struct sluice_counter *source_seen(const struct sluice_source_key *key)
{
	const struct sluice_counter *c = known_maybe(key) ? bpf_map_lookup_elem(&sources, key) : NULL;

	return c || !shared_in_use(SHARED_SLOTS) ? c : shared_at(share_hash(key), 0);
}

static __always_inline const struct sluice_counter *network_seen(const struct sluice_source_key *key)
{
	const struct sluice_counter *c = known_maybe(key) ? bpf_map_lookup_elem(&networks, key) : NULL;

	return c || !shared_in_use(SHARED_SLOTS) ? c : shared_at(share_hash(key), 1);
}

static __always_inline struct sluice_counter *total_of(__u32 index)
{
	return bpf_map_lookup_elem(&totals, &index);
}

/* Frees a counter that holds nothing, in whatever state, and whose first event is over at `now`. Returns non-zero if it did. */
static __always_inline int counter_free(void *table, __u32 row, const struct sluice_source_key *own, __u64 now)
{
	struct sluice_counter *c = bpf_map_lookup_elem(table, own);
	int gone = 0;

	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	if (!c->held && counter_is(c, own) && !first_counts(c, c->first_seconds, now)) {
		c->state = SLUICE_COUNTER_GONE;
		gone = 1;
	}
	bpf_spin_unlock(&c->lock);
	if (gone)
		counter_delete(table, row, c, own);
	return gone;
}

#endif
