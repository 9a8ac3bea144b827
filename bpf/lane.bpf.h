/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express lane: the first thing that a packet meets in the gate. It repeats refusals that stand, at the cost of one
 * cache line, lets segments of connections pass, and decides nothing: whatever it does not know goes through the order
 * of checks. Only the gate calls it; explain never looks here.
 *
 * Why it cannot be wrong. A plain segment (ACK, neither SYN nor RST) is remembered nowhere. If nobody asks which
 * segments complete a handshake (no watch, no guard, no flood of them, no sample due), the order only asks who sent it,
 * in the same tables as here.
 *
 * It repeats the refusal of a plain SYN (Ethernet, IP without options or fragments, TCP with nothing but SYN) if its
 * source is full of connections. (For a source that the policy denies, nothing has to be noted: trie, class and rule
 * say so here as they do there, and if a live ban or allow may hold the address, the order looks further.) That the
 * order would say the same follows from
 *   - the source: its word is there. That is written while its counter is certainly full, and wiped when a slot is
 *     given back, in an order that leaves no gap (refusals.bpf.h); until then nothing the source does changes it. A
 *     source of IPv6 is many addresses: it is noted only if they are all of one class, and this file checks that no
 *     live ban or allow holds this one;
 *   - the policy, live bans and allows: whoever changes them shuts the lane, makes the change, and opens the lane in
 *     another epoch, in which no earlier word is true (userspace/kern/floor/lane.c). What ends at a certain time is
 *     checked here, or keeps the lane shut: a policy that awaits its confirmation, a stop;
 *   - the packet: the service of its port, whether the address is ours, flags and lengths are checked as the order does;
 *   - the host: a SYN whose 4-tuple may have a socket goes through the order.
 * It counts as the order counts. While somebody watches, each refusal that may be reported goes through the order, too.
 */
#ifndef SLUICE_LANE_BPF_H
#define SLUICE_LANE_BPF_H

/* Written at load: the gate is for an interface whose frames are not Ethernet, or a test compares both ways. */
const volatile __u8 lane_is_off;

/* A plain SYN, or a plain segment. For IPv4 it stays in registers, so no pointer to it may be given to helpers or other functions. */
struct lane_syn {
	struct sluice_tuple tuple;
	__u8 flags;
};

/* What is in force for it. */
struct lane {
	const struct sluice_control *control;
	__u64 word; /* control.lane, read before everything else that changes */
	__u32 slot;
	__u32 service;
};

/* Returns non-zero if the flags say nothing but that it asks for a connection, or belongs to one. */
static __always_inline int lane_flags_plain(__u8 flags)
{
	return flags == FLAG_SYN || (flags & (FLAG_SYN | FLAG_RST | FLAG_ACK)) == FLAG_ACK;
}

/* Returns non-zero if it is a plain one, its datagram has `room` for TCP, and no answer to it would go to the host itself ("land"). */
static __always_inline int lane_parse_tcp(const struct tcphdr *tcp, __u32 room, struct lane_syn *syn)
{
	syn->tuple.source_port = tcp->source;
	syn->tuple.local_port = tcp->dest;
	syn->flags = ((const __u8 *)tcp)[13] & 0x3f;
	if (!lane_flags_plain(syn->flags) || tcp->doff < sizeof(*tcp) / 4 || room < tcp->doff * 4)
		return 0;
	return syn->tuple.source_port != syn->tuple.local_port || !addr_is(&syn->tuple.source, &syn->tuple.local);
}

static __always_inline int lane_parse4(const struct iphdr *ip, void *end, struct lane_syn *syn)
{
	const struct tcphdr *tcp = (const void *)(ip + 1);
	__u32 len;

	if ((void *)(tcp + 1) > end || *(const __u8 *)ip != 0x45 || ip->protocol != IPPROTO_TCP ||
	    ip->frag_off & bpf_htons(IP_OFFSET_MASK | IP_MORE))
		return 0;
	len = bpf_ntohs(ip->tot_len);
	syn->tuple.source = addr_mapped(ip->saddr);
	syn->tuple.local = addr_mapped(ip->daddr);
	return len >= sizeof(*ip) && lane_parse_tcp(tcp, len - sizeof(*ip), syn);
}

static __always_inline int lane_parse6(const struct ipv6hdr *ip, void *end, struct lane_syn *syn)
{
	const struct tcphdr *tcp = (const void *)(ip + 1);

	if ((void *)(tcp + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_TCP)
		return 0;
	__builtin_memcpy(&syn->tuple.source, &ip->saddr, sizeof(syn->tuple.source));
	__builtin_memcpy(&syn->tuple.local, &ip->daddr, sizeof(syn->tuple.local));
	return lane_parse_tcp(tcp, bpf_ntohs(ip->payload_len), syn);
}

/* Returns non-zero if the order would find nothing invalid about *syn. */
static __always_inline int lane_parse(struct xdp_md *ctx, struct lane_syn *syn, int ipv6)
{
	const void *ip = (void *)(long)ctx->data + sizeof(struct ethhdr);
	void *end = (void *)(long)ctx->data_end;

	return ipv6 ? lane_parse6(ip, end, syn) : lane_parse4(ip, end, syn);
}

/* Returns the service at this port of any address of the host; 0: there is none, or the order has to look further. */
static __always_inline __u32 lane_service(const struct lane_syn *syn, __u32 slot)
{
	__u32 index = slot * 65536 + bpf_ntohs(syn->tuple.local_port);
	const struct sluice_port *row = bpf_map_lookup_elem(&ports, &index);

	return row && !row->listeners ? row->service & (SLUICE_MAX_SERVICES - 1) : 0;
}

/* Returns 0 unless it is certain what is in force, and that a service is at this port. */
static __always_inline int lane_look(const struct lane_syn *syn, struct lane *lane)
{
	__u64 force;

	lane->word = *(const volatile __u64 *)&lane->control->lane;
	force = *(const volatile __u64 *)&lane->control->force;
	if (lane->control->open_ns || force & SLUICE_FORCE_UNTIL)
		return 0;
	lane->slot = force & SLUICE_FORCE_SLOT;
	lane->service = lane_service(syn, lane->slot);
	return lane->service != 0;
}

/* Returns non-zero if the last address that the order found to be ours on this processor is this one, or nobody knows which are ours. */
static __always_inline int lane_is_ours(const struct sluice_addr *local, const struct sluice_control *now, int ipv6)
{
	const struct local_seen *last = local_answer();
	__u64 change = *(const volatile __u64 *)&now->locals;

	if (!last || !change)
		return !change;
	if (!ipv6)
		return last->change4 == change && last->addr.word[3] == local->word[3];
	return last->change == change && last->is_local && addr_is(&last->addr, local);
}

/* Returns non-zero if some live ban or allow may hold this source: then the order looks through them. */
static __always_inline int lane_is_named(const struct sluice_addr *source)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = *source };

	return (table_has_any(&live_allows) && bpf_map_lookup_elem(&live_allows, &key)) ||
	       (table_has_any(&live_bans) && bpf_map_lookup_elem(&live_bans, &key));
}

/* Returns non-zero if the order has refused this IPv4 source at this service and would again, and no socket has this 4-tuple. */
static __always_inline int lane_knows4(const struct lane_syn *syn, const struct lane *lane)
{
	const __u32 h = refusal_hash(syn->tuple.source.word[3], lane->control);
	const struct refusal_place at = refusal_place(h, lane->service, lane->word);
	const struct sluice_refusals *line = refusal_line(&at);

	return line && refusal_stands(line, &at) &&
	       !sockets_may_have(socket_hash4(h, &syn->tuple, lane->control), lane->control);
}

/* The same for IPv6. A mapped address in an IPv6 header is a source of IPv4, which its first half does not show. */
static __always_inline int lane_knows6(const struct lane_syn *syn, const struct lane *lane)
{
	const struct sluice_refusals *line;
	struct refusal_place at;

	if (!SLUICE_LANE_PREFIX(lane->word) || addr_is_mapped(&syn->tuple.source))
		return 0;
	at = refusal_place6(&syn->tuple.source, lane->service, lane->word, lane->control);
	line = refusal_line(&at);
	return line && refusal_stands(line, &at) && !lane_is_named(&syn->tuple.source) &&
	       !sockets_may_have(socket_hash(&syn->tuple, lane->control), lane->control);
}

/* Returns non-zero if it is refused, now as when the lane was read. */
static __always_inline int lane_knows(const struct lane_syn *syn, const struct lane *lane, int ipv6)
{
	return refusals_any(lane->control, lane->word) && (ipv6 ? lane_knows6(syn, lane) : lane_knows4(syn, lane)) &&
	       *(const volatile __u64 *)&lane->control->lane == lane->word;
}

/* Fills the view except for its rule. Returns 0 if nothing is in force. */
static __always_inline int lane_view(const struct lane *lane, struct sluice_view *view)
{
	view->slot = lane->slot;
	view->service = lane->service;
	view->generation = bpf_map_lookup_elem(&generations, &view->slot);
	return view->generation != NULL;
}

/* Sets view->rule to what the policy says of this source, or NULL. *who becomes the address that the policy judges. */
static __always_inline void lane_rule(struct sluice_addr *who, int ipv6, struct sluice_view *view)
{
	if (ipv6 && view->generation->translated_count)
		translated_find(view->generation, who);
	view->rule = rule_of(view, who);
}

/* Returns XDP_DROP if this refusal is counted; 0: somebody wants to hear of it, or nobody can count it. */
static __always_inline int lane_drops(const struct lane *lane, enum sluice_reason why)
{
	struct sluice_stat *stat = stat_of(lane->service, why);

	if (!stat || events_wanted(lane->control, stat))
		return 0;
	stat->packets++;
	stat->connections++;
	return XDP_DROP;
}

/* Returns XDP_DROP if the policy refuses the source of this SYN whatever it does, drops it, and it is counted. */
static __always_inline int lane_denies(const struct lane *lane, struct sluice_addr *who, int ipv6,
				       struct sluice_view *view)
{
	const struct sluice_service *row;
	int verdict;

	if (!view->generation->classified || view->generation->observe)
		return 0;
	lane_rule(who, ipv6, view);
	if (!view->rule || (view->rule->action != SLUICE_ACTION_DENY && view->rule->action != SLUICE_ACTION_COUNTRY))
		return 0;
	row = service_row(view->slot, view->service);
	if (!row || row->excess != SLUICE_EXCESS_DROP || lane_is_named(who))
		return 0;
	verdict = lane_drops(lane, view->rule->action == SLUICE_ACTION_DENY ? SLUICE_DENIED : SLUICE_COUNTRY);
	if (verdict && view->rule->action == SLUICE_ACTION_COUNTRY)
		count_refused_from(lane->service, view->leaf);
	return verdict;
}

/* Returns non-zero if no segment at this port is asked what it completes. */
static __always_inline int lane_is_calm(const struct lane_syn *segment, const struct lane *lane)
{
	const struct sluice_guard *g = guard_of(bpf_ntohs(segment->tuple.local_port));
	const struct sluice_pressure *p = pressure_of(lane->service);

	return g && p && !g->watch_until_ns && !g->cookies_until_ns && !p->ack_flood &&
	       !(p->completed && stray_sample(lane->service, 1));
}

/* Returns XDP_PASS if this segment passes, and is counted. */
static __always_inline int lane_passes(const struct lane_syn *segment, const struct lane *lane, struct sluice_addr *who,
				       int ipv6, struct sluice_view *view)
{
	struct sluice_stat *stat = stat_of(lane->service, SLUICE_ESTABLISHED);

	if (!stat || !lane_is_calm(segment, lane))
		return 0;
	lane_rule(who, ipv6, view);
	if (!view->rule || view->rule->action != SLUICE_ACTION_LIMIT || lane_is_named(who))
		return 0;
	stat->packets++;
	return XDP_PASS;
}

/* Judges a packet by what the policy says of its source. */
static __always_inline int lane_judges(const struct lane_syn *syn, const struct lane *lane, int ipv6)
{
	struct sluice_addr who = syn->tuple.source;
	struct sluice_view view = {};

	if (!lane_view(lane, &view))
		return 0;
	return syn->flags == FLAG_SYN ? lane_denies(lane, &who, ipv6, &view)
				      : lane_passes(syn, lane, &who, ipv6, &view);
}

/* Returns XDP_DROP or XDP_PASS if this packet of that family is refused or passes, and is counted; 0: it is for the order. */
static __always_inline int lane_repeats(struct xdp_md *ctx, struct lane_syn *syn, int ipv6)
{
	struct lane lane = { .control = control_row() };
	int verdict = 0;

	if (!lane.control || !lane_parse(ctx, syn, ipv6) || !lane_look(syn, &lane))
		return 0;
	if (syn->flags == FLAG_SYN) {
		if (!lane.word || !lane_is_ours(&syn->tuple.local, lane.control, ipv6))
			return 0;
		if (lane_knows(syn, &lane, ipv6))
			verdict = lane_drops(&lane, SLUICE_SOURCE_CONNECTIONS);
	}
	return verdict ?: lane_judges(syn, &lane, ipv6);
}

static __always_inline int lane_repeats4(struct xdp_md *ctx)
{
	struct lane_syn syn;

	return lane_repeats(ctx, &syn, 0);
}

/*
 * It is verified once, apart from the gate: otherwise Linux 6.1 follows all of the order for each path through it. For IPv4 that is worth
 * it.
 */
__noinline int lane_repeats6(struct xdp_md *ctx)
{
	struct lane_syn syn, *here = &syn;

	OPAQUE(here); /* so that its addresses stay in memory: the stack has no room for all of these registers */
	return lane_repeats(ctx, here, 1);
}

/* Returns an enum xdp_action, which is counted already; 0: the order decides. */
static __always_inline int lane_verdict(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (void *)(long)ctx->data;
	__be16 proto;

	if (lane_is_off || (void *)(eth + 1) > (void *)(long)ctx->data_end || eth->h_dest[0] & 1)
		return 0;
	proto = ((const __be16 *)eth)[ETH_ALEN]; /* of a packed structure, clang reads single bytes */
	if (proto == bpf_htons(ETH_P_IP))
		return lane_repeats4(ctx);
	return proto == bpf_htons(ETH_P_IPV6) ? lane_repeats6(ctx) : 0;
}

#endif
