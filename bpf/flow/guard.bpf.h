/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why ACKs at a port are judged, and since when. A watch stands while some handshakes at the port hold nothing: an ACK then looks for its
 * element in the table of handshakes. A guard for cookies stands while cookies may come back, or after the table has forgotten a handshake:
 * an ACK without an element then asks the socket table. Admission and the sweeper raise both, admission reads them, and they end by
 * themselves.
 *
 * The functions without `static` are verified once, apart from their callers; otherwise each would double the paths through admission.
 */
#ifndef SLUICE_GUARD_BPF_H
#define SLUICE_GUARD_BPF_H

#define GUARD_SLACK_NS (1000ULL * 1000000) /* how much longer a guard is raised than it has to stand */

/* `port` is in host order. */
static __always_inline struct sluice_guard *guard_of(__u16 port)
{
	__u32 index = port;

	return bpf_map_lookup_elem(&guards, &index);
}

static __always_inline int guard_stands(const struct sluice_guard *g, __u64 now)
{
	return g->watch_until_ns > now || g->cookies_until_ns > now;
}

/*
 * Notes since when a guard stands, if none stood before. The exchange is a full barrier, so nobody sees the new end with the old beginning.
 */
static __always_inline void guard_begin(struct sluice_guard *g, __u64 now)
{
	if (!guard_stands(g, now))
		__sync_lock_test_and_set(&g->since_ns, now);
}

/* Raises one of the two ends of *g: it is not before `until`, and not written again for each packet. */
static __always_inline void guard_raise(struct sluice_guard *g, __u64 *end, __u64 until, __u64 now)
{
	if (*(const volatile __u64 *)end >= until)
		return;
	guard_begin(g, now);
	*(volatile __u64 *)end = until + GUARD_SLACK_NS;
}

/* Raises the watch until nothing that holds no slot now can still complete. */
__noinline int watch_raise(__u16 port, __u64 now)
{
	struct sluice_guard *g = guard_of(port);

	if (g)
		guard_raise(g, &g->watch_until_ns, now + SLUICE_SWEEP_NS * 2 + SLUICE_EXPIRED_NS, now);
	return 0;
}

/* Raises the guard until the cookie that is sent now is no longer good. */
__noinline int cookies_guard(__u16 port, __u64 now)
{
	struct sluice_guard *g = guard_of(port);

	if (g)
		guard_raise(g, &g->cookies_until_ns, now + SLUICE_GUARD_NS, now);
	return 0;
}

/* Returns non-zero if an ACK that the table of handshakes does not know may complete one all the same. Ask after looking at the table. */
static __always_inline int cookies_guarded(const struct sluice_guard *g, __u64 now)
{
	return *(const volatile __u64 *)&g->cookies_until_ns > now;
}

/* Sets an end that has passed to 0, so that packets know without a clock that it is over; but not if somebody raises it just now. */
static __always_inline void guard_end(__u64 *until, __u64 now)
{
	__u64 ended = *(volatile __u64 *)until;

	if (ended && ended <= now)
		__sync_val_compare_and_swap(until, ended, 0);
}

/*
 * Returns non-zero if the guard stands. Otherwise it clears the guard (but not for explain, `dry`), so that the next packet need not ask
 * for the time.
 */
static __always_inline int guard_asked(struct sluice_guard *g, __u64 now, int dry)
{
	if (guard_stands(g, now))
		return 1;
	if (!dry) {
		guard_end(&g->watch_until_ns, now);
		guard_end(&g->cookies_until_ns, now);
	}
	return 0;
}

/*
 * Returns non-zero if every ACK that could complete a handshake is judged, and those let through earlier have long been processed. Only
 * then do unanswered handshakes stop obstructing clients that answer.
 */
__noinline int guard_is_firm(__u16 port, __u64 now)
{
	const struct sluice_guard *g = guard_of(port);

	return g && guard_stands(g, now) && now - g->since_ns > SLUICE_SWEEP_NS;
}

#endif
