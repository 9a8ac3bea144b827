/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Refusals for those who watch. Each reason has a budget on each processor: one event every event_gap_ns, a few at once after
 * a quiet time. So a flood swamps neither the ring nor the other reasons; each event says how many refusals it stands for.
 */
#ifndef SLUICE_EVENT_BPF_H
#define SLUICE_EVENT_BPF_H

/* Not 0: the budget of this reason has room for one more; it is taken. */
static __always_inline int budget_take(struct sluice_budget *b, __u64 gap, __u64 now)
{
	__u64 next = b->next_ns > now ? b->next_ns : now;

	if (next - now > gap * (SLUICE_EVENT_BURST - 1))
		return 0;
	b->next_ns = next + gap;
	return 1;
}

static __always_inline void event_offer(const struct sluice_pkt *pkt, const struct sluice_view *view,
					enum sluice_reason why, enum sluice_verdict verdict)
{
	struct sluice_budget *budget;
	struct sluice_event *event;
	__u32 index = why;
	__u64 now;

	if (!view->event_gap_ns)
		return;
	budget = bpf_map_lookup_elem(&budgets, &index);
	if (!budget)
		return;
	budget->untold++;
	now = bpf_ktime_get_coarse_ns();
	if (!budget_take(budget, view->event_gap_ns, now))
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	event->when_ns = now;
	event->source = pkt->tuple.source;
	event->stands_for = budget->untold;
	event->service = view->service;
	event->local_port = pkt->local_port;
	event->reason = why;
	event->verdict = verdict;
	event->pad = 0;
	budget->untold = 0;
	bpf_ringbuf_submit(event, 0);
}

#endif
