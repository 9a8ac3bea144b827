/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why ACKs at a port are judged, and since when. A watch stands while some handshakes at the port hold nothing: an ACK then looks for its
 * element in the table of handshakes. A guard for cookies stands while cookies may come back, or the table has forgotten a handshake: an
 * ACK without an element then asks the socket table. Raised by admission and the sweeper, read by admission. Both end by themselves.
 *
 * The functions without `static` are verified once, apart from their callers: each would else double the ways through admission.
 */
#ifndef SLUICE_GUARD_BPF_H
#define SLUICE_GUARD_BPF_H

#define GUARD_SLACK_NS (1000ULL * 1000000) /* a guard that stands is not written again for each packet */

/* `port` in host order. */
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
 * Begins to count how long it has stood, where none stood before. By an exchange, which is a full barrier: nobody sees the new end with
 * the old beginning.
 */
static __always_inline void guard_begin(struct sluice_guard *g, __u64 now)
{
	if (!guard_stands(g, now))
		__sync_lock_test_and_set(&g->since_ns, now);
}

/* Until all that hold nothing now can complete no more. */
__noinline int watch_raise(__u16 port, __u64 now)
{
	struct sluice_guard *g = guard_of(port);
	__u64 until = now + SLUICE_SWEEP_NS * 2 + SLUICE_EXPIRED_NS;

	if (!g || g->watch_until_ns + GUARD_SLACK_NS > until)
		return 0;
	guard_begin(g, now);
	*(volatile __u64 *)&g->watch_until_ns = until + GUARD_SLACK_NS;
	return 0;
}

/* Until the cookie that is sent now is good no more. */
__noinline int cookies_guard(__u16 port, __u64 now)
{
	struct sluice_guard *g = guard_of(port);
	__u64 until = now + SLUICE_GUARD_NS;

	if (!g || g->cookies_until_ns + GUARD_SLACK_NS > until)
		return 0;
	guard_begin(g, now);
	*(volatile __u64 *)&g->cookies_until_ns = until + GUARD_SLACK_NS;
	return 0;
}

/* Not 0: an ACK of which the table of handshakes knows nothing may complete one all the same. Asked after the look at the table. */
static __always_inline int cookies_guarded(const struct sluice_guard *g, __u64 now)
{
	return *(const volatile __u64 *)&g->cookies_until_ns > now;
}

/* What is over says the same as 0, of which packets know without a clock that it is over. Unless it is raised anew just now. */
static __always_inline void guard_end(__u64 *until, __u64 now)
{
	__u64 ended = *(volatile __u64 *)until;

	if (ended && ended <= now)
		__sync_val_compare_and_swap(until, ended, 0);
}

/* Not 0: it stands. Else, but for explain (`dry`), the next packet need not ask what time it is. */
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
 * Not 0: every ACK that could complete a handshake is judged, and those let through before have long been processed. Only then
 * unanswered handshakes stop standing in the way of clients that answer.
 */
__noinline int guard_is_firm(__u16 port, __u64 now)
{
	const struct sluice_guard *g = guard_of(port);

	return g && guard_stands(g, now) && now - g->since_ns > SLUICE_SWEEP_NS;
}

#endif
