/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A quick check of a connection's limits before anything is charged: which one is full, and of what, connections or handshakes
 * that a spoofer may have begun. Admission calls this.
 */
#ifndef SLUICE_LIMITS_BPF_H
#define SLUICE_LIMITS_BPF_H

/* Returns non-zero if the limit is one of many sources together. */
static __always_inline int reason_is_of_many(enum sluice_reason why)
{
	return why == SLUICE_SET_CONNECTIONS || why == SLUICE_SERVICE_CONNECTIONS || why == SLUICE_SET_RATE ||
	       why == SLUICE_SERVICE_RATE;
}

/* Whether a limit has room, and if not, what it is full of. */
enum occupancy {
	ROOM_LEFT,
	FULL_SURE, /* of connections and answered handshakes alone */
	FULL_UNSURE, /* part of it is handshakes that nobody has answered yet */
	FULL_CONTESTED, /* so much of it is, of a limit of many sources, that a spoofer may be keeping others out */
};

/* Is the counter full, and of what? */
static __always_inline enum occupancy counter_occupancy(const struct sluice_counter *c, __u32 limit)
{
	if (!limit_reached(c ? c->held : 0, limit))
		return ROOM_LEFT;
	return limit_reached(c ? counter_sure(c) : 0, limit) ? FULL_SURE : FULL_UNSURE;
}

static __always_inline enum occupancy total_occupancy(__u32 index, __u32 limit)
{
	const struct sluice_counter *c = limit ? total_of(index) : NULL;
	enum occupancy occupancy = counter_occupancy(c, limit);

	if (occupancy == FULL_UNSURE && c && counter_unsure(c) * 2 >= limit_number(limit))
		return FULL_CONTESTED;
	return occupancy;
}

/* The same for a rate. `c` may have its first event. `many`: it is one of many sources together. */
static __always_inline enum occupancy rate_occupancy(const struct sluice_rate *r, const struct sluice_counter *c,
						     const struct sluice_limit *limit, int many)
{
	__u64 now, width = limit->width_ns;
	__u32 all, unsure;

	if (!width || !limit_reached((r ? r->all.sum : 0) + (c && c->first_seconds), limit->rate))
		return ROOM_LEFT;
	if (!r && !c)
		return FULL_SURE;
	now = bpf_ktime_get_ns();
	all = first_sum(c, rate_seconds(limit), now, 0);
	unsure = all && c->first_unanswered;
	if (r) {
		all += window_sum(&r->all, now / width, width);
		unsure += window_sum(&r->unanswered, now / width, width);
	}
	if (!limit_reached(all, limit->rate))
		return ROOM_LEFT;
	if (limit_reached(all > unsure ? all - unsure : 0, limit->rate))
		return FULL_SURE;
	return many && unsure * 2 >= limit_number(limit->rate) ? FULL_CONTESTED : FULL_UNSURE;
}

/* Returns an enum occupancy, for a source or a network. */
__noinline int level_rate_occupancy(const struct sluice_holding *h, int network, const struct sluice_limit *limit)
{
	const struct sluice_counter *c = NULL;
	struct sluice_rate_key own;

	if (!h || !limit)
		return ROOM_LEFT;
	own.of = level_key(h, network);
	own.seconds = rate_seconds(limit);
	if (!network && known_maybe(&own.of))
		c = bpf_map_lookup_elem(&sources, &own.of);
	return rate_occupancy(rate_seen(&own), c, limit, 0);
}

__noinline int network_occupancy(const struct sluice_holding *h, __u32 limit)
{
	struct sluice_source_key own;

	if (!h)
		return ROOM_LEFT;
	own = network_of(h);
	return counter_occupancy(network_seen(&own), limit);
}

/* Returns an enum occupancy, for a set or a service. */
__noinline int total_rate_occupancy(__u32 index, const struct sluice_limit *limit)
{
	const struct sluice_rate *r = limit ? bpf_map_lookup_elem(&total_rates, &index) : NULL;

	return r ? rate_occupancy(r, NULL, limit, 1) : ROOM_LEFT;
}

/* The first limit that is certainly full decides; without one, the first that is full at all. */
static __always_inline void peek_add(enum occupancy *occupancy, enum sluice_reason *why, enum occupancy here,
				     enum sluice_reason reason)
{
	if (here == ROOM_LEFT || *occupancy == FULL_SURE || (*occupancy != ROOM_LEFT && here != FULL_SURE))
		return;
	*occupancy = here;
	*why = reason;
}

#define PEEK(occupancy, why) ((why) << 8 | (occupancy))

/* Checks networks and rates, which most policies do not have, in one call. Returns PEEK() of what there is to add. */
__noinline int limits_peek_more(const struct sluice_holding *h, const struct sluice_rule *rule,
				const struct sluice_service *row)
{
	enum sluice_reason why = SLUICE_UNDECIDED;
	enum occupancy occupancy = ROOM_LEFT;

	if (!h || !rule || !row)
		return ROOM_LEFT;
	if (h->source_seconds)
		peek_add(&occupancy, &why, level_rate_occupancy(h, 0, &rule->source), SLUICE_SOURCE_RATE);
	if (occupancy != FULL_SURE && h->network_bits)
		peek_add(&occupancy, &why, network_occupancy(h, rule->network.connections), SLUICE_NETWORK_CONNECTIONS);
	if (occupancy != FULL_SURE && h->network_seconds)
		peek_add(&occupancy, &why, level_rate_occupancy(h, 1, &rule->network), SLUICE_NETWORK_RATE);
	if (occupancy != FULL_SURE && h->set_total && rule->set.rate)
		peek_add(&occupancy, &why, total_rate_occupancy(h->set_total, &rule->set), SLUICE_SET_RATE);
	if (occupancy != FULL_SURE && row->total.rate)
		peek_add(&occupancy, &why, total_rate_occupancy(h->source.service, &row->total), SLUICE_SERVICE_RATE);
	return PEEK(occupancy, why);
}

/* Looks before any counter is made or locked. Returns UNDECIDED, or why this SYN cannot have a slot, and what that limit is full of. */
static __always_inline enum sluice_reason limits_peek(const struct sluice_view *view,
						      const struct sluice_counter *source,
						      const struct sluice_holding *h, enum occupancy *occupancy)
{
	enum sluice_reason why = SLUICE_UNDECIDED;
	int more;

	*occupancy = ROOM_LEFT;
	peek_add(occupancy, &why, counter_occupancy(source, view->rule->source.connections), SLUICE_SOURCE_CONNECTIONS);
	if (*occupancy == FULL_SURE)
		return why;
	if (h->set_total)
		peek_add(occupancy, &why, total_occupancy(h->set_total, view->rule->set.connections),
			 SLUICE_SET_CONNECTIONS);
	peek_add(occupancy, &why, total_occupancy(h->source.service, view->row->total.connections),
		 SLUICE_SERVICE_CONNECTIONS);
	if (*occupancy == FULL_SURE ||
	    !(h->source_seconds | h->network_bits | view->rule->set.rate | view->row->total.rate))
		return why;
	more = limits_peek_more(h, view->rule, view->row);
	peek_add(occupancy, &why, more & 0xff, more >> 8);
	return why;
}

#endif
