/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this SYN come in? A SYN that does takes a slot of its source, its set and its service at once, as a reservation keyed
 * by the 4-tuple, so that SYNs sent together are counted before any of them is established (docs/architecture.md).
 */
#ifndef SLUICE_ADMIT_BPF_H
#define SLUICE_ADMIT_BPF_H

#define EEXIST 17

static __always_inline void room_missed(__u32 table)
{
	__u64 *times = bpf_map_lookup_elem(&no_room, &table);

	if (times)
		++*times;
}

static __always_inline enum sluice_reason refusal(enum taken got, enum sluice_reason full, enum sluice_reason fast)
{
	if (got == TAKEN_FULL)
		return full;
	if (got == TAKEN_FAST)
		return fast;
	return SLUICE_UNPARSED;
}

/* Takes slots for `h` and notes in h->holds what it holds: ADMITTED. On a refusal it holds nothing. */
__noinline int holding_take(struct sluice_holding *h, const struct sluice_rule *rule, const struct sluice_service *row,
			    const struct take *how)
{
	enum sluice_reason why = SLUICE_ADMITTED;
	struct give undo = { .transient = 1 };
	__u16 holds = SLUICE_HOLDS_SOURCE;
	enum taken got = TAKEN_GONE;
	int tries;

	if (!h || !rule || !row || !how)
		return SLUICE_UNPARSED;
	for (tries = 0; tries < TAKE_TRIES && got == TAKEN_GONE; tries++)
		got = source_take(&h->source, &rule->source, how);
	if (got == TAKEN_NO_ROOM || got == TAKEN_GONE) {
		room_missed(SLUICE_TABLE_SOURCES);
		got = shared_take(&h->source, &rule->source, how);
		holds = SLUICE_HOLDS_SHARED;
	}
	if (got != TAKEN)
		return refusal(got, SLUICE_SOURCE_CONNECTIONS, SLUICE_SOURCE_RATE);
	h->holds |= holds;
	if (h->set_total) {
		got = total_take(h->set_total, &rule->set, how);
		if (got == TAKEN)
			h->holds |= SLUICE_HOLDS_SET;
		else
			why = refusal(got, SLUICE_SET_CONNECTIONS, SLUICE_SET_RATE);
	}
	if (why == SLUICE_ADMITTED) {
		got = total_take(h->source.service, &row->total, how);
		if (got == TAKEN)
			h->holds |= SLUICE_HOLDS_SERVICE;
		else
			why = refusal(got, SLUICE_SERVICE_CONNECTIONS, SLUICE_SERVICE_RATE);
	}
	if (why == SLUICE_ADMITTED || how->dry)
		return why;
	undo.now = how->now;
	undo.taken_ns = how->reserve ? how->now : 0;
	undo.reserved = how->reserve;
	undo.proven = how->proven;
	holding_give(h, &undo);
	h->holds = 0;
	return why;
}

/* What a packet is admitted by. */
struct door {
	struct xdp_md *ctx;
	struct sluice_pkt *pkt;
	const struct sluice_view *view;
	struct sluice_pressure *pressure;
	__u64 now;
	int force; /* allowed, or only observed: takes slots whatever the limits say */
};

/* 0: nothing is known of the service, or nothing of the source: the packet passes as what it is so far. */
static __always_inline int door_open(struct door *d)
{
	d->pressure = pressure_of(d->view->service);
	return d->pressure && d->view->rule;
}

enum fills {
	FILLS_NOT,
	FILLS_SURE,
	FILLS_UNSURE, /* some of it are handshakes that nobody has answered yet */
	FILLS_CONTESTED, /* so many of them, or for so long, that a spoofer may keep others out */
};

/* Is the counter full, and of what? */
static __always_inline enum fills counter_fills(const struct sluice_counter *c, __u32 limit)
{
	if (!limit || !c || c->held < limit)
		return FILLS_NOT;
	return counter_sure(c) < limit ? FILLS_UNSURE : FILLS_SURE;
}

static __always_inline enum fills source_fills(const struct sluice_counter *c, __u32 limit)
{
	enum fills fills = counter_fills(c, limit);

	if (fills == FILLS_UNSURE && bpf_ktime_get_ns() - c->seen_ns > STALL_NS)
		return FILLS_CONTESTED;
	return fills;
}

static __always_inline enum fills total_fills(__u32 index, __u32 limit)
{
	const struct sluice_counter *c = limit ? total_of(index) : NULL;
	enum fills fills = counter_fills(c, limit);

	if (fills == FILLS_UNSURE && counter_unsure(c) * 2 >= limit)
		return FILLS_CONTESTED;
	return fills;
}

/* A glance, before any counter is made or locked: UNDECIDED, or why this SYN cannot have a slot, and what fills the counter. */
static __always_inline enum sluice_reason limits_peek(const struct sluice_view *view,
						      const struct sluice_counter *source,
						      const struct sluice_holding *h, enum fills *fills)
{
	enum fills set, total;

	*fills = source_fills(source, view->rule->source.connections);
	if (*fills == FILLS_SURE)
		return SLUICE_SOURCE_CONNECTIONS;
	set = h->set_total ? total_fills(h->set_total, view->rule->set.connections) : FILLS_NOT;
	total = total_fills(h->source.service, view->row->total.connections);
	if (set == FILLS_SURE || (*fills == FILLS_NOT && total != FILLS_SURE && set)) {
		*fills = set;
		return SLUICE_SET_CONNECTIONS;
	}
	if (total == FILLS_SURE || (*fills == FILLS_NOT && total)) {
		*fills = total;
		return SLUICE_SERVICE_CONNECTIONS;
	}
	return *fills ? SLUICE_SOURCE_CONNECTIONS : SLUICE_UNDECIDED;
}

static __always_inline int reservation_stands(const struct sluice_tuple *tuple)
{
	const struct sluice_reservation *r = bpf_map_lookup_elem(&reservations, tuple);

	return r && r->expires_ns;
}

/* ADMITTED: the tuple holds a reservation (dry: would), *again if it had one before. Otherwise it holds nothing. */
static __always_inline enum sluice_reason reserve(const struct door *d, struct sluice_holding *h, int proven,
						  int *again)
{
	struct take how = { .now = d->now, .force = d->force, .reserve = 1, .proven = proven, .dry = d->view->dry };
	struct give undo = { .now = d->now, .taken_ns = d->now, .reserved = 1, .proven = proven, .transient = 1 };
	struct sluice_reservation fresh = { .expires_ns = d->now + SLUICE_RESERVATION_NS, .taken_ns = d->now };
	enum sluice_reason why;
	int err; /* not long: of what an update returns in Linux 6.1 the upper half is not of the number */

	how.overbook = proven && guard_is_firm(d->pressure, d->now);
	why = holding_take(h, d->view->rule, d->view->row, &how);
	if (why != SLUICE_ADMITTED || d->view->dry)
		return why;
	fresh.holding = *h;
	fresh.proof = proven ? SLUICE_PROOF_DONE : SLUICE_PROOF_NONE;
	err = bpf_map_update_elem(&reservations, &d->pkt->tuple, &fresh, BPF_NOEXIST);
	if (!err && d->view->row->published)
		half_keep(&d->pkt->tuple);
	if (!err)
		return SLUICE_ADMITTED;
	holding_give(h, &undo);
	*again = err == -EEXIST;
	if (*again)
		return SLUICE_ADMITTED;
	room_missed(SLUICE_TABLE_RESERVATIONS);
	return SLUICE_UNPARSED;
}

/*
 * COOKIE_SENT: answers this SYN by a cookie, and holds nothing for it. UNDECIDED: the host must answer. A source that is known
 * may have a connection, or the memory of one, with this very tuple: then only the host can answer.
 */
static __always_inline enum sluice_reason cookie_offer(struct door *d, int known)
{
	if (!service_bakes(d->view->generation, d->view->row))
		return SLUICE_UNDECIDED;
	if (!d->view->dry)
		cookies_want(d->pressure, d->now);
	if (known && !syn_finds_listener(d->ctx, d->pkt))
		return SLUICE_UNDECIDED;
	if (d->view->dry)
		return cookie_could(d->ctx, d->pkt) ? SLUICE_COOKIE_SENT : SLUICE_UNDECIDED;
	if (!cookie_make(d->ctx, d->pkt))
		return SLUICE_UNDECIDED;
	guard_raise(d->pressure, d->now);
	d->pkt->fresh = 0;
	return SLUICE_COOKIE_SENT;
}

static __always_inline void contest_note(const struct door *d, int pressing)
{
	if (pressing && !d->pressure->on)
		pressure_begin(d->pressure, d->now);
	guard_raise(d->pressure, d->now);
	if (!guard_is_firm(d->pressure, d->now))
		cookies_want(d->pressure, d->now);
}

/* Full, but of what may be a spoofer's: once the guard is firm, who answers a cookie gets a slot all the same. */
static __always_inline enum sluice_reason contest(struct door *d, enum sluice_reason full, enum fills fills, int known)
{
	enum sluice_reason why;

	if (fills == FILLS_SURE || !service_bakes(d->view->generation, d->view->row) ||
	    (fills == FILLS_UNSURE && !d->pressure->guarded))
		return full;
	if (!d->view->dry)
		contest_note(d, fills == FILLS_CONTESTED && full != SLUICE_SOURCE_CONNECTIONS);
	if (!guard_is_firm(d->pressure, d->now))
		return full;
	why = cookie_offer(d, known);
	return why == SLUICE_UNDECIDED ? full : why;
}

static __always_inline enum sluice_reason syn_rate_check(const struct door *d, const struct sluice_counter *source,
							 const struct sluice_source_key *key)
{
	const struct sluice_limit *limit = &d->view->row->syn;

	if (!limit->rate || d->force || (source && source->state == SLUICE_COUNTER_PROVEN))
		return SLUICE_UNDECIDED;
	return sketch_refuses(key, limit, d->view->control->seed, d->view->dry) ? SLUICE_SYN_RATE : SLUICE_UNDECIDED;
}

/* The SYN is within the limits: counts it, and answers it where the service or its source is to be answered by cookies. */
static __always_inline enum sluice_reason flood_check(struct door *d, const struct sluice_counter *source,
						      const struct sluice_source_key *key)
{
	enum sluice_reason why = syn_rate_check(d, source, key);

	if (why != SLUICE_UNDECIDED)
		return why;
	if (!pressure_check(d->pressure, d->view, d->now) && !source_is_suspect(d->pressure, key, d->now))
		return SLUICE_UNDECIDED;
	return cookie_offer(d, source != NULL);
}

static __always_inline enum sluice_reason admit_syn(struct door *d)
{
	const struct sluice_counter *source;
	enum sluice_reason why = SLUICE_UNDECIDED;
	enum fills fills = FILLS_NOT;
	struct sluice_holding h;
	int again = 0;

	holding_of(d->view, &d->pkt->tuple.source, &h);
	source = bpf_map_lookup_elem(&sources, &h.source);
	if (source && source->reserved && reservation_stands(&d->pkt->tuple)) {
		d->pkt->fresh = 0;
		return SLUICE_ADMITTED;
	}
	if (!d->force)
		why = limits_peek(d->view, source, &h, &fills);
	if (fills == FILLS_SURE)
		return why;
	d->now = bpf_ktime_get_ns();
	why = fills ? contest(d, why, fills, source != NULL) : flood_check(d, source, &h.source);
	if (why != SLUICE_UNDECIDED)
		return why;
	why = reserve(d, &h, 0, &again);
	d->pkt->fresh = !again;
	return why;
}

#endif
