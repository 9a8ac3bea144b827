/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records peaks of sources and services when a connection is established, for `suggest` and `sources`. No packet waits for it. */
#ifndef SLUICE_PEAK_BPF_H
#define SLUICE_PEAK_BPF_H

/*
 * Returns 1 + the k for which n is in (2^(k-1), 2^k], or 0 for 0. It is verified once, apart from its callers, because it has many paths.
 */
__noinline __u32 peak_bucket(__u32 n)
{
	__u32 k = 0;

	if (!n)
		return 0;
	n--;
	if (n >> 16) {
		n >>= 16;
		k += 16;
	}
	if (n >> 8) {
		n >>= 8;
		k += 8;
	}
	if (n >> 4) {
		n >>= 4;
		k += 4;
	}
	if (n >> 2) {
		n >>= 2;
		k += 2;
	}
	if (n >> 1) {
		n >>= 1;
		k++;
	}
	k += n + 1;
	return k < SLUICE_PEAKS ? k : SLUICE_PEAKS;
}

/*
 * Returns NULL for bucket 0 and for those above. `at` is opaque because the compiler would drop the check: it knows of bounds that Linux
 * 6.1 does not.
 */
static __always_inline __u32 *peak_cell(__u32 *histogram, __u32 bucket)
{
	__u32 at = bucket - 1;

	OPAQUE(at);
	return at < SLUICE_PEAKS ? &histogram[at] : NULL;
}

/*
 * Moves a source from its bucket to a higher one; buckets are as in struct sluice_counter. If the histogram has begun anew since, there is
 * nothing to take away.
 */
static __always_inline void peak_move(__u32 *histogram, __u32 from, __u32 to)
{
	__u32 *cell = peak_cell(histogram, from);

	if (cell && *cell)
		__sync_fetch_and_add(cell, -1);
	cell = peak_cell(histogram, to);
	if (cell)
		__sync_fetch_and_add(cell, 1);
}

/*
 * Notes one more connection in an interval. Returns how many there were, as far as two numbers can tell: all of the running interval, and
 * the part of the one before that is not over yet. Call it under the counter's lock.
 */
static __always_inline __u32 pace_note(struct sluice_counter *c, __u64 interval, __u64 now)
{
	__u32 epoch = interval ? now / interval : 0;
	__u64 left;

	if (!interval || !now)
		return 0;
	if (c->pace_epoch != epoch) {
		c->pace_before = c->pace_epoch + 1 == epoch ? c->pace_now : 0;
		c->pace_now = 0;
		c->pace_epoch = epoch;
	}
	c->pace_now++;
	left = (interval - now % interval) >> 10;
	return c->pace_now + (c->pace_before * left + (interval >> 10)) / ((interval >> 10) + 1);
}

/* `ordinary`: it counts for the service's histograms, too. */
static __always_inline void source_peak(struct sluice_peaks *p, struct sluice_counter *c,
					const struct sluice_source_key *own, int ordinary, __u64 now)
{
	__u32 connections = 0, rate = 0, was_connections = 0, was_rate = 0;
	__u64 interval = p->width_ns * (SLUICE_RATE_BUCKETS - 1);

	bpf_spin_lock(&c->lock);
	if (counter_is(c, own)) {
		connections = c->held - c->reserved;
		if (connections > c->most)
			c->most = connections;
		rate = pace_note(c, interval, now);
	}
	bpf_spin_unlock(&c->lock);
	if (!ordinary)
		return;
	connections = peak_bucket(connections);
	rate = peak_bucket(rate);
	bpf_spin_lock(&c->lock);
	if (counter_is(c, own)) {
		was_connections = c->peak_connections;
		was_rate = c->peak_rate;
		if (connections > was_connections)
			c->peak_connections = connections;
		if (rate > was_rate)
			c->peak_rate = rate;
	}
	bpf_spin_unlock(&c->lock);
	if (connections > was_connections)
		peak_move(p->source_connections, was_connections, connections);
	if (rate > was_rate)
		peak_move(p->source_rate, was_rate, rate);
}

/* Two processors may both find a new peak. If the lower one wins, the next connection outdoes it. */
static __always_inline void service_peak(struct sluice_peaks *p, struct sluice_counter *c, __u64 now)
{
	__u64 interval = p->total_width_ns * (SLUICE_RATE_BUCKETS - 1);
	__u32 connections, rate;

	bpf_spin_lock(&c->lock);
	connections = c->held - c->reserved;
	rate = pace_note(c, interval, now);
	bpf_spin_unlock(&c->lock);
	if (connections > p->connections)
		p->connections = connections;
	if (rate > p->rate)
		p->rate = rate;
}

static __always_inline int limit_is(const struct sluice_limit *a, const struct sluice_limit *b)
{
	return a->connections == b->connections && a->rate == b->rate && a->width_ns == b->width_ns;
}

/* It is verified once, apart from its callers. */
__noinline int peaks_take(const struct sluice_source_key *key, int source_too, int ordinary, int is_new)
{
	__u64 now = is_new ? bpf_ktime_get_ns() : 0;
	struct sluice_peaks *p;
	struct sluice_counter *c;
	__u32 index;

	if (!key)
		return 0;
	index = key->service;
	p = bpf_map_lookup_elem(&peaks, &index);
	c = total_of(index);
	if (!p || !c)
		return 0;
	service_peak(p, c, now);
	c = source_too ? source_counter(key) : NULL;
	if (c)
		source_peak(p, c, key, ordinary, now);
	return 0;
}

/* A connection that holds `h` was established (is_new), or is counted only now although it already existed. */
static __always_inline void peaks_note(const struct sluice_view *view, const struct sluice_holding *h, int is_new)
{
	int ordinary = view->rule->action == SLUICE_ACTION_LIMIT && limit_is(&view->rule->source, &view->row->source);

	peaks_take(&h->source, h->holds & SLUICE_HOLDS_SOURCE, ordinary, is_new);
}

#endif
