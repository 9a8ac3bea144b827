/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Collects the figures behind a verdict, for people. It reads them after the judgement, without locks and without changing anything. */
#ifndef SLUICE_EXPLAIN_BPF_H
#define SLUICE_EXPLAIN_BPF_H

/* The first part of a struct sluice_count, because stacks are short. */
struct count_seen {
	__u32 held;
	__u32 events;
	struct sluice_limit limit;
};

static __always_inline void count_fill(struct count_seen *out, const struct sluice_counter *c,
				       const struct sluice_rate *r)
{
	__u64 width = out->limit.width_ns, now = bpf_ktime_get_ns();

	if (c)
		out->held = c->held;
	if (r && width)
		out->events = window_sum(&r->all, now / width, width);
	out->events += first_sum(c, rate_seconds(&out->limit), now, 0);
}

/* These are verified once, apart from their callers, because they walk a window. The caller fills out->limit. */
__noinline int source_count(const struct sluice_source_key *key, struct count_seen *out)
{
	const struct sluice_counter *c;
	struct sluice_rate_key rate;

	if (!key || !out)
		return 0;
	rate.of = *key;
	rate.seconds = rate_seconds(&out->limit);
	c = source_seen(&rate.of);
	count_fill(out, c, rate_seen(&rate));
	return 0;
}

__noinline int network_count(const struct sluice_holding *h, struct count_seen *out)
{
	const struct sluice_counter *c;
	struct sluice_rate_key rate;

	if (!h || !out)
		return 0;
	rate.of = network_of(h);
	rate.seconds = rate_seconds(&out->limit);
	c = network_seen(&rate.of);
	count_fill(out, c, rate_seen(&rate));
	return 0;
}

__noinline int total_count(__u32 index, struct count_seen *out)
{
	if (index && out)
		count_fill(out, total_of(index), bpf_map_lookup_elem(&total_rates, &index));
	return 0;
}

static __always_inline void count_put(struct sluice_count *out, const struct count_seen *one, int leased, __u32 level)
{
	out->held = one->held;
	out->events = one->events;
	out->limit = one->limit;
	if (leased)
		leased_fill(out, level);
}

static __always_inline void explanation_fill(struct sluice_explanation *out, const struct sluice_pkt *pkt,
					     const struct sluice_view *view)
{
	struct count_seen one = {}; /* reused for one after the other, because the stack is short */
	struct sluice_holding h;
	int leased;

	__builtin_memset(out, 0, sizeof(*out));
	out->observed = view->observed;
	out->service = view->service;
	out->country = SLUICE_LEAF_COUNTRY(view->leaf);
	if (!view->rule)
		return;
	leased = view->rule->fleet &&
		 fleet_narrow(view->generation, view->rule, view->row, &pkt->tuple.source, view->service);
	holding_of(view, &pkt->tuple.source, &h);
	out->rule = *view->rule;
	out->source = h.source;
	one.limit = view->rule->source;
	source_count(&h.source, &one);
	count_put(&out->counts[0], &one, leased, SLUICE_FLEET_SOURCE);
	one = (struct count_seen){ .limit = view->rule->set };
	total_count(h.set_total, &one);
	count_put(&out->counts[1], &one, leased, SLUICE_FLEET_SET);
	one = (struct count_seen){ .limit = view->row->total };
	total_count(view->service, &one);
	count_put(&out->counts[2], &one, leased, SLUICE_FLEET_SERVICE);
	one = (struct count_seen){ .limit = view->rule->network };
	if (h.network_bits)
		network_count(&h, &one);
	count_put(&out->counts[3], &one, leased, SLUICE_FLEET_NETWORK);
}

#endif
