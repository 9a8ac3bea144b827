/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this SYN come in? A SYN that does takes a slot of its source, its set and its service at once, as a reservation keyed
 * by the 4-tuple, so that SYNs sent together are counted before any of them is established (docs/architecture.md).
 */
#ifndef SLUICE_ADMIT_BPF_H
#define SLUICE_ADMIT_BPF_H

#define EEXIST 17

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
static __always_inline enum sluice_reason cookie_offer(struct door *d, const struct sluice_counter *source)
{
	if (!service_bakes(d->view->generation, d->view->row))
		return SLUICE_UNDECIDED;
	if (!d->view->dry)
		cookies_want(d->pressure, d->now);
	if (!answer_allowed(d->ctx, d->pkt)) {
		if (!d->view->dry)
			guard_raise(d->pressure, d->now); /* the host's own cookies come back as well */
		return SLUICE_UNDECIDED;
	}
	if (source && !syn_finds_listener(d->ctx, d->pkt))
		return SLUICE_UNDECIDED;
	if (d->view->dry)
		return cookie_could(d->ctx, d->pkt) ? SLUICE_COOKIE_SENT : SLUICE_UNDECIDED;
	if (!cookie_make(d->ctx, d->pkt))
		return SLUICE_UNDECIDED;
	guard_raise(d->pressure, d->now);
	answer_sent(d->ctx, d->pkt, source && source->state == SLUICE_COUNTER_PROVEN);
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
static __always_inline enum sluice_reason contest(struct door *d, enum sluice_reason full, enum fills fills,
						  const struct sluice_counter *source)
{
	enum sluice_reason why;

	if (fills == FILLS_SURE || !service_bakes(d->view->generation, d->view->row) ||
	    (fills == FILLS_UNSURE && !d->pressure->guarded))
		return full;
	if (!d->view->dry)
		contest_note(d, fills == FILLS_CONTESTED && reason_is_of_many(full));
	if (!guard_is_firm(d->pressure, d->now))
		return full;
	why = cookie_offer(d, source);
	return why == SLUICE_UNDECIDED ? full : why;
}

/*
 * *press: nothing can be said of single sources any more: a cookie, which costs no memory, tells who is there. Only where none can be
 * sent, who seems too fast is refused all the same.
 */
static __always_inline enum sluice_reason syn_rate_check(const struct door *d, const struct sluice_counter *source,
							 const struct sluice_source_key *key, int *press)
{
	const struct sluice_limit *limit = &d->view->row->syn;
	enum sketch_says says;

	if (!limit->rate || d->force || (source && source->state == SLUICE_COUNTER_PROVEN))
		return SLUICE_UNDECIDED;
	says = sketch_asked(key, limit, d->view->control->seed, d->view->dry);
	*press = says == SKETCH_OVERFULL && service_bakes(d->view->generation, d->view->row);
	return says == SKETCH_ADMITS || *press ? SLUICE_UNDECIDED : SLUICE_SYN_RATE;
}

/* The SYN is within the limits: counts it, and answers it where the service or its source is to be answered by cookies. */
static __always_inline enum sluice_reason flood_check(struct door *d, const struct sluice_counter *source,
						      const struct sluice_source_key *key)
{
	int press = 0;
	enum sluice_reason why = syn_rate_check(d, source, key, &press);

	if (why != SLUICE_UNDECIDED)
		return why;
	if (press && !d->pressure->on && !d->view->dry)
		pressure_begin(d->pressure, d->now);
	if (!pressure_check(d->pressure, d->view, d->now) && !source_is_suspect(d->pressure, key, d->now) && !press)
		return SLUICE_UNDECIDED;
	return cookie_offer(d, source);
}

static __always_inline enum sluice_reason admit_syn(struct door *d)
{
	const struct sluice_counter *source;
	enum sluice_reason why = SLUICE_UNDECIDED;
	enum fills fills = FILLS_NOT;
	struct sluice_holding h;
	int again = 0;

	holding_of(d->view, &d->pkt->tuple.source, &h);
	source = source_seen(&h.source);
	if (source && source->reserved && reservation_stands(&d->pkt->tuple)) {
		d->pkt->fresh = 0;
		return SLUICE_ADMITTED;
	}
	if (!d->force)
		why = limits_peek(d->view, source, &h, &fills);
	if (fills == FILLS_SURE)
		return why;
	d->now = bpf_ktime_get_ns();
	why = fills ? contest(d, why, fills, source) : flood_check(d, source, &h.source);
	if (why != SLUICE_UNDECIDED)
		return why;
	why = reserve(d, &h, 0, &again);
	d->pkt->fresh = !again;
	return why;
}

#endif
