/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May XDP answer this packet? Only if its answer has the path, the tag and the checksum that the host's own would have; otherwise the host
 * answers. This is called before a cookie is made, before a RST is sent, and for each cookie that was sent or came back.
 */
#ifndef SLUICE_MAY_ANSWER_BPF_H
#define SLUICE_MAY_ANSWER_BPF_H

#define VLAN_ID_MASK 0x0fff

static __always_inline int answers_unheard(const struct sluice_answer_loop *loop)
{
	return loop->quiet_until_ns && bpf_ktime_get_ns() < loop->quiet_until_ns;
}

static __always_inline struct sluice_answer_loop *answers_loop(struct sluice_answers *a, const struct sluice_pkt *pkt)
{
	return &a->loop[pkt->ipv4 ? SLUICE_IPV4 : SLUICE_IPV6];
}

static __always_inline int pkt_has_data(const struct sluice_pkt *pkt)
{
	return pkt->tcp_end > (__u32)pkt->tcp_offset + pkt->header_len;
}

/* Returns the VLAN of a frame with just one tag, else 0. */
static __always_inline __u32 frame_vlan(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	void *data = (void *)(long)ctx->data;
	struct vlan_tag *tag = data + sizeof(struct ethhdr);

	if (pkt->ip_offset != sizeof(struct ethhdr) + sizeof(*tag) || (void *)(tag + 1) > (void *)(long)ctx->data_end)
		return 0;
	return bpf_ntohs(tag->tci) & VLAN_ID_MASK;
}

/* Returns non-zero if the address belongs to the very interface that the packet came in by, so the way back is the way in. */
static __always_inline int answers_way_is_back(struct xdp_md *ctx, const struct sluice_answers *a,
					       const struct sluice_pkt *pkt, __u32 in)
{
	const struct sluice_answers *child;
	__u32 owner;

	if (!addr_is_local(&pkt->tuple.local, &owner) || !owner)
		return 0;
	if (owner == in || owner == a->also)
		return 1;
	child = bpf_map_lookup_elem(&answers, &owner);
	return child && child->below && (child->below == in || child->below == a->also) &&
	       child->vlan == frame_vlan(ctx, pkt);
}

/*
 * Returns non-zero if XDP may answer. While nobody knows the host's addresses, nothing is attached, only test-run, and XDP may always
 * answer.
 */
__noinline int answer_allowed(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct sluice_answers *a;
	__u32 in;

	if (!pkt)
		return 0;
	in = ctx->ingress_ifindex;
	a = bpf_map_lookup_elem(&answers, &in);
	if (!a)
		return !locals_known();
	if (a->why || (a->bare && pkt_has_data(pkt)) || answers_unheard(answers_loop(a, pkt)))
		return 0;
	return !locals_known() || answers_way_is_back(ctx, a, pkt, in);
}

/* A cookie went out to a source that completed a handshake before. If the source can hear us, it answers. */
static __always_inline void answer_expect(struct sluice_answer_loop *loop, __u64 now)
{
	if (!loop->waiting)
		loop->since_ns = now;
	__sync_fetch_and_add(&loop->waiting, 1);
	if (loop->waiting < SLUICE_ANSWERS_UNRETURNED || now - loop->since_ns < SLUICE_ANSWERS_SPAN_NS)
		return;
	loop->quiet_until_ns = now + SLUICE_ANSWERS_QUIET_NS;
	loop->waiting = 0;
}

/* A cookie was sent on the interface where this packet came in. `confirmed`: its source completed a handshake before. */
__noinline int answer_sent(struct xdp_md *ctx, const struct sluice_pkt *pkt, int confirmed, __u64 now)
{
	struct sluice_answer_counts *counts;
	struct sluice_answers *a;
	__u32 in;

	if (!pkt)
		return 0;
	in = ctx->ingress_ifindex;
	counts = bpf_map_lookup_elem(&answer_counts, &in);
	if (counts)
		counts->sent[pkt->ipv4 ? SLUICE_IPV4 : SLUICE_IPV6]++;
	a = confirmed ? bpf_map_lookup_elem(&answers, &in) : NULL;
	if (a)
		answer_expect(answers_loop(a, pkt), now);
	return 0;
}

/* A valid cookie came back. Where the host answers, it was the host's own, and proves nothing. */
__noinline int answer_returned(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct sluice_answer_counts *counts;
	struct sluice_answers *a;
	__u32 in;

	if (!pkt || !answer_allowed(ctx, pkt))
		return 0;
	in = ctx->ingress_ifindex;
	counts = bpf_map_lookup_elem(&answer_counts, &in);
	if (counts)
		counts->returned[pkt->ipv4 ? SLUICE_IPV4 : SLUICE_IPV6]++;
	a = bpf_map_lookup_elem(&answers, &in);
	if (a)
		answers_loop(a, pkt)->waiting = 0;
	return 0;
}

#endif
