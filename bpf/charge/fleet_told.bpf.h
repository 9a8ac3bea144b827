/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the daemon is told of limits that hold over several hosts: that something sure has come or gone, or that a lease is wanted. Called
 * where slots are charged, proved, settled and given back (holding.bpf.h, track.bpf.h), and by fleet.bpf.h. Nobody waits for an answer; if
 * the ring is full, the daemon learns that it missed something. Owns the map fleet_changes.
 */
#ifndef SLUICE_FLEET_TOLD_BPF_H
#define SLUICE_FLEET_TOLD_BPF_H

/* A limit that was narrowed. */
struct fleet_limit {
	__u64 key; /* fleet_key() */
	__u32 own; /* the policy's own limit; 0: there is none, or it does not hold over the fleet */
	__u32 most; /* the limit in force, with SLUICE_MOST_LEASED */
	__u32 others; /* what the other hosts hold */
	__u32 pad;
};

/*
 * What one packet is judged by instead of the policy's rows. Apart from `asks` it means nothing between packets, which a processor judges
 * one by one.
 */
struct fleet_view {
	struct sluice_rule rule;
	struct sluice_service row;
	struct sluice_holding holding; /* whose limits these are */
	struct fleet_limit limit[SLUICE_FLEET_LIMITS]; /* by SLUICE_FLEET_LIMIT() */
	struct sluice_budget asks; /* budget of this processor */
	__u64 now;
	__u32 may_ask; /* the daemon is in touch with the store */
	__u32 pad;
};

MAP(BPF_MAP_TYPE_PERCPU_ARRAY, fleet_views, __u32, struct fleet_view, 1);

static __always_inline struct fleet_view *fleet_view(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&fleet_views, &zero);
}

/* Reserves an empty record about `h`. NULL: there is no room. */
static __always_inline struct sluice_fleet_change *change_begin(const struct sluice_holding *h)
{
	struct sluice_fleet_change *c = bpf_ringbuf_reserve(&fleet_changes, sizeof(*c), 0);
	struct sluice_fleet *f;
	__u32 zero = 0;

	if (c) {
		__builtin_memset(c, 0, sizeof(*c));
		c->holding = *h;
		return c;
	}
	f = bpf_map_lookup_elem(&fleet, &zero);
	if (f)
		__sync_fetch_and_add(&f->lost, 1);
	return NULL;
}

/* Returns the policy's own limit, given one that may be narrowed. */
static __always_inline __u32 most_own(const struct fleet_view *v, __u32 at, __u32 most)
{
	return most & SLUICE_MOST_LEASED ? v->limit[at].own : most;
}

static __always_inline void change_limit(struct sluice_fleet_change *c, const struct fleet_view *v, __u32 level,
					 const struct sluice_limit *limit)
{
	c->connections[level] = most_own(v, SLUICE_FLEET_LIMIT(level, 0), limit->connections);
	c->rate[level] = most_own(v, SLUICE_FLEET_LIMIT(level, 1), limit->rate);
	c->seconds[level] = rate_seconds(limit);
}

/*
 * Tells that what `h` holds is sure from now on or, with `asks`, would be if it had a lease. The rows are the policy's, or those of
 * fleet_view().
 */
__noinline int fleet_tell(const struct sluice_holding *h, const struct sluice_rule *rule,
			  const struct sluice_service *row, __u32 asks)
{
	const struct fleet_view *v = fleet_view();
	struct sluice_fleet_change *c;

	if (!h || !rule || !row || !v)
		return 0;
	c = change_begin(h);
	if (!c)
		return 0;
	change_limit(c, v, SLUICE_FLEET_SOURCE, &rule->source);
	if (h->network_bits)
		change_limit(c, v, SLUICE_FLEET_NETWORK, &rule->network);
	if (h->set_total)
		change_limit(c, v, SLUICE_FLEET_SET, &rule->set);
	if (row->fleet)
		change_limit(c, v, SLUICE_FLEET_SERVICE, &row->total);
	c->asks = asks;
	c->exact = row->exact;
	bpf_ringbuf_submit(c, 0);
	return 0;
}

/* Tells that what `h` held for sure is given back. */
__noinline int fleet_tell_given(const struct sluice_holding *h)
{
	struct sluice_fleet_change *c = h ? change_begin(h) : NULL;

	if (c)
		bpf_ringbuf_submit(c, 0);
	return 0;
}

#endif
