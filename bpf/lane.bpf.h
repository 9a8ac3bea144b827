/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express lane: the first thing that a packet meets in the gate. It repeats refusals that stand, in one cache line, and decides
 * nothing: whatever it does not know goes the way of the order of checks. Called by the gate only; explain never looks here.
 *
 * Why it cannot be wrong. It repeats the refusal of a plain SYN (Ethernet, IPv4 without options or fragments, TCP with nothing but SYN)
 * by a source that is full of connections. (Of a source that the policy denies nothing has to be noted: trie, class and rule say so
 * here as there, and where any live ban or allow holds the address the order looks further.) That the order would say the same follows from
 *   - the source: its word is there, which is written while its counter is full for sure and wiped when a slot is given
 *     back, in an order that leaves no gap (refusals.bpf.h); until then nothing the source does changes it;
 *   - the policy, live bans and allows: whoever changes them shuts the lane, changes, and opens it in another epoch, in
 *     which no word of before is true (userspace/kern/floor/lane.c). What has an end by time is asked here, or keeps the lane out: a policy that awaits its
 *     confirmation, a stop;
 *   - the packet: the service of its port, the address that is ours, flags and lengths are looked at as the order does;
 *   - the host: a SYN whose 4-tuple may have a socket goes the long way.
 * It counts as the order counts; where somebody watches, each refusal that may be told goes the long way, too.
 */
#ifndef SLUICE_LANE_BPF_H
#define SLUICE_LANE_BPF_H

const volatile __u8 lane_is_off; /* for tests, which compare. Written at load */

/* The headers of a plain SYN, one behind the other. */
struct lane_syn {
	const struct iphdr *ip;
	const struct tcphdr *tcp;
};

/* Not 0: *syn is one that the order would find nothing crooked about. */
static __always_inline int lane_parse(struct xdp_md *ctx, struct lane_syn *syn)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct iphdr *ip = data + sizeof(*eth);
	const struct tcphdr *tcp = (const void *)(ip + 1);

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || eth->h_dest[0] & 1)
		return 0;
	if (*(const __u8 *)ip != 0x45 || ip->protocol != IPPROTO_TCP ||
	    ip->frag_off & bpf_htons(IP_OFFSET_MASK | IP_MORE))
		return 0;
	if (ip->saddr == ip->daddr && tcp->source == tcp->dest)
		return 0;
	if ((((const __u8 *)tcp)[13] & 0x3f) != FLAG_SYN || tcp->doff < sizeof(*tcp) / 4)
		return 0;
	syn->ip = ip;
	syn->tcp = tcp;
	return bpf_ntohs(ip->tot_len) >= sizeof(*ip) + tcp->doff * 4;
}

/* The service at this port of any address of the host; 0: none, or the order has to look further. */
static __always_inline __u32 lane_service(const struct lane_syn *syn, __u32 slot)
{
	__u32 index = slot * 65536 + bpf_ntohs(syn->tcp->dest);
	const struct sluice_port *row = bpf_map_lookup_elem(&ports, &index);

	return row && !row->listeners ? row->service & (SLUICE_MAX_SERVICES - 1) : 0;
}

/* Not 0: the order has found this address to be ours on this processor, and nothing has changed since. */
static __always_inline int lane_is_ours(__be32 local)
{
	const struct sluice_addr addr = addr_mapped(local);
	const struct local_seen *last;
	const __u32 *now;
	__u32 zero = 0;

	if (!locals_known())
		return 1;
	now = bpf_map_lookup_elem(&locals_epoch, &zero);
	last = bpf_map_lookup_elem(&local_last, &zero);
	return now && last && *(const volatile __u32 *)now && last->epoch == *(const volatile __u32 *)now &&
	       last->is_local && addr_equals(&last->addr, &addr);
}

/* Not 0: a socket may have this 4-tuple. */
static __always_inline int lane_may_reach(const struct lane_syn *syn, const struct sluice_control *now)
{
	const struct sluice_tuple tuple = { .source = addr_mapped(syn->ip->saddr),
					    .local = addr_mapped(syn->ip->daddr),
					    .source_port = syn->tcp->source,
					    .local_port = syn->tcp->dest };

	return live_tuple_marked(&tuple, now);
}

/* Not 0: the order has refused this source at this service, and would again. */
static __always_inline int lane_knows(const struct lane_syn *syn, __u32 service, __u64 lane,
				      const struct sluice_control *now)
{
	struct refusal_place at = refusal_place(syn->ip->saddr, service, lane, now);
	const struct sluice_refusals *line = refusal_line(at.line);

	return line && refusal_stands(line, at.word) && !lane_may_reach(syn, now) &&
	       *(const volatile __u64 *)&now->lane == lane;
}

/* Not 0: some live ban or allow may hold this source: the order looks through them. */
static __always_inline int lane_is_named(void *table, const struct sluice_prefix_key *key)
{
	return live_has_any(table) && bpf_map_lookup_elem(table, key);
}

/* DENIED or COUNTRY, where the policy refuses this source whatever it does, and drops it; else UNDECIDED. */
static __always_inline enum sluice_reason lane_denies(const struct lane_syn *syn, struct sluice_view *view)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = addr_mapped(syn->ip->saddr) };

	view->generation = bpf_map_lookup_elem(&generations, &view->slot);
	if (!view->generation || !view->generation->classified || view->generation->observe)
		return SLUICE_UNDECIDED;
	view->rule = rule_of(view, &key.addr);
	if (!view->rule || (view->rule->action != SLUICE_ACTION_DENY && view->rule->action != SLUICE_ACTION_COUNTRY))
		return SLUICE_UNDECIDED;
	view->row = service_row(view->slot, view->service);
	if (!view->row || view->row->excess != SLUICE_EXCESS_DROP || lane_is_named(&live_allows, &key) ||
	    lane_is_named(&live_bans, &key))
		return SLUICE_UNDECIDED;
	return view->rule->action == SLUICE_ACTION_DENY ? SLUICE_DENIED : SLUICE_COUNTRY;
}

/* Not 0: it is counted. 0: somebody wants to hear of it, or nobody can count. */
static __always_inline int lane_count(const struct sluice_view *view, enum sluice_reason why)
{
	struct sluice_stat *stat = stat_of(view->service, why);

	if (!stat || events_wanted(view->control, stat))
		return 0;
	if (why == SLUICE_COUNTRY)
		count_refused_from(view->service, view->leaf);
	stat->packets++;
	stat->connections++;
	return 1;
}

/* Not 0: this packet is refused, and counted. */
static __always_inline int lane_refuses(struct xdp_md *ctx)
{
	const struct sluice_control *now = control_row();
	struct sluice_view view = { .control = now };
	enum sluice_reason why;
	struct lane_syn syn;
	__u64 force;

	if (lane_is_off || frames_are != SLUICE_FRAMES_ETHERNET || !now || !lane_parse(ctx, &syn))
		return 0;
	view.lane = *(const volatile __u64 *)&now->lane; /* before all else that changes */
	force = *(const volatile __u64 *)&now->force;
	if (!view.lane || now->open_ns || force & SLUICE_FORCE_UNTIL)
		return 0;
	view.slot = force & SLUICE_FORCE_SLOT;
	view.service = lane_service(&syn, view.slot);
	if (!view.service || !lane_is_ours(syn.ip->daddr))
		return 0;
	if (lane_knows(&syn, view.service, view.lane, now))
		return lane_count(&view, SLUICE_SOURCE_CONNECTIONS);
	why = lane_denies(&syn, &view);
	return why != SLUICE_UNDECIDED && lane_count(&view, why);
}

#endif
