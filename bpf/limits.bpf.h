/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The limits of one connection: those of its source, its set and its service together. Charges all three or none, and says which one
 * is full. Called by admission (admit.bpf.h, answered.bpf.h) and by the tracker; counter.bpf.h knows about one counter at a time.
 */
#ifndef SLUICE_LIMITS_BPF_H
#define SLUICE_LIMITS_BPF_H

#define STALL_NS \
	(300ULL * 1000000) /* a source full of reservations that none of them leaves for so long is contested */

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

/*
 * Tells the counters of `h` that its client has answered (dry: asks them): ADMITTED, or why there is no room for one more that
 * is sure.
 */
__noinline int holding_prove(const struct sluice_holding *h, const struct sluice_rule *rule,
			     const struct sluice_service *row, int force, int dry)
{
	enum taken got = TAKEN;
	__u16 told = 0;

	if (!h || !rule || !row)
		return SLUICE_UNPARSED;
	if (h->holds & SLUICE_HOLDS_SOURCE)
		got = counter_prove(source_counter(&h->source), &rule->source, force, dry);
	else if (h->holds & SLUICE_HOLDS_SHARED)
		got = counter_prove(shared_of(&h->source), &rule->source, force, dry);
	if (got != TAKEN)
		return refusal(got, SLUICE_SOURCE_CONNECTIONS, SLUICE_SOURCE_RATE);
	if (!dry)
		told = h->holds & (SLUICE_HOLDS_SOURCE | SLUICE_HOLDS_SHARED);
	if (h->holds & SLUICE_HOLDS_SET)
		got = counter_prove(total_of(h->set_total), &rule->set, force, dry);
	if (got != TAKEN) {
		holding_unprove(h, told);
		return refusal(got, SLUICE_SET_CONNECTIONS, SLUICE_SET_RATE);
	}
	if (!dry)
		told |= h->holds & SLUICE_HOLDS_SET;
	if (h->holds & SLUICE_HOLDS_SERVICE)
		got = counter_prove(total_of(h->source.service), &row->total, force, dry);
	if (got == TAKEN)
		return SLUICE_ADMITTED;
	holding_unprove(h, told);
	return refusal(got, SLUICE_SERVICE_CONNECTIONS, SLUICE_SERVICE_RATE);
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

#endif
