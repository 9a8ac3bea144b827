/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this segment without SYN pass? It may complete a handshake: one that holds its slots, one that holds nothing, or a SYN cookie.
 * While any of these is possible at its port (guard.bpf.h) the segment is judged, and one that completes a handshake without a slot must
 * charge one. A segment that belongs to nothing passes, so that the host answers it; in a flood of such segments it is dropped.
 */
#ifndef SLUICE_ANSWERED_BPF_H
#define SLUICE_ANSWERED_BPF_H

/* Undoes what was charged (or proved, if the slots were charged before) for an element that has changed meanwhile. */
static __always_inline void answer_undo(const struct admission *d, const struct handshake_note *note, int sure,
					int proved)
{
	struct give undo = { .now = d->now, .reserved = 1, .proven = sure, .transient = 1 };

	if (!note->held)
		holding_give(&note->holding, &undo);
	else if (proved)
		holding_unprove(&note->holding, note->holding.holds);
}

/*
 * The element exists. Proves the slots that it holds (its counters learn that the client is no spoofer), or charges what it does not hold.
 * Returns -EEXIST or -ENOENT if it has changed meanwhile, and nothing was charged.
 */
static __always_inline int element_answer(struct admission *d, struct handshake_note *note, int sure,
					  enum sluice_reason *why)
{
	int proves = sure && note->held && !(note->flags & SLUICE_HANDSHAKE_CONFIRMED);
	int force = d->force || note->flags & SLUICE_HANDSHAKE_FORCED;
	int err;

	if (proves)
		*why = holding_prove(&note->holding, d->view->rule, d->view->row, force, d->view->dry);
	if (!note->held) {
		holding_of(d->view, &d->pkt->tuple.source, &note->holding);
		*why = slots_charge(d, note, sure);
		note->charged_ns = d->now;
	}
	if (*why != SLUICE_ADMITTED || d->view->dry)
		return 0;
	if (sure)
		note->flags |= SLUICE_HANDSHAKE_CONFIRMED;
	err = handshake_answer(&d->pkt->tuple, note, d->now);
	if (err)
		answer_undo(d, note, sure, proves);
	return err;
}

/*
 * The element was moved while its slots were charged. Another segment may have answered it; or it is a connection by now, provided that its
 * slots cannot have run out meanwhile, which takes two ticks. Otherwise the client sends again.
 */
static __always_inline enum sluice_reason element_moved(struct admission *d, struct handshake_note *note, __u8 was)
{
	__u8 state = handshake_look(&d->pkt->tuple, note, 0);

	d->pkt->fresh = 0;
	if (state == HANDSHAKE_ANSWERED && !(note->flags & SLUICE_HANDSHAKE_RESET))
		return SLUICE_ADMITTED;
	return state == HANDSHAKE_FREE && was == HANDSHAKE_SYN_SEEN ? SLUICE_ADMITTED : SLUICE_SOURCE_CONNECTIONS;
}

/* Nothing is known of the handshake that this segment completes, so it charges slots of its own, for a client who is not spoofed. */
static __always_inline enum sluice_reason answer_charge(struct admission *d, struct handshake_note *note, int sure)
{
	enum sluice_reason why;
	int err;

	holding_of(d->view, &d->pkt->tuple.source, &note->holding);
	note->isn = bpf_ntohl(d->pkt->seq) - 1;
	d->pkt->fresh = 1;
	why = slots_charge(d, note, sure);
	if (why != SLUICE_ADMITTED || d->view->dry)
		return why;
	err = handshake_remember(&d->pkt->tuple, note, d->now, d->view->row->published);
	if (err == -EEXIST)
		return element_moved(d, note, HANDSHAKE_FREE);
	return err ? SLUICE_TABLE_FULL : SLUICE_ADMITTED;
}

/* A client completes a handshake. Returns ADMITTED if it has a slot, of its handshake or a new one. `sure`: the client is not spoofed. */
static __always_inline enum sluice_reason admit_answer(struct admission *d, struct handshake_note *note, int sure)
{
	enum sluice_reason why = SLUICE_ADMITTED;
	__u8 was = note->state;

	if (was != HANDSHAKE_FREE && note->flags & SLUICE_HANDSHAKE_RESET)
		return SLUICE_SOURCE_CONNECTIONS;
	if (was == HANDSHAKE_ANSWERED)
		return why;
	if (!d->force)
		view_narrow(d->view, &d->pkt->tuple.source);
	if (was == HANDSHAKE_FREE) {
		why = answer_charge(d, note, sure);
	} else {
		d->pkt->fresh = !note->held;
		if (element_answer(d, note, sure, &why))
			return element_moved(d, note, was);
	}
	d->pkt->connected = sure; /* a refusal tells the client, which believes in its connection */
	return why;
}

/*
 * A segment that completes a handshake passes as what it completes. If the host will repeat its SYN-ACK, a lease may have come by then.
 */
static __always_inline enum sluice_reason answer_judge(struct admission *d, struct handshake_note *note, enum flow flow)
{
	enum sluice_reason why;

	if (flow == FLOW_COOKIE && !d->view->dry)
		answer_returned(d->ctx, d->pkt);
	d->pkt->waits = flow == FLOW_ANSWER && note->state != HANDSHAKE_FREE &&
			d->now - note->charged_ns < SLUICE_LEASE_WAIT_NS;
	why = admit_answer(d, note, 1);
	d->pkt->waits &= d->view->leased == FLEET_SAYS_LEASE && lease_may_grow(why);
	if (why != SLUICE_ADMITTED)
		return why;
	if (flow == FLOW_COOKIE)
		return SLUICE_COOKIE_VALID;
	return d->pkt->fresh ? SLUICE_ADMITTED : SLUICE_ESTABLISHED;
}

/* Judges a segment of no connection. Right behind the answer that makes one, the gate is ahead of the socket table. */
static __always_inline enum sluice_reason stray_judge(struct admission *d, const struct handshake_note *note,
						      int sampled)
{
	if (note->state == HANDSHAKE_ANSWERED)
		return SLUICE_ESTABLISHED;
	if (sampled && !d->view->dry)
		stray_note(d->pressure, d->view->service, d->now);
	return d->pressure->ack_flood ? SLUICE_COOKIE_FORGED : SLUICE_OUT_OF_STATE;
}

/* Where the gate cannot look sockets up, nobody can say whether the number is right. The segment is taken for an answer, and proves nothing. */
static __always_inline enum sluice_reason unseen_judge(struct admission *d, struct handshake_note *note)
{
	enum sluice_reason why;

	if (!d->pkt->ack || note->state == HANDSHAKE_FREE || (note->held && note->state != HANDSHAKE_EXPIRING))
		return SLUICE_ESTABLISHED;
	why = admit_answer(d, note, 0);
	if (why != SLUICE_ADMITTED)
		return why;
	if (d->view->row->published && !d->view->dry && note->state != HANDSHAKE_FREE)
		half_keep(&d->pkt->tuple); /* this was forgotten when the handshake expired */
	return SLUICE_ESTABLISHED;
}

/*
 * Returns ESTABLISHED, or what else a segment is, at a port where all are judged. `ask`: also judge those that the table does not know.
 * `sampled`: if it belongs to nothing, it says so for many.
 */
static __always_inline enum sluice_reason admit_judged(struct admission *d, const struct sluice_guard *g, int ask,
						       int sampled)
{
	struct handshake_note *note = d->note;
	enum flow flow;

	note->holding.holds = 0;
	handshake_look(&d->pkt->tuple, note, 0);
	if (note->state == HANDSHAKE_FREE && !ask && !cookies_guarded(g, d->now))
		return SLUICE_ESTABLISHED;
	if (!d->view->row->published && !packet_is_ours(&d->pkt->tuple.local, d->view->named))
		return SLUICE_NOT_LOCAL;
	flow = packet_owner(d);
	if (flow == FLOW_ANSWER || flow == FLOW_COOKIE)
		return answer_judge(d, note, flow);
	if (flow == FLOW_UNSEEN)
		return unseen_judge(d, note);
	if (flow == FLOW_LISTENER || (flow == FLOW_HANDSHAKE && !d->pkt->rst))
		return stray_judge(d, note, sampled);
	return flow == FLOW_NONE ? SLUICE_OUT_OF_STATE : SLUICE_ESTABLISHED;
}

static __always_inline enum sluice_reason admit_ack(struct admission *d)
{
	struct sluice_guard *g = guard_of(d->pkt->local_port);
	int sampled = !d->view->row->published && stray_sample(d->view->service, d->view->dry);
	int ask = (sampled && d->pressure->completed) || d->pressure->ack_flood;

	if (d->pkt->rst && !d->view->dry)
		handshake_reset(&d->pkt->tuple, bpf_ntohl(d->pkt->seq), bpf_ktime_get_ns());
	if (!g || (!g->watch_until_ns && !g->cookies_until_ns && !ask))
		return SLUICE_ESTABLISHED;
	d->now = bpf_ktime_get_ns();
	if (!guard_asked(g, d->now, d->view->dry) && !ask)
		return SLUICE_ESTABLISHED;
	return admit_judged(d, g, ask, sampled);
}

#endif
