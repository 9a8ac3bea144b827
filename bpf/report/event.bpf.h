/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reports refusals to clients that watch. Each reason has a budget on each processor: one event every event_gap_ns, and a few at once after
 * a quiet time. So a flood swamps neither the ring nor the other reasons. Each event says how many refusals it stands for.
 */
#ifndef SLUICE_EVENT_BPF_H
#define SLUICE_EVENT_BPF_H

/* Takes one from this budget, which allows one every `gap`, and `burst` at once. Returns non-zero if it had room. */
static __always_inline int budget_take(struct sluice_budget *b, __u64 gap, __u64 burst, __u64 now)
{
	__u64 next = b->next_ns > now ? b->next_ns : now;

	if (next - now > gap * (burst - 1))
		return 0;
	b->next_ns = next + gap;
	return 1;
}

/* Returns non-zero if this refusal is to be reported. `stat` has counted it already. */
static __always_inline int event_is_due(struct sluice_stat *stat, const struct sluice_control *now, __u32 why)
{
	__u64 seen = stat->packets + stat->observed;
	struct sluice_budget *budget;

	if (stat->event_epoch != now->event_epoch) {
		stat->event_epoch = now->event_epoch;
		stat->told = seen - 1;
	}
	budget = bpf_map_lookup_elem(&budgets, &why);
	if (budget && budget_take(budget, now->event_gap_ns, SLUICE_EVENT_BURST, bpf_ktime_get_coarse_ns()))
		return 1;
	stat->quiet_jiffy = bpf_jiffies64();
	return 0;
}

/*
 * Returns non-zero if somebody watches, and this jiffy may still have room for an event. Ask this before calling event_offer(), which costs
 * more: jiffies are a plain load while reading a clock is a call, so a flood pays next to nothing.
 */
static __always_inline int events_wanted(const struct sluice_control *now, const struct sluice_stat *stat)
{
	if (!now || !now->event_epoch || !stat)
		return 0;
	return stat->event_epoch != now->event_epoch || stat->quiet_jiffy != bpf_jiffies64();
}

/* It is verified once, apart from the gate, which is short of stack. */
__noinline int event_offer(const struct sluice_pkt *pkt, struct sluice_stat *stat, __u32 service, __u32 why,
			   __u32 verdict)
{
	const struct sluice_control *now = control_row();
	struct sluice_event *event;

	if (!pkt || !stat || !now || !event_is_due(stat, now, why))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->when_ns = bpf_ktime_get_coarse_ns();
	event->source = pkt->tuple.source;
	event->stands_for = stat->packets + stat->observed - stat->told;
	event->service = service;
	event->local_port = pkt->local_port;
	event->reason = why;
	event->verdict = verdict;
	event->pad = 0;
	stat->told = stat->packets + stat->observed;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

#endif
