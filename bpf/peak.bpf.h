/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Peaks of sources and services, noted when a connection is established: what `suggest` is made from. No packet waits for it. */
#ifndef SLUICE_PEAK_BPF_H
#define SLUICE_PEAK_BPF_H

/* 1 + the k for which n is in (2^(k-1), 2^k]; 0 for 0. Verified once, apart from its callers, for its many ways. */
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
 * Moves a source from the bucket it was in to a higher one; buckets as in struct sluice_counter. The histogram may have begun
 * anew since: then there is nothing to take away.
 */
static __always_inline void peak_move(__u32 *histogram, __u32 from, __u32 to)
{
	if (from && from <= SLUICE_PEAKS && histogram[from - 1])
		__sync_fetch_and_add(&histogram[from - 1], -1);
	if (to && to <= SLUICE_PEAKS)
		__sync_fetch_and_add(&histogram[to - 1], 1);
}

static __always_inline void source_peak(struct sluice_peaks *p, struct sluice_counter *c)
{
	__u32 connections = 0, rate = 0, was_connections = 0, was_rate = 0;

	bpf_spin_lock(&c->lock);
	connections = c->held - c->reserved;
	rate = c->window.width_ns == p->width_ns ? c->window.sum : 0;
	bpf_spin_unlock(&c->lock);
	connections = peak_bucket(connections);
	rate = peak_bucket(rate);
	bpf_spin_lock(&c->lock);
	was_connections = c->peak_connections;
	was_rate = c->peak_rate;
	if (connections > was_connections)
		c->peak_connections = connections;
	if (rate > was_rate)
		c->peak_rate = rate;
	bpf_spin_unlock(&c->lock);
	if (connections > was_connections)
		peak_move(p->source_connections, was_connections, connections);
	if (rate > was_rate)
		peak_move(p->source_rate, was_rate, rate);
}

/* Two processors may both find a new peak: the lower one may win, and is outdone by the next connection. */
static __always_inline void service_peak(struct sluice_peaks *p, const struct sluice_counter *c)
{
	__u32 connections = c->held - c->reserved;

	if (connections > p->connections)
		p->connections = connections;
	if (c->window.width_ns == p->total_width_ns && c->window.sum > p->rate)
		p->rate = c->window.sum;
}

static __always_inline int limit_is(const struct sluice_limit *a, const struct sluice_limit *b)
{
	return a->connections == b->connections && a->rate == b->rate && a->width_ns == b->width_ns;
}

/* Verified once, apart from its callers. */
__noinline int peaks_take(const struct sluice_source_key *key, int source_too)
{
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
	service_peak(p, c);
	c = source_too ? bpf_map_lookup_elem(&sources, key) : NULL;
	if (c)
		source_peak(p, c);
	return 0;
}

/* A connection that holds `h` was established. */
static __always_inline void peaks_note(const struct sluice_view *view, const struct sluice_holding *h)
{
	int ordinary = view->rule->action == SLUICE_ACTION_LIMIT && limit_is(&view->rule->source, &view->row->source);

	peaks_take(&h->source, ordinary && h->holds & SLUICE_HOLDS_SOURCE);
}

#endif
