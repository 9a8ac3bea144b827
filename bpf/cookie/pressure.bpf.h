/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is there a flood? Three states of a service, each decided here packet by packet and ended by the sweeper:
 *
 *   under pressure   too many SYNs, unanswered handshakes or expired ones: every SYN is answered with a cookie
 *   suspects         the handshakes of some sources ran out unanswered: their SYNs take a slot when they are answered, not before
 *   ACK flood        too many segments that belong to nothing: they are dropped, although the host would answer each with a RST
 */
#ifndef SLUICE_PRESSURE_BPF_H
#define SLUICE_PRESSURE_BPF_H

#define STRAY_SAMPLE 128 /* when nothing is wrong, one in this many segments without SYN is judged */
#define STRAY_RATE 8 /* this many strays among these in STRAY_NS make an ACK flood */
#define STRAY_NS (1000ULL * 1000000)
#define SYN_BATCH 64 /* most SYNs that a processor gathers before it counts them where all do, ... */
#define SYN_BATCHES 256 /* ... and at most one in this many of the SYNs that make pressure */

/* What the sweeper and the reaper pass through a walk of a map. */
struct sweep {
	__u64 now;
	__u32 group, next; /* the groups of handshakes where this step, and the next one, begin */
};

static __always_inline struct sluice_pressure *pressure_of(__u32 service)
{
	return bpf_map_lookup_elem(&pressures, &service);
}

/* Wakes the daemon, which lets listeners make cookies. If it is dead, the ring fills up, which does no harm. */
static __always_inline void cookies_request(void)
{
	__u64 nothing = 0;

	bpf_ringbuf_output(&cookie_requests, &nothing, sizeof(nothing), 0);
}

/*
 * Returns non-zero if the policy wants SYNs of this service answered by cookies. This never holds where a container listens: its socket is
 * in another network namespace, and what the host finds in its own (nothing, or an engine's proxy) says nothing about a segment.
 */
static __always_inline int service_issues_cookies(const struct sluice_generation *generation,
						  const struct sluice_service *row)
{
	return generation->flood.cookies && !generation->observe && !row->published;
}

/* The same, for code that has no view. */
static __always_inline int service_issues_cookies_now(const struct sluice_generation *generation, __u32 service)
{
	const struct sluice_control *now = control_row();
	const struct sluice_service *row = now ? service_row(slot_in_force(now), service) : NULL;

	return row && service_issues_cookies(generation, row);
}

static __always_inline void cookies_want(struct sluice_pressure *p, __u64 now)
{
	__u64 until = p->want_until_ns;

	if (until > now + SLUICE_WANT_NS / 2)
		return;
	p->want_until_ns = now + SLUICE_WANT_NS;
	if (until < now)
		cookies_request();
}

static __always_inline void pressure_begin(struct sluice_pressure *p, __u64 now)
{
	p->busy_ns = now;
	p->on = 1;
}

/* Counts an event of `p`. Returns how many there were in the last 20 * width. */
static __always_inline __u32 events_note(struct sluice_pressure *p, struct sluice_window *w, __u64 width, __u64 now)
{
	__u64 epoch;
	__u32 sum;

	if (!width)
		return 0;
	epoch = now / width;
	bpf_spin_lock(&p->lock);
	window_advance(w, epoch, width);
	window_hit(w);
	sum = w->sum;
	bpf_spin_unlock(&p->lock);
	return sum;
}

/* Returns what events_note() would return. */
static __always_inline __u32 events_peek(const struct sluice_window *w, __u64 width, __u64 now)
{
	return width ? window_sum(w, now / width, width) + 1 : 0;
}

/*
 * Counts a SYN of a service. Returns how many there were in the last 20 * width. It is verified once, apart from its caller, because it
 * walks a window. A processor gathers `batch` of them before it takes the lock that all share (0 and 1: none; and no longer than the
 * window's running bucket), so what it does not see yet is less than a batch of each other processor. The last ones gathered count with the
 * next SYN, unless that comes so late that the window has forgotten them.
 */
__noinline __u32 syns_note(__u32 service, __u64 width, __u64 now, __u32 batch)
{
	struct sluice_pressure *p = pressure_of(service);
	struct sluice_arrivals *own = bpf_map_lookup_elem(&arrivals, &service);
	__u64 epoch;
	__u32 sum;

	if (!p || !own || !width)
		return 0;
	epoch = now / width;
	if (epoch - own->epoch >= SLUICE_RATE_BUCKETS)
		own->waiting = 0;
	own->waiting++;
	if (own->waiting < batch && own->epoch == epoch)
		return own->sum + own->waiting;
	bpf_spin_lock(&p->lock);
	window_advance(&p->syns, epoch, width);
	window_hits(&p->syns, own->waiting);
	sum = p->syns.sum;
	bpf_spin_unlock(&p->lock);
	own->epoch = epoch;
	own->waiting = 0;
	own->sum = sum;
	return sum;
}

/* Returns about what syns_note() would return, for code that only looks. */
__noinline __u32 syns_peek(__u32 service, __u64 width, __u64 now)
{
	struct sluice_pressure *p = pressure_of(service);

	return p ? events_peek(&p->syns, width, now) : 0;
}

/* Counts a stray. Only those sampled come here, so no processor gathers them. */
__noinline __u32 strays_note(__u32 service, __u64 now)
{
	struct sluice_pressure *p = pressure_of(service);

	return p ? events_note(p, &p->strays, STRAY_NS / (SLUICE_RATE_BUCKETS - 1), now) : 0;
}

/* Counts a SYN that the limits let in. Returns non-zero if the service is under pressure. */
static __always_inline int pressure_check(struct sluice_pressure *p, const struct sluice_view *view, __u64 now)
{
	const struct sluice_flood *flood = &view->generation->flood;
	__u32 batch = flood->syn_rate / SYN_BATCHES, syns;

	if (batch > SYN_BATCH)
		batch = SYN_BATCH;
	syns = view->dry ? syns_peek(view->service, flood->syn_width_ns, now)
			 : syns_note(view->service, flood->syn_width_ns, now, batch);
	if (p->on)
		return 1;
	if ((!flood->syn_rate || syns < flood->syn_rate) &&
	    (!flood->half_open || p->embryonic < (__s32)flood->half_open))
		return 0;
	if (!view->dry)
		pressure_begin(p, now);
	return 1;
}

static __always_inline int source_is_suspect(const struct sluice_pressure *p, const struct sluice_source_key *key,
					     __u64 now)
{
	const __u64 *until = p->suspects ? bpf_map_lookup_elem(&suspects, key) : NULL;

	return until && *until > now;
}

/* The sweeper reports that a handshake of this source ran out unanswered. */
static __always_inline void expiry_note(const struct sluice_source_key *key, __u64 now)
{
	struct sluice_pressure *p = pressure_of(key->service);
	const struct sluice_generation *generation = generation_in_force();
	__u64 until = now + SLUICE_SUSPECT_NS;
	__u32 expired;

	if (!p || !generation)
		return;
	bpf_map_update_elem(&suspects, key, &until, BPF_ANY);
	p->suspects_until_ns = until;
	p->suspects = 1;
	if (!service_issues_cookies_now(generation, key->service))
		return;
	expired = events_note(p, &p->expired, generation->flood.expired_width_ns, now);
	if (generation->flood.expired_rate && expired >= generation->flood.expired_rate && !p->on)
		pressure_begin(p, now);
}

/* Notes a segment that belongs to nothing, among those sampled. */
static __always_inline void stray_note(struct sluice_pressure *p, __u32 service, __u64 now)
{
	if (strays_note(service, now) < STRAY_RATE)
		return;
	p->ack_flood_until_ns = now + STRAY_NS;
	p->ack_flood = 1;
}

/*
 * Returns non-zero if this segment is to be sampled, by the number of those that this processor has let through so far. That includes strays,
 * and each number is taken once, because segments of an allowed source, or that are only observed, do not move it: a sample must not sample
 * itself. It never takes the first of all, which on a host that was just started is a stray on each processor.
 */
static __always_inline int stray_sample(__u32 service, int dry)
{
	const struct sluice_stat *settled = stat_of(service, SLUICE_ESTABLISHED);
	const struct sluice_stat *strays = stat_of(service, SLUICE_OUT_OF_STATE);
	const struct sluice_stat *forged = stat_of(service, SLUICE_COOKIE_FORGED);

	struct sluice_arrivals *own;
	__u64 number;

	if (!settled || !strays || !forged)
		return 0;
	number = settled->packets + strays->packets + forged->packets;
	if (number % STRAY_SAMPLE != STRAY_SAMPLE / 2)
		return 0;
	own = bpf_map_lookup_elem(&arrivals, &service);
	if (!own || own->sampled == number)
		return 0;
	if (!dry)
		own->sampled = number;
	return 1;
}

/*
 * Returns non-zero if every figure is below the part of its threshold that counts as calm. Looks up what it locks, as due_counter() does.
 */
static __always_inline int pressure_is_low(__u32 service, const struct sluice_flood *flood, __u64 now)
{
	struct sluice_pressure *p = pressure_of(service);
	__u64 syns = now / (flood->syn_width_ns ?: 1), expired = now / (flood->expired_width_ns ?: 1);
	__u64 syn_sum, expired_sum;

	if (!p)
		return 1;
	bpf_spin_lock(&p->lock);
	window_advance(&p->syns, syns, flood->syn_width_ns);
	syn_sum = p->syns.sum;
	window_advance(&p->expired, expired, flood->expired_width_ns);
	expired_sum = p->expired.sum;
	bpf_spin_unlock(&p->lock);
	return (!flood->syn_rate || syn_sum * 100 < (__u64)flood->syn_rate * flood->calm_percent) &&
	       (!flood->expired_rate || expired_sum * 100 < (__u64)flood->expired_rate * flood->calm_percent) &&
	       (!flood->half_open || (__s64)p->embryonic * 100 < (__s64)flood->half_open * flood->calm_percent);
}

/* Does what time does to a service: pressure, suspicion and ACK floods end. */
static long sweep_pressure(void *map, const __u32 *service, struct sluice_pressure *p, struct sweep *s)
{
	const struct sluice_generation *generation = generation_in_force();

	if (p->suspects && p->suspects_until_ns < s->now)
		p->suspects = 0;
	if (p->on && generation) {
		if (!pressure_is_low(*service, &generation->flood, s->now))
			p->busy_ns = s->now;
		else if (s->now - p->busy_ns > generation->flood.calm_ns)
			p->on = 0;
	}
	if (p->on && generation && service_issues_cookies_now(generation, *service))
		cookies_want(p, s->now);
	if (p->ack_flood && p->ack_flood_until_ns < s->now)
		p->ack_flood = 0;
	return 0;
}

#endif
