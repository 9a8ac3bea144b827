/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A sliding window of SLUICE_RATE_BUCKETS buckets, each a 20th of the interval wide. The sum covers the running bucket and the 20 before
 * it, at least the last interval and at most 5 % more, so no interval ever has more than N events. Call this under the counter's lock. Time
 * is an argument.
 */
#ifndef SLUICE_WINDOW_BPF_H
#define SLUICE_WINDOW_BPF_H

static __always_inline void window_clear(struct sluice_window *w)
{
	int i;

	for (i = 0; i < SLUICE_RATE_BUCKETS; i++)
		w->hits[i] = 0;
}

/* Begins a window that is empty. */
static __always_inline void window_begin(struct sluice_window *w, __u64 epoch, __u64 width)
{
	w->width_ns = width;
	w->epoch = epoch;
}

#define OPAQUE(x) \
	__asm__ volatile("" : "+r"(x)) /* hides x from the compiler, which would rearrange what is to be verified */

/*
 * Returns the bucket i + 1 after the running one, less than SLUICE_RATE_BUCKETS. It subtracts where adding would be natural: the verifier
 * traces sums back to what was added, and would walk a loop over them once for each bucket it may begin at.
 */
static __always_inline __u32 window_after(__u32 running, __u32 i)
{
	__s64 at, back = SLUICE_RATE_BUCKETS - 1 - (__s64)running;

	OPAQUE(back);
	at = i - back;
	if (at < 0) {
		OPAQUE(at);
		at += SLUICE_RATE_BUCKETS;
	}
	return at;
}

/* Forgets what is older than the window. With another interval it begins anew: what was counted for one says nothing about another. */
static __always_inline void window_advance(struct sluice_window *w, __u64 epoch, __u64 width)
{
	__u64 gap = epoch - w->epoch;
	__u32 running = w->running, at, i;

	if (w->width_ns != width) {
		window_clear(w);
		w->sum = 0;
		w->running = 0;
		w->width_ns = width;
		w->epoch = epoch;
		return;
	}
	if ((__s64)gap <= 0 || running >= SLUICE_RATE_BUCKETS)
		return;
	for (i = 0; i < SLUICE_RATE_BUCKETS; i++) {
		if (i >= gap)
			break;
		at = window_after(running, i);
		w->sum -= w->hits[at];
		w->hits[at] = 0;
		w->running = at;
	}
	w->epoch = epoch;
}

/* Returns what `sum` would be after window_advance(), for code that only looks. */
static __always_inline __u32 window_sum(const struct sluice_window *w, __u64 epoch, __u64 width)
{
	__u64 gap = epoch - w->epoch;
	__u32 running = w->running, sum = w->sum, i;

	if (w->width_ns != width)
		return 0;
	if ((__s64)gap <= 0 || running >= SLUICE_RATE_BUCKETS)
		return sum;
	for (i = 0; i < SLUICE_RATE_BUCKETS; i++) {
		if (i >= gap)
			break;
		sum -= w->hits[window_after(running, i)];
	}
	return sum;
}

static __always_inline void window_hits(struct sluice_window *w, __u32 events)
{
	__u32 at = w->running;

	if (at >= SLUICE_RATE_BUCKETS)
		return;
	w->hits[at] += events;
	w->sum += events;
}

static __always_inline void window_hit(struct sluice_window *w)
{
	window_hits(w, 1);
}

/* Returns the bucket of `then_epoch`, or SLUICE_RATE_BUCKETS if the window no longer has it, or not yet. */
static __always_inline __u32 window_at(const struct sluice_window *w, __u64 then_epoch)
{
	__u64 age = w->epoch - then_epoch;
	__u32 at = w->running;

	if (age >= SLUICE_RATE_BUCKETS)
		return SLUICE_RATE_BUCKETS;
	return at >= age ? at - age : at + SLUICE_RATE_BUCKETS - age;
}

/* Counts an event of `then_epoch`, but not if that is over. */
static __always_inline void window_hit_at(struct sluice_window *w, __u64 then_epoch)
{
	__u32 at = window_at(w, then_epoch);

	OPAQUE(at);
	if (at >= SLUICE_RATE_BUCKETS)
		return;
	w->hits[at]++;
	w->sum++;
}

/* Takes back the event of `then_epoch`, if the window still has it. */
static __always_inline void window_refund(struct sluice_window *w, __u64 then_epoch)
{
	__u32 at = window_at(w, then_epoch);

	OPAQUE(at);
	if (at >= SLUICE_RATE_BUCKETS || !w->hits[at])
		return;
	w->hits[at]--;
	w->sum--;
}

#endif
