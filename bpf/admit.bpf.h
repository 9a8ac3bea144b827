/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this SYN come in? A SYN that does takes a slot of its source, its set and its service at once, as a reservation keyed
 * by the 4-tuple, so that SYNs sent together are counted before any of them is established (docs/architecture.md).
 */
#ifndef SLUICE_ADMIT_BPF_H
#define SLUICE_ADMIT_BPF_H

#define EEXIST 17

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
	enum taken got;

	if (!h || !rule || !row || !how)
		return SLUICE_UNPARSED;
	got = source_take(&h->source, &rule->source, how);
	if (got == TAKEN_NO_ROOM) {
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
	holding_give(h, &undo);
	h->holds = 0;
	return why;
}

/* A refusal that a glance shows, before any counter is made or locked. */
static __always_inline enum sluice_reason
limits_peek(const struct sluice_view *view, const struct sluice_counter *source, const struct sluice_holding *h)
{
	const struct sluice_rule *rule = view->rule;
	const struct sluice_counter *total;

	if (source && rule->source.connections && source->held >= rule->source.connections)
		return SLUICE_SOURCE_CONNECTIONS;
	if (h->set_total && rule->set.connections) {
		total = total_of(h->set_total);
		if (total && total->held >= rule->set.connections)
			return SLUICE_SET_CONNECTIONS;
	}
	if (view->row->total.connections) {
		total = total_of(h->source.service);
		if (total && total->held >= view->row->total.connections)
			return SLUICE_SERVICE_CONNECTIONS;
	}
	return SLUICE_UNDECIDED;
}

static __always_inline int reservation_stands(const struct sluice_tuple *tuple)
{
	const struct sluice_reservation *r = bpf_map_lookup_elem(&reservations, tuple);

	return r && r->expires_ns;
}

/* ADMITTED: the tuple holds a reservation (when dry: would), *again if it had one before. Otherwise it holds nothing. */
static __always_inline enum sluice_reason reserve(const struct sluice_view *view, const struct sluice_tuple *tuple,
						  struct sluice_holding *h, int force, int *again)
{
	__u64 now = bpf_ktime_get_ns();
	struct take how = { .now = now, .force = force, .reserve = 1, .dry = view->dry };
	struct give undo = { .now = now, .taken_ns = now, .reserved = 1, .transient = 1 };
	struct sluice_reservation fresh = { .expires_ns = now + SLUICE_RESERVATION_NS, .taken_ns = now };
	enum sluice_reason why;
	long err;

	why = holding_take(h, view->rule, view->row, &how);
	if (why != SLUICE_ADMITTED || view->dry)
		return why;
	fresh.holding = *h;
	err = bpf_map_update_elem(&reservations, tuple, &fresh, BPF_NOEXIST);
	if (!err)
		return SLUICE_ADMITTED;
	holding_give(h, &undo);
	*again = err == -EEXIST;
	return *again ? SLUICE_ADMITTED : SLUICE_UNPARSED;
}

/* `force`: allowed, or only observed: reserves whatever the limits say. */
static __always_inline enum sluice_reason admit_syn(struct sluice_pkt *pkt, const struct sluice_view *view, int force)
{
	const struct sluice_counter *source;
	enum sluice_reason why;
	struct sluice_holding h;
	int again = 0;

	holding_of(view, &pkt->tuple.source, &h);
	source = bpf_map_lookup_elem(&sources, &h.source);
	if (source && source->reserved && reservation_stands(&pkt->tuple))
		return SLUICE_ADMITTED;
	if (!force) {
		why = limits_peek(view, source, &h);
		if (why != SLUICE_UNDECIDED) {
			pkt->fresh = 1;
			return why;
		}
	}
	why = reserve(view, &pkt->tuple, &h, force, &again);
	pkt->fresh = !again;
	return why;
}

/* Not 0: the slot had not been given back yet, and counts for another while. */
static __always_inline int reservation_renew(struct sluice_reservation *r, __u64 now)
{
	__u64 old = r->expires_ns;

	if (!old || __sync_val_compare_and_swap(&r->expires_ns, old, now + SLUICE_RESERVATION_NS) != old)
		return 0;
	r->late = 0;
	return 1;
}

/*
 * An ACK may complete a handshake whose reservation ran out: then it must find a free slot, or the limit would be
 * overshot. ESTABLISHED for everything else.
 */
static __always_inline enum sluice_reason admit_ack(struct sluice_pkt *pkt, const struct sluice_view *view, int force)
{
	const struct sluice_pulse *beat;
	struct sluice_reservation *r;
	enum sluice_reason why;
	struct sluice_holding h;
	__u32 zero = 0;
	int again = 0;

	beat = bpf_map_lookup_elem(&pulse, &zero);
	if (!beat || !beat->late || !pkt->ack || !bpf_map_lookup_elem(&late, &pkt->tuple))
		return SLUICE_ESTABLISHED;
	r = bpf_map_lookup_elem(&reservations, &pkt->tuple);
	if (r && !view->dry && reservation_renew(r, bpf_ktime_get_ns()))
		return SLUICE_ESTABLISHED;
	holding_of(view, &pkt->tuple.source, &h);
	why = reserve(view, &pkt->tuple, &h, force, &again);
	if (again) /* it is being given back this instant: the client sends again */
		return SLUICE_SOURCE_CONNECTIONS;
	return why == SLUICE_ADMITTED ? SLUICE_ESTABLISHED : why;
}

#endif
