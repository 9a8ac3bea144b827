/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that one connection holds: slots and events of its source, the network above it, its set and its service, all of them or none.
 * Admission (admit.bpf.h, answered.bpf.h), the tracker and the sweeper call this. What cannot be counted is refused: otherwise a sender who
 * could bring that about would get past every limit.
 */
#ifndef SLUICE_HOLDING_BPF_H
#define SLUICE_HOLDING_BPF_H

/* Returns ADMITTED, or which rate has no room; h->holds says what was charged. */
static __always_inline enum sluice_reason rates_charge(struct sluice_holding *h, const struct sluice_rule *rule,
						       const struct sluice_service *row, const struct take *how)
{
	if (h->source_seconds && !(h->holds & SLUICE_HOLDS_FIRST) && level_hurries(h, 0, rule->source.rate, how))
		return SLUICE_SOURCE_RATE;
	if (h->network_seconds && level_hurries(h, 1, rule->network.rate, how))
		return SLUICE_NETWORK_RATE;
	if (h->set_total && rule->set.rate) {
		if (total_hit(h->set_total, &rule->set, how) != TAKEN)
			return SLUICE_SET_RATE;
		h->holds |= SLUICE_HOLDS_SET_RATE;
	}
	if (row->total.rate) {
		if (total_hit(h->source.service, &row->total, how) != TAKEN)
			return SLUICE_SERVICE_RATE;
		h->holds |= SLUICE_HOLDS_SERVICE_RATE;
	}
	return SLUICE_ADMITTED;
}

/* Applies `op` to everything that `of` names, which is at most one of each pair. */
static __always_inline void all_do(const struct sluice_holding *h, __u32 of, const struct slot_op *op)
{
	if (of & SLUICE_HOLDS_SERVICE)
		slot_do(h, SLUICE_HOLDS_SERVICE, op);
	if (of & SLUICE_HOLDS_SET)
		slot_do(h, SLUICE_HOLDS_SET, op);
	if (of & HOLDS_NETWORKS)
		slot_do(h, of & HOLDS_NETWORKS, op);
	if (of & HOLDS_SOURCES)
		slot_do(h, of & HOLDS_SOURCES, op);
	if (!(of & HOLDS_RATES))
		return;
	if (of & (SLUICE_HOLDS_SOURCE_RATE | SLUICE_HOLDS_SHARED_RATE))
		event_do(h, of & (SLUICE_HOLDS_SOURCE_RATE | SLUICE_HOLDS_SHARED_RATE), op);
	if (of & HOLDS_NETWORK_RATES)
		event_do(h, of & HOLDS_NETWORK_RATES, op);
	if (of & SLUICE_HOLDS_SET_RATE)
		total_event(h->set_total, h->taken, op);
	if (of & SLUICE_HOLDS_SERVICE_RATE)
		total_event(h->source.service, h->taken, op);
}

/* Gives back what h->holds says. The events of a reservation go with it, since it was no connection; those of a connection stay. */
__noinline int holding_give(const struct sluice_holding *h, const struct give *how)
{
	struct slot_op op = { .what = SLOT_GIVE };

	if (!h || !how)
		return 0;
	op.now = how->now;
	op.reserved = how->reserved;
	op.proven = how->proven;
	op.transient = how->transient;
	all_do(h, how->reserved ? h->holds : h->holds & ~HOLDS_RATES, &op);
	if (h->holds & SLUICE_HOLDS_FLEET && (!how->reserved || how->proven))
		fleet_tell_given(h);
	return 0;
}

/* Marks that what was charged holds over the fleet, and tells the fleet if it is sure. */
static __always_inline void fleet_charged(struct sluice_holding *h, const struct sluice_rule *rule,
					  const struct sluice_service *row, const struct take *how)
{
	if (!rule->fleet || how->dry)
		return;
	h->holds |= SLUICE_HOLDS_FLEET;
	if (how->proven || !how->reserve)
		fleet_tell(h, rule, row, 0);
}

/* Returns ADMITTED, or why not. Either way h->holds says what was charged. */
__noinline int holding_charge(struct sluice_holding *h, const struct sluice_rule *rule,
			      const struct sluice_service *row, const struct take *how)
{
	enum sluice_reason why;

	if (!h || !rule || !row || !how)
		return SLUICE_SOURCE_CONNECTIONS;
	h->taken = taken_note(how->now);
	if (level_charge(h, 0, &rule->source, how) != TAKEN)
		return SLUICE_SOURCE_CONNECTIONS;
	if (h->network_bits && level_charge(h, 1, &rule->network, how) != TAKEN)
		return SLUICE_NETWORK_CONNECTIONS;
	if (h->set_total) {
		if (total_take(h->set_total, rule->set.connections, how) != TAKEN)
			return SLUICE_SET_CONNECTIONS;
		h->holds |= SLUICE_HOLDS_SET;
	}
	if (total_take(h->source.service, row->total.connections, how) != TAKEN)
		return SLUICE_SERVICE_CONNECTIONS;
	h->holds |= SLUICE_HOLDS_SERVICE;
	why = how->reserve ? rates_charge(h, rule, row, how) : SLUICE_ADMITTED;
	if (why == SLUICE_ADMITTED)
		fleet_charged(h, rule, row, how);
	return why;
}

/* Gives everything back, as if nothing had been taken. */
__noinline int holding_undo(struct sluice_holding *h, const struct take *how)
{
	struct slot_op op = { .what = SLOT_GIVE, .transient = 1 };

	if (!h || !how)
		return 0;
	op.now = how->now;
	op.reserved = how->reserve;
	op.proven = how->proven;
	all_do(h, h->holds, &op);
	h->holds = 0;
	return 0;
}

/* Takes slots for `h`, and notes in h->holds what it holds. Returns ADMITTED; after a refusal it holds nothing. */
static __always_inline enum sluice_reason holding_take(struct sluice_holding *h, const struct sluice_rule *rule,
						       const struct sluice_service *row, const struct take *how)
{
	enum sluice_reason why = holding_charge(h, rule, row, how);

	if (why != SLUICE_ADMITTED && !how->dry)
		holding_undo(h, how);
	return why;
}

/* The reservation that holds these slots has become a connection. */
__noinline int holding_settle(const struct sluice_holding *h, int proven)
{
	struct slot_op op = { .what = SLOT_SETTLE };

	if (!h)
		return 0;
	op.now = bpf_ktime_get_ns();
	op.proven = proven;
	all_do(h, h->holds, &op);
	return 0;
}

/* Takes the proof back from the counters of `h` that `of` (SLUICE_HOLDS_*) names. */
__noinline int holding_unprove(const struct sluice_holding *h, __u32 of)
{
	struct slot_op op = { .what = SLOT_UNPROVE };

	if (!h)
		return 0;
	op.now = bpf_ktime_get_ns();
	all_do(h, of, &op);
	if (h->holds & SLUICE_HOLDS_FLEET)
		fleet_tell_given(h);
	return 0;
}

#define PROVED(why, told) ((why) | (told) << 8) /* of slots_tell() and rates_tell(): why, and what has been told */

/* A rate is judged by the limit in force only if that has the same interval. */
static __always_inline __u32 rate_most(const struct sluice_limit *limit, __u32 seconds)
{
	return rate_seconds(limit) == seconds ? limit->rate : 0;
}

/* Tells the rates. Returns PROVED(). A rate that is gone was over, so it refuses nobody. */
__noinline __u32 rates_tell(const struct sluice_holding *h, const struct sluice_rule *rule,
			    const struct sluice_service *row, int force, int dry)
{
	struct slot_op op = { .what = SLOT_PROVE, .dry = dry };
	__u32 told = 0, bit;

	if (!h || !rule || !row)
		return SLUICE_SOURCE_RATE;
	op.now = bpf_ktime_get_ns();
	op.most = force ? 0 : rate_most(&rule->source, h->source_seconds);
	if (h->holds & SLUICE_HOLDS_FIRST && op.most && first_has_no_room(&h->source, h->source_seconds, op.most))
		return PROVED(SLUICE_SOURCE_RATE, told);
	bit = h->holds & (SLUICE_HOLDS_SOURCE_RATE | SLUICE_HOLDS_SHARED_RATE);
	if (bit && event_do(h, bit, &op) == TAKEN_FAST)
		return PROVED(SLUICE_SOURCE_RATE, told);
	told |= bit;
	bit = h->holds & HOLDS_NETWORK_RATES;
	op.most = force ? 0 : rate_most(&rule->network, h->network_seconds);
	if (bit && event_do(h, bit, &op) == TAKEN_FAST)
		return PROVED(SLUICE_NETWORK_RATE, told);
	told |= bit;
	op.most = force ? 0 : total_most(h->set_total, &rule->set);
	if (h->holds & SLUICE_HOLDS_SET_RATE && total_event(h->set_total, h->taken, &op) != TAKEN)
		return PROVED(SLUICE_SET_RATE, told);
	told |= h->holds & SLUICE_HOLDS_SET_RATE;
	op.most = force ? 0 : total_most(h->source.service, &row->total);
	if (h->holds & SLUICE_HOLDS_SERVICE_RATE && total_event(h->source.service, h->taken, &op) != TAKEN)
		return PROVED(SLUICE_SERVICE_RATE, told);
	return PROVED(SLUICE_ADMITTED, told | (h->holds & SLUICE_HOLDS_SERVICE_RATE));
}

/* Tells the slots. Returns PROVED(). */
__noinline __u32 slots_tell(const struct sluice_holding *h, const struct sluice_rule *rule,
			    const struct sluice_service *row, int force, int dry)
{
	struct slot_op op = { .what = SLOT_PROVE, .dry = dry };
	__u32 told = 0, bit;

	if (!h || !rule || !row)
		return SLUICE_SOURCE_CONNECTIONS;
	bit = h->holds & HOLDS_SOURCES;
	op.most = force ? 0 : rule->source.connections;
	if (bit && slot_do(h, bit, &op) != TAKEN)
		return PROVED(SLUICE_SOURCE_CONNECTIONS, told);
	told |= bit;
	bit = h->holds & HOLDS_NETWORKS;
	op.most = force ? 0 : rule->network.connections;
	if (bit && slot_do(h, bit, &op) != TAKEN)
		return PROVED(SLUICE_NETWORK_CONNECTIONS, told);
	told |= bit;
	bit = h->holds & SLUICE_HOLDS_SET;
	op.most = force ? 0 : rule->set.connections;
	if (bit && slot_do(h, bit, &op) != TAKEN)
		return PROVED(SLUICE_SET_CONNECTIONS, told);
	told |= bit;
	bit = h->holds & SLUICE_HOLDS_SERVICE;
	op.most = force ? 0 : row->total.connections;
	if (bit && slot_do(h, bit, &op) != TAKEN)
		return PROVED(SLUICE_SERVICE_CONNECTIONS, told);
	return PROVED(SLUICE_ADMITTED, told | bit);
}

/*
 * Tells the counters of `h` that its client has answered; with `dry` it only asks them. Returns ADMITTED, or why there is no room for one
 * more that is sure. A counter that is gone has no room.
 */
static __always_inline enum sluice_reason holding_prove(const struct sluice_holding *h, const struct sluice_rule *rule,
							const struct sluice_service *row, int force, int dry)
{
	__u32 got = slots_tell(h, rule, row, force, dry), told = got >> 8;

	if ((got & 0xff) == SLUICE_ADMITTED && h->holds & HOLDS_RATES) {
		got = rates_tell(h, rule, row, force, dry);
		told |= got >> 8;
	}
	if ((got & 0xff) != SLUICE_ADMITTED && !dry && told)
		holding_unprove(h, told);
	if ((got & 0xff) == SLUICE_ADMITTED && !dry && h->holds & SLUICE_HOLDS_FLEET)
		fleet_tell(h, rule, row, 0);
	return got & 0xff;
}

#endif
