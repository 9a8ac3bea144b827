/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is somebody flooding? Three states of a service, each decided here packet by packet and ended by the sweeper:
 *
 *   under pressure   too many SYNs, half-open connections or expired reservations: every SYN is answered by a cookie
 *   suspects         the reservations of some sources ran out unanswered: their SYNs are answered by cookies
 *   guarded          cookies are under way: segments without SYN are judged, too, as long as any cookie is good
 */
#ifndef SLUICE_PRESSURE_BPF_H
#define SLUICE_PRESSURE_BPF_H

#define STRAY_SAMPLE 128 /* of segments without SYN, one in so many is judged when nothing is wrong */
#define STRAY_RATE 4 /* strays among these in STRAY_NS: an ACK flood */
#define STRAY_NS (1000ULL * 1000000)

/* What the sweeper and the reaper carry through a map. */
struct sweep {
	__u64 now;
};

static __always_inline struct sluice_pressure *pressure_of(__u32 service)
{
	return bpf_map_lookup_elem(&pressures, &service);
}

/* Wakes the daemon. Where it is dead the ring fills up, which does no harm. */
static __always_inline void bell_ring(void)
{
	__u64 nothing = 0;

	bpf_ringbuf_output(&bell, &nothing, sizeof(nothing), 0);
}

/*
 * Not 0: the policy has SYNs of this service answered by cookies. Never where a container listens: its socket is in another
 * network namespace, and what the host finds in its own (nothing, or an engine's proxy) says nothing about a segment.
 */
static __always_inline int service_bakes(const struct sluice_generation *generation, const struct sluice_service *row)
{
	return generation->flood.cookies && !generation->observe && !row->published;
}

/* The same, for those who have no view. */
static __always_inline int service_bakes_now(const struct sluice_generation *generation, __u32 service)
{
	const struct sluice_control *now = control_row();
	const struct sluice_service *row = now ? service_row(slot_in_force(now), service) : NULL;

	return row && service_bakes(generation, row);
}

static __always_inline void cookies_want(struct sluice_pressure *p, __u64 now)
{
	__u64 until = p->want_until_ns;

	if (until > now + SLUICE_WANT_NS / 2)
		return;
	p->want_until_ns = now + SLUICE_WANT_NS;
	if (until < now)
		bell_ring();
}

static __always_inline void guard_raise(struct sluice_pressure *p, __u64 now)
{
	if (!p->guarded)
		p->guard_since_ns = now;
	if (!p->guarded || p->guard_until_ns < now + SLUICE_GUARD_NS - STRAY_NS)
		p->guard_until_ns = now + SLUICE_GUARD_NS;
	p->guarded = 1;
}

/*
 * Not 0: every segment that could complete a handshake is judged, and those let through before have long been processed. Only
 * then unanswered reservations stop standing in the way of clients that answer.
 */
static __always_inline int guard_is_firm(const struct sluice_pressure *p, __u64 now)
{
	return p->guarded && now - p->guard_since_ns > SLUICE_SWEEP_NS;
}

static __always_inline void pressure_begin(struct sluice_pressure *p, __u64 now)
{
	p->busy_ns = now;
	p->on = 1;
}

/* Counts an event of `p`; how many there were in the last 20 * width. */
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

/* What events_note() would return. */
static __always_inline __u32 events_peek(const struct sluice_window *w, __u64 width, __u64 now)
{
	return width ? window_sum(w, now / width, width) + 1 : 0;
}

/*
 * These two count an event of a service, and return how many there were in the last 20 * width. Verified once, apart from
 * their callers: they walk a window. Dry: only asked.
 */
__noinline __u32 syns_note(__u32 service, __u64 width, __u64 now, int dry)
{
	struct sluice_pressure *p = pressure_of(service);

	if (!p)
		return 0;
	return dry ? events_peek(&p->syns, width, now) : events_note(p, &p->syns, width, now);
}

__noinline __u32 strays_note(__u32 service, __u64 now)
{
	struct sluice_pressure *p = pressure_of(service);

	return p ? events_note(p, &p->strays, STRAY_NS / (SLUICE_RATE_BUCKETS - 1), now) : 0;
}

static __always_inline __u32 half_open_of(__u32 service)
{
	const struct sluice_counter *c = total_of(service);

	return c ? counter_unsure(c) : 0;
}

/* Counts a SYN that the limits let in. Not 0: the service is under pressure. */
static __always_inline int pressure_check(struct sluice_pressure *p, const struct sluice_view *view, __u64 now)
{
	const struct sluice_flood *flood = &view->generation->flood;
	__u32 syns = syns_note(view->service, flood->syn_width_ns, now, view->dry);

	if (p->on)
		return 1;
	if ((!flood->syn_rate || syns < flood->syn_rate) &&
	    (!flood->half_open || half_open_of(view->service) < flood->half_open))
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

/*
 * Told by the sweeper: a reservation of this source ran out unanswered. Where no reservation ever was answered, packets and
 * sockets have different addresses (DNAT), and that says nothing.
 */
static __always_inline void expiry_note(const struct sluice_source_key *key, __u64 now)
{
	struct sluice_pressure *p = pressure_of(key->service);
	const struct sluice_generation *generation = generation_live();
	__u64 until = now + SLUICE_SUSPECT_NS;
	__u32 expired;

	if (!p || !generation || !p->completed || !service_bakes_now(generation, key->service))
		return;
	bpf_map_update_elem(&suspects, key, &until, BPF_ANY);
	p->suspects_until_ns = until;
	p->suspects = 1;
	guard_raise(p, now);
	expired = events_note(p, &p->expired, generation->flood.expired_width_ns, now);
	if (generation->flood.expired_rate && expired >= generation->flood.expired_rate && !p->on)
		pressure_begin(p, now);
}

/* A segment that belongs to nothing, among those sampled. */
static __always_inline void stray_note(struct sluice_pressure *p, __u32 service, __u64 now)
{
	if (strays_note(service, now) >= STRAY_RATE)
		guard_raise(p, now);
}

/* By what this processor has let through so far: one stray that is found makes the next segment a sample, too. */
static __always_inline int stray_sample(__u32 service)
{
	const struct sluice_stat *s = stat_of(service, SLUICE_ESTABLISHED);

	return s && s->packets % STRAY_SAMPLE == 0;
}

/* Not 0: no threshold is exceeded by more than the part of it that counts as calm. Looks up what it locks, as source_free() does. */
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
	       (!flood->half_open ||
		(__u64)half_open_of(service) * 100 < (__u64)flood->half_open * flood->calm_percent);
}

/* What time does to a service: pressure, suspicion and guard end. */
static long sweep_pressure(void *map, const __u32 *service, struct sluice_pressure *p, struct sweep *s)
{
	const struct sluice_generation *generation = generation_live();

	if (p->suspects && p->suspects_until_ns < s->now)
		p->suspects = 0;
	if (p->on && generation) {
		if (!pressure_is_low(*service, &generation->flood, s->now))
			p->busy_ns = s->now;
		else if (s->now - p->busy_ns > generation->flood.calm_ns)
			p->on = 0;
	}
	if (p->on && generation && service_bakes_now(generation, *service)) {
		guard_raise(p, s->now);
		cookies_want(p, s->now);
	}
	if (p->guarded && p->guard_until_ns < s->now)
		p->guarded = 0;
	return 0;
}

#endif
