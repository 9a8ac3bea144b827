/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits that hold over several hosts. This host may hold as much of each as its lease says (maps/fleet.h): a packet at such a limit is judged by a
 * copy of the policy's rows whose limits are narrowed to the leases; the order of checks, and everything below it, is the same. No packet
 * waits: if a lease is missing, or too small, the daemon learns that more is wanted, and the packet is judged without it. Admission calls this.
 */
#ifndef SLUICE_FLEET_BPF_H
#define SLUICE_FLEET_BPF_H

/*
 * How often a processor asks at most, and how many times at once: unknown sources, a spoofer's among them, must not fill the ring, in which
 * others report what is sure. A source that is passed over asks again with its next SYN.
 */
#define ASK_GAP_NS (50ULL * 1000)
#define ASK_BURST 100

/* What a packet is judged by, as far as this file is concerned: view->leased. */
enum fleet_says {
	FLEET_SAYS_NOTHING, /* the policy's own limits */
	FLEET_SAYS_PART, /* a part of them that nobody has to be asked for */
	FLEET_SAYS_LEASE, /* leases, which may be taken back: whatever becomes a connection has to be proved first */
};

static __always_inline __u64 limit_key(const struct sluice_fleet *f, const struct sluice_holding *h, __u64 owner,
				       __u32 at, __u32 seconds)
{
	__u32 level = at % SLUICE_FLEET_LEVELS;
	struct sluice_source_key who = {};

	if (level == SLUICE_FLEET_SOURCE)
		who = h->source;
	else if (level == SLUICE_FLEET_NETWORK)
		who = network_of(h);
	return fleet_key(f->secret, owner, &who.addr, who.bits, level, at >= SLUICE_FLEET_LEVELS, seconds);
}

/*
 * Narrows the limit `at` of fleet_view(), which is `own` in the policy. Returns an enum fleet_says. `owner`: see fleet_key(). It is
 * verified once, apart from its caller.
 */
__noinline int limit_narrow(__u32 at, __u64 owner, __u32 own, __u32 seconds)
{
	struct fleet_view *v = fleet_view();
	const struct sluice_lease *lease;
	const struct sluice_fleet *f;
	struct fleet_limit *limit;
	__u32 zero = 0;
	__u64 key, part;

	f = bpf_map_lookup_elem(&fleet, &zero);
	if (!v || !f || at >= SLUICE_FLEET_LIMITS)
		return FLEET_SAYS_NOTHING;
	OPAQUE(at);
	limit = &v->limit[at & (SLUICE_FLEET_LIMITS - 1)];
	limit->own = own;
	limit->most = 0;
	limit->others = 0;
	if (!own)
		return FLEET_SAYS_NOTHING;
	if (!v->may_ask && f->partition == SLUICE_PARTITION_SHARE) {
		part = ((__u64)own + f->hosts - 1) / (f->hosts ?: 1);
		limit->most = SLUICE_MOST_LEASED | (__u32)part;
		return FLEET_SAYS_PART;
	}
	key = limit_key(f, &v->holding, owner, at, seconds);
	limit->key = key;
	lease = bpf_map_lookup_elem(&fleet_leases, &key);
	part = fleet_implicit(own, f->hosts, v->row.exact);
	if (lease) {
		part = lease->lease < own ? lease->lease : own;
		limit->others = lease->others;
	}
	limit->most = SLUICE_MOST_LEASED | (__u32)part;
	return lease || v->row.exact ? FLEET_SAYS_LEASE : FLEET_SAYS_PART;
}

/* Narrows both limits of a level. Returns an enum fleet_says. */
static __always_inline int level_narrow(struct fleet_view *v, __u32 level, __u64 owner, struct sluice_limit *limit)
{
	int says = limit_narrow(level, owner, limit->connections, 0), rate;

	rate = limit_narrow(SLUICE_FLEET_LIMIT(level, 1), owner, limit->rate, rate_seconds(limit));
	if (limit->connections)
		limit->connections = v->limit[SLUICE_FLEET_LIMIT(level, 0)].most;
	if (limit->rate)
		limit->rate = v->limit[SLUICE_FLEET_LIMIT(level, 1)].most;
	return says > rate ? says : rate;
}

/* Returns non-zero if limits are narrowed now. If `hosts` is 1, nobody else is there to hold any. */
static __always_inline int fleet_opens(struct fleet_view *v)
{
	const struct sluice_fleet *f;
	__u32 zero = 0;

	f = bpf_map_lookup_elem(&fleet, &zero);
	if (!f || f->hosts < 2)
		return 0;
	v->now = bpf_ktime_get_ns();
	v->may_ask = *(const volatile __u64 *)&f->valid_until_ns > v->now;
	return v->may_ask || f->partition != SLUICE_PARTITION_LOCAL;
}

/* Fills fleet_view() for a packet of `source`. Returns an enum fleet_says; NOTHING: the view is empty. */
__noinline int fleet_narrow(const struct sluice_generation *g, const struct sluice_rule *rule,
			    const struct sluice_service *row, const struct sluice_addr *source, __u32 service)
{
	struct fleet_view *v = fleet_view();
	int says, more;

	if (!g || !rule || !row || !source || !v || !fleet_opens(v))
		return FLEET_SAYS_NOTHING;
	v->rule = *rule;
	v->row = *row;
	holding_fill(g, rule, source, service, &v->holding);
	says = level_narrow(v, SLUICE_FLEET_SOURCE, rule->fleet, &v->rule.source);
	more = level_narrow(v, SLUICE_FLEET_NETWORK, rule->fleet, &v->rule.network);
	says = more > says ? more : says;
	more = level_narrow(v, SLUICE_FLEET_SET, rule->fleet_set, &v->rule.set);
	says = more > says ? more : says;
	if (!row->fleet) {
		limit_narrow(SLUICE_FLEET_LIMIT(SLUICE_FLEET_SERVICE, 0), 0, 0, 0);
		limit_narrow(SLUICE_FLEET_LIMIT(SLUICE_FLEET_SERVICE, 1), 0, 0, 0);
		return says;
	}
	more = level_narrow(v, SLUICE_FLEET_SERVICE, row->fleet, &v->row.total);
	return more > says ? more : says;
}

/* From here on, the packet is judged by what this host may hold of the fleet's limits. */
static __always_inline void view_narrow(struct sluice_view *view, const struct sluice_addr *source)
{
	struct fleet_view *v;
	int says;

	if (!view->rule->fleet)
		return;
	says = fleet_narrow(view->generation, view->rule, view->row, source, view->service);
	v = says ? fleet_view() : NULL;
	if (!v)
		return;
	view->rule = &v->rule;
	view->row = &v->row;
	view->leased = says;
}

/* From here on, the packet is judged by the policy's own rows again. */
static __always_inline void view_widen(struct sluice_view *view, const struct sluice_addr *source)
{
	const struct sluice_service *row;

	if (!view->leased || !view->generation || !view->row)
		return;
	view->leased = FLEET_SAYS_NOTHING;
	row = service_row(view->slot, view->service);
	if (row)
		view->row = row;
	view->rule = rule_find(view, source);
}

/* Returns the policy's own limit of a source's connections. */
static __always_inline __u32 source_most(const struct sluice_view *view)
{
	const struct fleet_view *v = view->leased ? fleet_view() : NULL;

	return v ? v->limit[SLUICE_FLEET_SOURCE].own : view->rule->source.connections;
}

/* Returns an enum occupancy: does what is in force leave room at the limit `at`? */
static __always_inline int slots_fill(const struct fleet_view *v, __u32 at)
{
	struct sluice_source_key own = v->holding.source;

	if (at == SLUICE_FLEET_SOURCE)
		return counter_occupancy(source_seen(&own), v->rule.source.connections);
	if (at == SLUICE_FLEET_NETWORK)
		return network_occupancy(&v->holding, v->rule.network.connections);
	if (at == SLUICE_FLEET_SET)
		return total_occupancy(v->holding.set_total, v->rule.set.connections);
	return total_occupancy(own.service, v->row.total.connections);
}

/* The same for rates, by level. */
static __always_inline int events_fill(const struct fleet_view *v, __u32 level)
{
	if (level == SLUICE_FLEET_SOURCE)
		return level_rate_occupancy(&v->holding, 0, &v->rule.source);
	if (level == SLUICE_FLEET_NETWORK)
		return level_rate_occupancy(&v->holding, 1, &v->rule.network);
	if (level == SLUICE_FLEET_SET)
		return total_rate_occupancy(v->holding.set_total, &v->rule.set);
	return total_rate_occupancy(v->holding.source.service, &v->row.total);
}

/*
 * Returns 1 if the limit `at` of fleet_view() has no room, its lease could be larger, and nobody asked for that a moment ago. It is
 * verified once, apart from its caller.
 */
__noinline int limit_asks(__u32 at)
{
	const struct fleet_view *v = fleet_view();
	const struct fleet_limit *limit;
	struct sluice_lease *lease;
	__u64 key;

	if (!v || at >= SLUICE_FLEET_LIMITS)
		return 0;
	OPAQUE(at);
	limit = &v->limit[at & (SLUICE_FLEET_LIMITS - 1)];
	if (limit_number(limit->most) >= limit->own)
		return 0;
	if (!(at < SLUICE_FLEET_LEVELS ? slots_fill(v, at) : events_fill(v, at - SLUICE_FLEET_LEVELS)))
		return 0;
	key = limit->key;
	lease = bpf_map_lookup_elem(&fleet_leases, &key);
	if (lease && v->now - lease->asked_ns < SLUICE_FLEET_ASK_NS)
		return 0;
	if (lease)
		lease->asked_ns = v->now;
	return 1;
}

/* The packet that fleet_view() was filled for is refused, or holds nothing yet. Asks for everything that it lacks, at once. */
__noinline int fleet_ask(void)
{
	struct fleet_view *v = fleet_view();
	__u32 asks = 0, at;

	if (!v || !v->may_ask)
		return 0;
#pragma unroll
	for (at = 0; at < SLUICE_FLEET_LIMITS; at++)
		asks |= (limit_asks(at) & 1) << at;
	if (asks && budget_take(&v->asks, ASK_GAP_NS, ASK_BURST, v->now))
		fleet_tell(&v->holding, &v->rule, &v->row, asks);
	return 0;
}

/* Returns SLUICE_FLEET_LIMIT() of the limit that refuses for this reason, or SLUICE_FLEET_LIMITS if it is another reason. */
static __always_inline __u32 limit_of(enum sluice_reason why)
{
	switch (why) {
	case SLUICE_SOURCE_CONNECTIONS:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_SOURCE, 0);
	case SLUICE_NETWORK_CONNECTIONS:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_NETWORK, 0);
	case SLUICE_SET_CONNECTIONS:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_SET, 0);
	case SLUICE_SERVICE_CONNECTIONS:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_SERVICE, 0);
	case SLUICE_SOURCE_RATE:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_SOURCE, 1);
	case SLUICE_NETWORK_RATE:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_NETWORK, 1);
	case SLUICE_SET_RATE:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_SET, 1);
	case SLUICE_SERVICE_RATE:
		return SLUICE_FLEET_LIMIT(SLUICE_FLEET_SERVICE, 1);
	default:
		return SLUICE_FLEET_LIMITS;
	}
}

/*
 * Returns 1 if the limit of fleet_view() that refuses for this reason is narrowed, the store can be asked, and other hosts do not hold the
 * rest of it.
 */
__noinline int lease_may_grow(__u32 why)
{
	const struct fleet_view *v = fleet_view();
	const struct fleet_limit *limit;
	__u32 at = limit_of(why);

	if (!v || !v->may_ask || at >= SLUICE_FLEET_LIMITS)
		return 0;
	OPAQUE(at);
	limit = &v->limit[at & (SLUICE_FLEET_LIMITS - 1)];
	return (__u64)limit_number(limit->most) + limit->others < limit->own;
}

/* Fills in, for people, what is narrowed at one level. */
static __always_inline void leased_fill(struct sluice_count *out, __u32 level)
{
	const struct fleet_view *v = fleet_view();
	const struct fleet_limit *limit;

	if (!v)
		return;
	limit = &v->limit[SLUICE_FLEET_LIMIT(level, 0)];
	if (limit->own)
		out->connections = (struct sluice_leased){ limit->most, limit->others };
	limit = &v->limit[SLUICE_FLEET_LIMIT(level, 1)];
	if (limit->own)
		out->rate = (struct sluice_leased){ limit->most, limit->others };
}

#endif
