/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One of the counters, or of the rates, that a connection is counted in: of its source or of the network above it (a level), of its set, or
 * of its service. This finds it, charges it, and updates it as the connection proceeds; a source without room for a counter shares one.
 * holding.bpf.h calls this, and knows all of them together.
 */
#ifndef SLUICE_LEVELS_BPF_H
#define SLUICE_LEVELS_BPF_H

static __always_inline void room_missed(__u32 table)
{
	__u64 *times = bpf_map_lookup_elem(&no_room, &table);

	if (times)
		++*times;
}

/* enum taken, for a set or a service. */
__noinline int total_take(__u32 index, __u32 most, const struct take *how)
{
	struct sluice_counter *c = total_of(index);

	return c && how ? counter_take(c, NULL, most, how) : TAKEN_FULL;
}

static __always_inline struct sluice_source_key network_of(const struct sluice_holding *h)
{
	struct sluice_source_key key = { .service = h->source.service,
					 .bits = h->network_bits,
					 .level = SLUICE_LEVEL_NETWORK };
	int i, left;

	for (i = 0; i < 4; i++) {
		left = h->network_bits - 32 * i;
		if (left >= 32)
			key.addr.word[i] = h->source.addr.word[i];
		else if (left > 0)
			key.addr.word[i] = h->source.addr.word[i] & bpf_htonl(~0U << (32 - left));
	}
	return key;
}

#define HOLDS_SOURCES (SLUICE_HOLDS_SOURCE | SLUICE_HOLDS_SHARED | SLUICE_HOLDS_FIRST)
#define HOLDS_NETWORKS (SLUICE_HOLDS_NETWORK | SLUICE_HOLDS_SHARED_NETWORK)
#define HOLDS_OWN_RATES (SLUICE_HOLDS_SOURCE_RATE | SLUICE_HOLDS_NETWORK_RATE)
#define HOLDS_SHARED_RATES (SLUICE_HOLDS_SHARED_RATE | SLUICE_HOLDS_SHARED_NETWORK_RATE)
#define HOLDS_NETWORK_RATES (SLUICE_HOLDS_NETWORK_RATE | SLUICE_HOLDS_SHARED_NETWORK_RATE)
#define HOLDS_TOTAL_RATES (SLUICE_HOLDS_SET_RATE | SLUICE_HOLDS_SERVICE_RATE)
#define HOLDS_RATES (SLUICE_HOLDS_FIRST | HOLDS_OWN_RATES | HOLDS_SHARED_RATES | HOLDS_TOTAL_RATES)

static __always_inline struct sluice_source_key level_key(const struct sluice_holding *h, int network)
{
	return network ? network_of(h) : h->source;
}

/* Takes the first event out of a counter that was just made, so that it becomes one like any other. */
static __always_inline enum taken first_leave(const struct sluice_source_key *own)
{
	struct sluice_counter *c = bpf_map_lookup_elem(&sources, own);

	if (!c)
		return TAKEN;
	bpf_spin_lock(&c->lock);
	if (counter_is(c, own))
		c->first_seconds = 0;
	bpf_spin_unlock(&c->lock);
	return TAKEN;
}

/* enum taken, for the counter that the source, or its network, has for itself. */
__noinline int level_take(const struct sluice_holding *h, int network, const struct sluice_limit *limit,
			  const struct take *how)
{
	struct sluice_counter fresh;
	enum taken got;

	if (!h || !limit || !how)
		return TAKEN_NO_ROOM;
	__builtin_memset(&fresh, 0, sizeof(fresh));
	fresh.of = level_key(h, network);
	if (network)
		return table_take(&networks, SLUICE_TALLY_NETWORKS, &fresh, limit->connections, how);
	if (how->reserve && (how->force || !limit_reached(0, limit->rate)))
		fresh.first_seconds = h->source_seconds;
	got = table_take(&sources, SLUICE_TALLY_SOURCES, &fresh, limit->connections, how);
	if (got == TAKEN_FIRST && (shared_in_use(SHARED_SLOTS) || shared_in_use(SHARED_RATES)))
		return first_leave(&fresh.of);
	return got;
}

/* enum taken, for the counter that it shares; `h` says which that is. */
__noinline int level_share(struct sluice_holding *h, int network, __u32 most, const struct take *how)
{
	struct sluice_source_key key;
	__u32 share;

	if (!h || !how)
		return TAKEN_NO_ROOM;
	key = level_key(h, network);
	share = share_hash(&key);
	if (network)
		h->network_share = share;
	else
		h->source_share = share;
	return shared_take(share, network, most, how);
}

/* enum taken; h->holds says which counter it was. */
static __always_inline enum taken level_charge(struct sluice_holding *h, int network, const struct sluice_limit *limit,
					       const struct take *how)
{
	enum taken got = TAKEN_GONE;
	int tries;

	for (tries = 0; tries < TAKE_TRIES && got == TAKEN_GONE; tries++)
		got = level_take(h, network, limit, how);
	if (got == TAKEN_FIRST) {
		h->holds |= SLUICE_HOLDS_FIRST;
		got = TAKEN;
	}
	if (got == TAKEN)
		h->holds |= network ? SLUICE_HOLDS_NETWORK : SLUICE_HOLDS_SOURCE;
	if (got != TAKEN_NO_ROOM && got != TAKEN_GONE)
		return got;
	room_missed(network ? SLUICE_TABLE_NETWORKS : SLUICE_TABLE_SOURCES);
	got = level_share(h, network, limit->connections, how);
	if (got == TAKEN)
		h->holds |= network ? SLUICE_HOLDS_SHARED_NETWORK : SLUICE_HOLDS_SHARED;
	return got;
}

/* enum taken, for the rate that the source, or its network, has for itself. */
__noinline int level_hit(const struct sluice_holding *h, int network, __u32 most, const struct take *how)
{
	const struct sluice_counter *c;
	struct sluice_rate_key own;
	enum taken got;
	int made = 0;

	if (!h || !how)
		return TAKEN_NO_ROOM;
	own.of = level_key(h, network);
	own.seconds = network ? h->network_seconds : h->source_seconds;
	c = network ? NULL : bpf_map_lookup_elem(&sources, &own.of);
	got = table_hit(&rates, &own, most, how, c, &made);
	if (made)
		tally_add(SLUICE_TALLY_RATES, 1);
	return got;
}

/* enum taken, for the rate that it shares. Each interval has the same number of them. */
__noinline int level_share_hit(struct sluice_holding *h, int network, __u32 most, const struct take *how)
{
	const struct sluice_counter *c;
	struct sluice_rate_key own;
	enum taken got;
	int made = 0;

	if (!h || !how)
		return TAKEN_NO_ROOM;
	own.of = level_key(h, network);
	c = network ? NULL : bpf_map_lookup_elem(&sources, &own.of);
	if (network)
		own = shared_rate_key(h->network_share = share_hash(&own.of), h->network_seconds);
	else
		own = shared_rate_key(h->source_share = share_hash(&own.of), h->source_seconds);
	got = table_hit(&shared_rates, &own, most, how, c, &made);
	if (made)
		shared_used(SHARED_RATES, 1);
	return got;
}

/* Returns non-zero if it has no rate of its own, but shares one that is not over yet. */
__noinline int level_shares_rate(const struct sluice_holding *h, int network)
{
	struct sluice_rate_key own;

	if (!h)
		return 0;
	own.of = level_key(h, network);
	own.seconds = network ? h->network_seconds : h->source_seconds;
	return !bpf_map_lookup_elem(&rates, &own) && shared_rate_seen(&own);
}

/* Returns non-zero if there is no room in this interval. h->holds says which rate it was. */
static __always_inline int level_hurries(struct sluice_holding *h, int network, __u32 most, const struct take *how)
{
	int shares = shared_in_use(SHARED_RATES) && level_shares_rate(h, network), tries;
	enum taken got = TAKEN_GONE;

	for (tries = 0; tries < TAKE_TRIES && got == TAKEN_GONE && !shares; tries++)
		got = level_hit(h, network, most, how);
	if (got == TAKEN)
		h->holds |= network ? SLUICE_HOLDS_NETWORK_RATE : SLUICE_HOLDS_SOURCE_RATE;
	if (got != TAKEN_NO_ROOM && got != TAKEN_GONE)
		return got == TAKEN_FAST;
	if (!shares)
		room_missed(SLUICE_TABLE_RATES);
	got = level_share_hit(h, network, most, how);
	if (got == TAKEN)
		h->holds |= network ? SLUICE_HOLDS_SHARED_NETWORK_RATE : SLUICE_HOLDS_SHARED_RATE;
	return got != TAKEN;
}

/* enum taken, for the counter that `bit` (one of SLUICE_HOLDS_*) names; with SLUICE_HOLDS_FIRST also for the event in it. */
__noinline int slot_do(const struct sluice_holding *h, __u32 bit, const struct slot_op *op)
{
	struct sluice_source_key own;
	struct sluice_counter *c;
	enum taken got;
	int empty = 0;

	if (!h || !op)
		return TAKEN_GONE;
	if (bit == SLUICE_HOLDS_SERVICE || bit == SLUICE_HOLDS_SET)
		return counter_do(total_of(bit == SLUICE_HOLDS_SET ? h->set_total : h->source.service), NULL, op, 0,
				  &empty);
	if (bit == SLUICE_HOLDS_SHARED || bit == SLUICE_HOLDS_SHARED_NETWORK) {
		c = bit == SLUICE_HOLDS_SHARED ? shared_at(h->source_share, 0) : shared_at(h->network_share, 1);
		if (op->what == SLOT_GIVE)
			shared_used(SHARED_SLOTS, -1);
		return counter_do(c, NULL, op, 0, &empty);
	}
	own = level_key(h, bit == SLUICE_HOLDS_NETWORK);
	if (bit == SLUICE_HOLDS_NETWORK) {
		c = bpf_map_lookup_elem(&networks, &own);
		got = counter_do(c, &own, op, 0, &empty);
		if (c && empty)
			counter_delete(&networks, SLUICE_TALLY_NETWORKS, c, &own);
		return got;
	}
	c = bpf_map_lookup_elem(&sources, &own);
	got = counter_do(c, &own, op, bit & SLUICE_HOLDS_FIRST, &empty);
	if (c && empty)
		counter_delete(&sources, SLUICE_TALLY_SOURCES, c, &own);
	if (op->what == SLOT_GIVE)
		refusal_forget(&own);
	return got;
}

/* The same for the event in a rate of its own. */
__noinline int own_event(const struct sluice_holding *h, int network, const struct slot_op *op)
{
	const struct sluice_counter *c = NULL;
	struct sluice_rate_key own;
	struct sluice_rate *r;
	enum taken got;
	int empty = 0;

	if (!h || !op)
		return TAKEN_GONE;
	own.of = level_key(h, network);
	own.seconds = network ? h->network_seconds : h->source_seconds;
	r = bpf_map_lookup_elem(&rates, &own);
	if (!r)
		return TAKEN_GONE;
	if (op->what == SLOT_PROVE && !network)
		c = bpf_map_lookup_elem(&sources, &own.of);
	got = rate_do(r, &own, h->taken, op, c, &empty);
	if (empty && rate_delete(&rates, r, &own))
		tally_add(SLUICE_TALLY_RATES, -1);
	return got;
}

/* The same for the event in a rate that it shares. */
__noinline int shared_event(const struct sluice_holding *h, int network, const struct slot_op *op)
{
	const struct sluice_counter *c = NULL;
	struct sluice_rate_key shared_by;
	struct sluice_rate *r;
	int empty = 0;

	if (!h || !op)
		return TAKEN_GONE;
	shared_by = network ? shared_rate_key(h->network_share, h->network_seconds)
			    : shared_rate_key(h->source_share, h->source_seconds);
	r = bpf_map_lookup_elem(&shared_rates, &shared_by);
	if (op->what == SLOT_PROVE && !network) {
		shared_by.of = h->source;
		c = bpf_map_lookup_elem(&sources, &shared_by.of);
	}
	return r ? rate_do(r, NULL, h->taken, op, c, &empty) : TAKEN_GONE;
}

static __always_inline enum taken event_do(const struct sluice_holding *h, __u32 bit, const struct slot_op *op)
{
	int network = (bit & HOLDS_NETWORK_RATES) != 0;

	return bit & HOLDS_SHARED_RATES ? shared_event(h, network, op) : own_event(h, network, op);
}

#endif
