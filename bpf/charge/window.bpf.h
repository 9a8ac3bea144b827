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
 * Returns all ones if the bucket at index i still counts `gap` buckets after the running one, else 0. It has no branch, and no mask of a
 * constant, at which newer kernels branch, too: the verifier would follow both sides, for each bucket, wherever a window is looked at.
 */
static __always_inline __u32 window_keeps(__u32 running, __u32 i, __u64 gap)
{
	__s64 age = (__s64)running - i, wraps = age >> 63, over;

	OPAQUE(wraps);
	age -= wraps * SLUICE_RATE_BUCKETS;
	over = SLUICE_RATE_BUCKETS - 1 - age - (__s64)gap;
	OPAQUE(over);
	return ~(over >> 63);
}

/* Returns the bucket `gap` after the running one, where both are less than SLUICE_RATE_BUCKETS. */
static __always_inline __u32 window_after(__u32 running, __u64 gap)
{
	__u64 at = running + gap;

	return at < SLUICE_RATE_BUCKETS ? at : at - SLUICE_RATE_BUCKETS;
}

/* Forgets what is older than the window. With another interval it begins anew: what was counted for one says nothing about another. */
static __always_inline void window_advance(struct sluice_window *w, __u64 epoch, __u64 width)
{
	__u64 gap = epoch - w->epoch;
	__u32 running = w->running, sum = 0, i;

	if (w->width_ns != width || (__s64)gap >= SLUICE_RATE_BUCKETS) {
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
		w->hits[i] &= window_keeps(running, i, gap);
		sum += w->hits[i];
	}
	w->sum = sum;
	w->running = window_after(running, gap);
	w->epoch = epoch;
}

/* Returns what `sum` would be after window_advance(), for code that only looks. */
static __always_inline __u32 window_sum(const struct sluice_window *w, __u64 epoch, __u64 width)
{
	__u64 gap = epoch - w->epoch;
	__u32 running = w->running, sum = 0, i;

	if (w->width_ns != width || (__s64)gap >= SLUICE_RATE_BUCKETS)
		return 0;
	if ((__s64)gap <= 0)
		return w->sum;
	for (i = 0; i < SLUICE_RATE_BUCKETS; i++)
		sum += w->hits[i] & window_keeps(running, i, gap);
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
