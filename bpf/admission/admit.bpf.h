/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this SYN come in? One that finds a listener and is within all limits charges a slot of its source, its set and its service at once,
 * and its handshake is remembered by the 4-tuple, so SYNs sent together are counted before any of them is established. A SYN that belongs
 * to a socket charges nothing. Where a spoofer may be at work, a SYN charges nothing either: the host answers it, or a SYN cookie does
 * under pressure, and the slot is charged when the client has answered (answered.bpf.h).
 */
#ifndef SLUICE_ADMIT_BPF_H
#define SLUICE_ADMIT_BPF_H

/* Not on the stack, because that is short. It has no meaning between packets, which a processor judges one by one. */
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, notes, __u32, struct handshake_note, 1);

/* What admission knows about a packet. */
struct admission {
	struct xdp_md *ctx;
	struct sluice_pkt *pkt;
	struct sluice_view *view;
	struct sluice_pressure *pressure;
	struct handshake_note *note; /* of the packet's handshake */
	__u64 now;
	int force; /* allowed, or only observed: charge slots whatever the limits say */
	int pressed; /* its service is under pressure (with `dry`: would be) */
};

/* Returns 0 if nothing is known of the service, or of the source: the packet then passes as what it is so far. */
static __always_inline int admission_open(struct admission *d)
{
	__u32 zero = 0;

	d->pressure = pressure_of(d->view->service);
	d->note = bpf_map_lookup_elem(&notes, &zero);
	return d->pressure && d->note && d->view->rule;
}

/* Begins a handshake. An expired one may make room for it, once ACKs at that one's port that find no element are judged. */
static __always_inline int handshake_enter(const struct sluice_tuple *t, struct handshake_note *note, __u64 now)
{
	int err;

	note->may_forget = 0;
	err = handshake_begin(t, note, now);
	if (err != -EAGAIN)
		return err;
	cookies_guard(bpf_ntohs(note->may_forget), now);
	return handshake_begin(t, note, now);
}

/*
 * Remembers a handshake that holds what note->holding says. Returns 0; -EEXIST: it is remembered already, and holds its own; any other
 * error: there is no room. A failure releases what it held.
 */
__noinline int handshake_remember(const struct sluice_tuple *t, struct handshake_note *note, __u64 now, int published)
{
	struct give undo = { .now = now, .reserved = 1, .transient = 1 };
	int err;

	if (!t || !note)
		return -ENOSPC;
	note->charged_ns = now;
	if (published)
		note->flags |= SLUICE_HANDSHAKE_PUBLISHED;
	err = handshake_enter(t, note, now);
	if (!err && published)
		half_keep(t);
	if (!err)
		return 0;
	if (err != -EEXIST)
		room_missed(SLUICE_TABLE_HANDSHAKES);
	undo.proven = note->flags & SLUICE_HANDSHAKE_CONFIRMED;
	holding_give(&note->holding, &undo);
	return err;
}

/* Returns non-zero if the gate may see a listener where a packet that came in here belongs to another socket. */
static __always_inline int owner_is_hidden(const struct admission *d, enum flow flow)
{
	if (flow > FLOW_COOKIE)
		return 0;
	if (d->view->control->hidden && link_hides(d->ctx))
		return 1;
	return flow != FLOW_NONE && addr_is_link_local(&d->pkt->tuple.source);
}

/* Whose is the 4-tuple of this packet? Among sockets that the gate cannot look up, only connections are known. */
static __always_inline enum flow packet_owner(const struct admission *d)
{
	enum flow flow = FLOW_LISTENER;

	if (!d->view->row->published) {
		flow = flow_of(d->ctx, d->pkt);
		if (!owner_is_hidden(d, flow))
			return flow;
	}
	if (unseen_has_tuple(&d->pkt->tuple))
		return FLOW_CONNECTION;
	if (flow == FLOW_COOKIE || (flow == FLOW_NONE && cookie_is_back(d->pkt)))
		return FLOW_COOKIE;
	return FLOW_UNSEEN;
}

/*
 * Charges what note->holding names, for a client that has answered (`proven`) or has not. Returns ADMITTED, or why not. Handshakes that
 * nobody has answered do not obstruct one that is answered while ACKs are judged, unless some of them are answered where that cannot be seen.
 * So the watch is raised, because ACKs must still be judged when those are answered; it is also raised if a lease may be smaller by then.
 */
static __always_inline enum sluice_reason slots_charge(const struct admission *d, struct handshake_note *note,
						       int proven)
{
	struct take how = { .now = d->now, .force = d->force, .reserve = 1, .proven = proven, .dry = d->view->dry };

	how.overbook = proven && !d->view->control->hidden && guard_is_firm(d->pkt->local_port, d->now);
	if ((how.overbook || d->view->leased == FLEET_SAYS_LEASE) && !how.dry)
		watch_raise(d->pkt->local_port, d->now);
	note->flags = proven ? SLUICE_HANDSHAKE_CONFIRMED : SLUICE_HANDSHAKE_EMBRYONIC;
	if (d->force)
		note->flags |= SLUICE_HANDSHAKE_FORCED;
	return holding_take(&note->holding, d->view->rule, d->view->row, &how);
}

/* Returns ADMITTED if the handshake is remembered with its slots (with `dry`: would be). Otherwise nothing is held for it. */
static __always_inline enum sluice_reason handshake_charge(const struct admission *d, struct handshake_note *note,
							   int proven)
{
	enum sluice_reason why = slots_charge(d, note, proven);
	int err;

	if (why != SLUICE_ADMITTED || d->view->dry)
		return why;
	err = handshake_remember(&d->pkt->tuple, note, d->now, d->view->row->published);
	if (err && err != -EEXIST)
		return SLUICE_TABLE_FULL;
	if (err)
		d->pkt->fresh = 0;
	return SLUICE_ADMITTED;
}

/*
 * Returns UNPROVEN if the handshake is remembered and holds nothing (with `dry`: would be). `flags` are SLUICE_HANDSHAKE_*. A handshake
 * that the host may turn into a connection at once has to be charged at once.
 */
static __always_inline enum sluice_reason handshake_await(const struct admission *d, struct handshake_note *note,
							  __u8 flags)
{
	int err;

	if (syn_opens_fast(d->ctx, d->pkt))
		return handshake_charge(d, note, 0);
	if (d->view->dry)
		return SLUICE_UNPROVEN;
	d->pkt->fresh = 0;
	watch_raise(d->pkt->local_port, d->now);
	socket_tuple_mark(&d->pkt->tuple, 1); /* the host will have a socket for it */
	note->flags = SLUICE_HANDSHAKE_EMBRYONIC | flags;
	note->holding.holds = 0;
	err = handshake_remember(&d->pkt->tuple, note, d->now, d->view->row->published);
	return err && err != -EEXIST ? SLUICE_TABLE_FULL : SLUICE_UNPROVEN;
}

/* Returns non-zero if the service has its share of unanswered handshakes. */
static __always_inline int share_is_full(const struct admission *d)
{
	return d->pressure->embryonic >= (__s32)d->view->generation->handshakes;
}

/* The same, where a SYN is refused for it. It is checked before anything is charged: charging and releasing cost ten times as much. */
static __always_inline int handshakes_full(const struct admission *d)
{
	if (!share_is_full(d))
		return 0;
	if (!d->view->dry)
		room_missed(SLUICE_TABLE_HANDSHAKES);
	return 1;
}

/* Makes the cookie that answers this SYN. Returns UNDECIDED if no listener is ready to accept cookies. */
static __always_inline enum sluice_reason cookie_send(struct admission *d, const struct sluice_counter *source)
{
	if (d->view->dry)
		return cookie_could(d->ctx, d->pkt) ? SLUICE_COOKIE_SENT : SLUICE_UNDECIDED;
	if (!cookie_make(d->ctx, d->pkt, d->now))
		return SLUICE_UNDECIDED;
	cookies_guard(d->pkt->local_port, d->now);
	answer_sent(d->ctx, d->pkt, source && source->state == SLUICE_COUNTER_PROVEN, d->now);
	d->pkt->fresh = 0;
	return SLUICE_COOKIE_SENT;
}

/*
 * COOKIE_SENT: this SYN is answered by a cookie, and nothing is held for it. UNPROVEN: XDP may not answer it, so the host does, by a cookie
 * of its own if its queue is full; the guard finds the answer to either. UNDECIDED: the rules for calm times go on.
 */
static __always_inline enum sluice_reason cookie_offer(struct admission *d, const struct sluice_counter *source)
{
	if (!service_issues_cookies(d->view->generation, d->view->row))
		return SLUICE_UNDECIDED;
	if (!d->view->dry)
		cookies_want(d->pressure, d->now);
	if (answer_allowed(d->ctx, d->pkt))
		return cookie_send(d, source);
	if (syn_opens_fast(d->ctx, d->pkt))
		return SLUICE_UNDECIDED;
	if (!d->view->dry)
		cookies_guard(d->pkt->local_port, d->now);
	d->pkt->fresh = 0;
	return SLUICE_UNPROVEN;
}

/*
 * A limit is full, but partly of handshakes that nobody has answered yet. Once the guard is firm, a client that answers gets a slot all the
 * same. Until then, and where that cannot be seen (unseen.bpf.h), the limit is simply full.
 */
static __always_inline enum sluice_reason contest(struct admission *d, enum sluice_reason full,
						  enum occupancy occupancy)
{
	int firm = !d->view->control->hidden && guard_is_firm(d->pkt->local_port, d->now);

	if (d->view->row->published)
		return full;
	if (!d->view->dry)
		watch_raise(d->pkt->local_port, d->now);
	d->pkt->unproven = 1;
	if (occupancy == FULL_CONTESTED && reason_is_of_many(full) && !d->pressed) {
		d->pressed = 1;
		if (!d->view->dry)
			pressure_begin(d->pressure, d->now);
	}
	return firm ? SLUICE_UNDECIDED : full;
}

/*
 * Checks the SYN rate of the source. When the sketch can no longer tell sources apart, the service is put under pressure: a cookie, which
 * costs no memory, tells who is there. Only if none can be sent, a source that seems too fast is still refused.
 */
static __always_inline enum sluice_reason syn_rate_check(struct admission *d, const struct sluice_counter *source,
							 const struct sluice_source_key *key)
{
	const struct sluice_limit *limit = &d->view->row->syn;
	enum sketch_says says;

	if (!limit->rate || d->force || (source && source->state == SLUICE_COUNTER_PROVEN))
		return SLUICE_UNDECIDED;
	says = sketch_asked(key, limit, d->view->control->seed, d->now, d->view->dry);
	d->pressed = says == SKETCH_OVERFULL && service_issues_cookies(d->view->generation, d->view->row);
	return says == SKETCH_ADMITS || d->pressed ? SLUICE_UNDECIDED : SLUICE_SYN_RATE;
}

/*
 * The SYN belongs to a socket, and takes nothing. A connection answers it; on TIME-WAIT the host may make a new connection, or answer from
 * its memory of the old one. But the connection may be over before the SYN reaches it, and the SYN may begin another. So what it may begin
 * is remembered, and if there is no room for that, the port of a connection is guarded.
 */
static __always_inline enum sluice_reason owned_syn(struct admission *d, struct handshake_note *note, enum flow flow)
{
	enum sluice_reason why = handshake_await(d, note, SLUICE_HANDSHAKE_BLAMELESS);

	if (flow != FLOW_CONNECTION || (why != SLUICE_TABLE_FULL && why != SLUICE_UNPROVEN))
		return why;
	if (why == SLUICE_TABLE_FULL)
		cookies_guard(d->pkt->local_port, d->now);
	return SLUICE_ESTABLISHED;
}

/* Returns UNDECIDED if a listener would take this SYN, or a container might. A SYN that belongs to a socket, or finds none, passes. */
static __always_inline enum sluice_reason syn_flow(struct admission *d, struct handshake_note *note, enum flow flow)
{
	if (flow == FLOW_CONNECTION || flow == FLOW_TIMEWAIT)
		return owned_syn(d, note, flow);
	if (flow != FLOW_NONE)
		return SLUICE_UNDECIDED;
	d->pkt->fresh = 0;
	return SLUICE_NO_LISTENER;
}

/* A limit refuses this SYN. But if its 4-tuple belongs to a socket it must reach that, or a client that reuses its port is shut out. */
static __always_inline enum sluice_reason refused_unless_owned(struct admission *d, struct handshake_note *note,
							       enum sluice_reason why)
{
	enum flow flow;

	if (!d->view->row->published && !socket_tuple_maybe(&d->pkt->tuple))
		return why;
	flow = packet_owner(d);
	if ((flow != FLOW_CONNECTION && flow != FLOW_TIMEWAIT) || syn_opens_fast(d->ctx, d->pkt))
		return why;
	d->now = bpf_ktime_get_ns();
	return owned_syn(d, note, flow);
}

/* Notes a refusal that the express lane may repeat: it stands until a slot of the source is given back, or userspace changes something. */
static __always_inline enum sluice_reason refusal_note(const struct admission *d, enum sluice_reason why)
{
	const struct sluice_view *view = d->view;

	if (why == SLUICE_SOURCE_CONNECTIONS && view->lane && !view->dry && !view->generation->observe &&
	    view->row->excess == SLUICE_EXCESS_DROP && !view->row->published &&
	    source_is_of_one_class(view, &d->note->holding.source))
		refusal_keep(&d->note->holding.source, source_most(view), view->lane);
	return why;
}

/*
 * Returns non-zero if the host began this handshake before there was pressure, and answers its SYN again. The host would drop a cookie,
 * because it makes no second socket for one 4-tuple. This is allowed no more often than the host answers: a flood of repeated SYNs is
 * answered by cookies.
 */
static __always_inline int host_answers_again(enum flow flow, const struct handshake_note *note)
{
	int begun = flow == FLOW_HANDSHAKE || (flow == FLOW_UNSEEN && handshake_stands(note->state));

	return begun && !note->recent;
}

/*
 * Returns non-zero if the host may make a connection of this SYN at once, while its handshake has no slot for that, or gives it back any moment.
 * No client does this who has not sent another SYN before it, and he may repeat that.
 */
static __always_inline int repeated_opens_fast(const struct admission *d, const struct handshake_note *note)
{
	return (!note->held || note->flags & SLUICE_HANDSHAKE_RESET) && syn_opens_fast(d->ctx, d->pkt);
}

/*
 * Decides who answers this SYN, and what it charges. The SYN is within the limits, or meets a limit that may be full of a spoofer's
 * handshakes, or (`repeated`) was sent again while its handshake is in progress. In calm times the host answers again what it has answered
 * before.
 */
static __always_inline enum sluice_reason syn_begins(struct admission *d, struct handshake_note *note,
						     const struct sluice_counter *source, int repeated)
{
	enum sluice_reason why = SLUICE_UNDECIDED;
	int again = 0;

	if (!repeated || d->pressed) {
		enum flow flow = packet_owner(d);

		again = d->pressed && host_answers_again(flow, note);
		why = syn_flow(d, note, flow);
	}
	if (why == SLUICE_UNDECIDED && d->pressed && !again)
		why = cookie_offer(d, source);
	if (why != SLUICE_UNDECIDED)
		return why;
	if (repeated && repeated_opens_fast(d, note))
		return SLUICE_TABLE_FULL;
	if (repeated)
		return note->held ? SLUICE_ADMITTED : SLUICE_UNPROVEN;
	if (handshakes_full(d))
		return SLUICE_TABLE_FULL;
	if (d->pkt->unproven || again || source_is_suspect(d->pressure, &note->holding.source, d->now))
		return handshake_await(d, note, 0);
	return handshake_charge(d, note, 0);
}

/* Returns non-zero if nothing is known of its source, and no socket has its 4-tuple. */
static __always_inline int syn_is_strange(const struct admission *d, const struct sluice_counter *source)
{
	return !source && !socket_tuple_maybe(&d->pkt->tuple);
}

/*
 * Returns UNDECIDED, or why the host would silently drop this SYN. The frame that explain asks about (`dry`) never had its checksum filled
 * in.
 */
static __always_inline enum sluice_reason syn_void(struct xdp_md *ctx, const struct sluice_pkt *pkt, int dry)
{
	if (addresses_are_martian(pkt))
		return SLUICE_MALFORMED;
	return !dry && checksum_bad(ctx, pkt) ? SLUICE_CHECKSUM : SLUICE_UNDECIDED;
}

/* Counts this SYN in the windows of its service and its source. Returns UNDECIDED, or why it goes no further. */
static __always_inline enum sluice_reason syn_note(struct admission *d, const struct sluice_counter *source)
{
	enum sluice_reason why;

	d->now = bpf_ktime_get_ns();
	why = syn_rate_check(d, source, &d->note->holding.source);
	if (why == SLUICE_UNDECIDED)
		why = syn_void(d->ctx, d->pkt, d->view->dry);
	if (why != SLUICE_UNDECIDED)
		return why;
	if (d->pressed && !d->pressure->on && !d->view->dry)
		pressure_begin(d->pressure, d->now);
	d->pressed |= pressure_check(d->pressure, d->view, d->now);
	return SLUICE_UNDECIDED;
}

/*
 * Returns non-zero if this SYN finds the table of handshakes full and nothing else can become of it: no cookies are made for its service,
 * and nothing is known of its handshake. This is asked with the limits, before anything is counted or charged.
 */
static __always_inline int syn_has_no_room(const struct admission *d)
{
	return share_is_full(d) && !service_issues_cookies(d->view->generation, d->view->row) &&
	       !handshake_maybe(&d->pkt->tuple) && handshakes_full(d);
}

/* A flood is answered before any table is consulted that it could fill. */
static __always_inline enum sluice_reason admit_syn(struct admission *d)
{
	enum sluice_reason full = SLUICE_UNDECIDED, why;
	struct handshake_note *note = d->note;
	const struct sluice_counter *source;
	enum occupancy occupancy = ROOM_LEFT;
	int repeated;

	if (!d->force)
		view_narrow(d->view, &d->pkt->tuple.source);
	holding_of(d->view, &d->pkt->tuple.source, &note->holding);
	note->isn = bpf_ntohl(d->pkt->seq);
	source = source_seen(&note->holding.source);
	if (!d->force)
		full = limits_peek(d->view, source, &note->holding, &occupancy);
	if (occupancy == ROOM_LEFT && syn_has_no_room(d)) {
		full = SLUICE_TABLE_FULL;
		occupancy = FULL_SURE;
	}
	if (occupancy == FULL_SURE)
		return refusal_note(d, refused_unless_owned(d, note, full));
	why = syn_note(d, source);
	if (why == SLUICE_UNDECIDED && d->pressed && occupancy == ROOM_LEFT && syn_is_strange(d, source))
		why = cookie_offer(d, source);
	if (why != SLUICE_UNDECIDED)
		return why;
	repeated = handshake_stands(handshake_look(&d->pkt->tuple, note, d->view->dry ? 0 : d->now));
	if (note->state != HANDSHAKE_FREE) {
		holding_of(d->view, &d->pkt->tuple.source,
			   &note->holding); /* what the element holds is not for this packet to release */
		note->isn = bpf_ntohl(d->pkt->seq);
	}
	if (repeated) {
		d->pkt->fresh = 0;
		return syn_begins(d, note, source, 1);
	}
	if (occupancy != ROOM_LEFT)
		why = contest(d, full, occupancy);
	if (why != SLUICE_UNDECIDED)
		return refused_unless_owned(d, note, why);
	return syn_begins(d, note, source, 0);
}

#endif
