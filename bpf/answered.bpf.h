/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this segment without SYN pass? It may complete a handshake: of a reservation, of one that ran out, or of a SYN cookie that
 * holds nothing yet. All of these take part in the limits; what belongs to nothing is dropped.
 */
#ifndef SLUICE_ANSWERED_BPF_H
#define SLUICE_ANSWERED_BPF_H

/* Not 0: the slot had not been given back yet, and counts (dry: would) for another while. */
static __always_inline int reservation_renew(struct sluice_reservation *r, __u64 now, int dry)
{
	__u64 old = r->expires_ns;

	if (dry)
		return old != 0;
	if (!old || __sync_val_compare_and_swap(&r->expires_ns, old, now + SLUICE_RESERVATION_NS) != old)
		return 0;
	r->late = 0;
	return 1;
}

/* The client of this reservation has answered. Whoever takes its slots at the same time takes them as unanswered. */
static __always_inline enum sluice_reason reservation_prove(struct door *d, struct sluice_reservation *r)
{
	struct sluice_holding h = r->holding;
	enum sluice_reason why;

	if (d->view->dry && r->proof == SLUICE_PROOF_NONE)
		return holding_prove(&h, d->view->rule, d->view->row, d->force, 1);
	if (d->view->dry ||
	    __sync_val_compare_and_swap(&r->proof, SLUICE_PROOF_NONE, SLUICE_PROOF_BUSY) != SLUICE_PROOF_NONE)
		return SLUICE_ADMITTED;
	why = holding_prove(&h, d->view->rule, d->view->row, d->force, 0);
	if (why != SLUICE_ADMITTED) {
		__sync_val_compare_and_swap(&r->proof, SLUICE_PROOF_BUSY, SLUICE_PROOF_NONE);
		return why;
	}
	if (__sync_val_compare_and_swap(&r->proof, SLUICE_PROOF_BUSY, SLUICE_PROOF_DONE) != SLUICE_PROOF_BUSY)
		holding_unprove(&h, h.holds);
	return why;
}

/* Somebody who is no spoofer completes a handshake: ADMITTED when it has a slot, of its reservation or a new one. */
static __always_inline enum sluice_reason admit_answer(struct door *d)
{
	struct sluice_reservation *r;
	enum sluice_reason why;
	struct sluice_holding h;
	int again = 0;

	r = bpf_map_lookup_elem(&reservations, &d->pkt->tuple);
	if (r && r->expires_ns && (!r->late || reservation_renew(r, d->now, d->view->dry)))
		return reservation_prove(d, r);
	holding_of(d->view, &d->pkt->tuple.source, &h);
	why = reserve(d, &h, 1, &again);
	d->pkt->fresh = !again;
	return why;
}

/* ESTABLISHED, or why a segment without SYN may not pass where all of them are judged. */
static __always_inline enum sluice_reason admit_judged(struct door *d)
{
	enum sluice_reason why;
	enum belongs to;

	if (!packet_is_ours(&d->pkt->tuple.local, d->view->named))
		return SLUICE_NOT_LOCAL;
	d->now = bpf_ktime_get_ns();
	to = segment_judge(d->ctx, d->pkt);
	if (to == BELONGS_LISTENER || to == BELONGS_STRANGER) {
		if (!d->view->dry)
			stray_note(d->pressure, d->view->service, d->now);
		return SLUICE_COOKIE_FORGED;
	}
	if (to != BELONGS_COOKIE && to != BELONGS_HANDSHAKE)
		return SLUICE_ESTABLISHED;
	if (to == BELONGS_COOKIE && !d->view->dry)
		answer_returned(d->ctx, d->pkt);
	why = admit_answer(d);
	d->pkt->connected = 1;
	if (why != SLUICE_ADMITTED)
		return why;
	return to == BELONGS_COOKIE ? SLUICE_COOKIE_VALID : SLUICE_ESTABLISHED;
}

/*
 * An ACK may complete a handshake whose reservation ran out: then it must find a free slot, or the limit would be
 * overshot. ESTABLISHED for everything else.
 */
static __always_inline enum sluice_reason admit_late(struct door *d)
{
	struct sluice_reservation *r;
	enum sluice_reason why;
	struct sluice_holding h;
	int again = 0;

	d->now = bpf_ktime_get_ns();
	r = bpf_map_lookup_elem(&reservations, &d->pkt->tuple);
	if (r && reservation_renew(r, d->now, d->view->dry))
		return SLUICE_ESTABLISHED;
	holding_of(d->view, &d->pkt->tuple.source, &h);
	why = reserve(d, &h, 0, &again);
	if (again) /* it is being given back this instant: the client sends again */
		return SLUICE_SOURCE_CONNECTIONS;
	return why == SLUICE_ADMITTED ? SLUICE_ESTABLISHED : why;
}

static __always_inline enum sluice_reason admit_ack(struct door *d)
{
	int judging = service_bakes(d->view->generation, d->view->row);
	const struct sluice_pulse *beat;
	__u32 zero = 0;

	if (judging && d->pressure->guarded)
		return admit_judged(d);
	beat = bpf_map_lookup_elem(&pulse, &zero);
	if (beat && beat->late && d->pkt->ack && bpf_map_lookup_elem(&late, &d->pkt->tuple))
		return admit_late(d);
	if (judging && d->pressure->completed && stray_sample(d->view->service))
		return admit_judged(d);
	return SLUICE_ESTABLISHED;
}

#endif
