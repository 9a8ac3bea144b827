/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ethernet (where there is one), IPv4 or IPv6, TCP -> struct sluice_pkt, for the gate and explain. The express lane reads the headers of plain
 * packets itself (lane.bpf.h), may_answer.bpf.h a VLAN tag; chain.bpf.h, checksum.bpf.h, fastopen.bpf.h and cookie.bpf.h copy or sum what lies
 * further on. Only answer.bpf.h writes into a packet, and explain over the one that it was asked about.
 *
 * The rule for what cannot be read: if the host cannot read it either (cut short, another version), it passes. If the host
 * can, and would find TCP, it is judged, or refused as evasion: a sender can never choose to be let in.
 */
#ifndef SLUICE_PARSE_BPF_H
#define SLUICE_PARSE_BPF_H

#define IP_OFFSET_MAX 0x3f /* largest offset of an IP header, behind as many tags as are followed */
#define IP_OFFSET_MASK 0x1fff
#define IP_MORE 0x2000
#define TCP_NEAR 0x1fff /* how far into a frame the verifier allows reading TCP's header in place */
#define TCP_PORTS_LEN 8 /* the ports and the sequence number: the least that a fragment holds (RFC 791, 3.2) */

/* The enum sluice_frames of the interface that the gate is for. It is written at load. */
const volatile __u8 frames_are;

/*
 * Returns non-zero if this packet from GRE may begin with a tag of VLAN 0. Its ethertype would say so: the kernel uses that, but XDP is not
 * shown it. No IPv4 header begins like that, and of IPv6's flow labels one in 262,144 does.
 */
static __always_inline int bare_is_tagged(void *data, void *end)
{
	struct vlan_tag *tag = data;

	if (frames_are != SLUICE_FRAMES_GRE || (void *)(tag + 1) > end || tag->tci & bpf_htons(0x0fff))
		return 0;
	return is_vlan_tag(tag->proto) || tag->proto == bpf_htons(ETH_P_IP) || tag->proto == bpf_htons(ETH_P_IPV6);
}

/* UNDECIDED: *proto begins at pkt->ip_offset. The kernel's IP drops a packet whose version is not the one that it was announced as. */
static __always_inline enum sluice_reason parse_bare(void *data, void *end, __be16 *proto, struct sluice_pkt *pkt)
{
	__u8 *version = data;

	if ((void *)(version + 1) > end)
		return SLUICE_UNPARSED;
	if (bare_is_tagged(data, end))
		return SLUICE_EVASION;
	pkt->ip_offset = 0;
	*proto = *version >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	return SLUICE_UNDECIDED;
}

/* UNDECIDED: *proto begins at pkt->ip_offset. */
static __always_inline enum sluice_reason parse_ethernet(struct xdp_md *ctx, void *data, void *end, __be16 *proto,
							 struct sluice_pkt *pkt)
{
	struct ethhdr *eth = data;
	int found;

	if ((void *)(eth + 1) > end)
		return SLUICE_UNPARSED;
	pkt->group = eth->h_dest[0] & 1;
	pkt->ip_offset = sizeof(*eth);
	*proto = eth->h_proto;
	if (!is_vlan_tag(*proto))
		return SLUICE_UNDECIDED;
	found = tags_follow(ctx);
	if (found < 0)
		return found == TAGS_ENDLESS ? SLUICE_EVASION : SLUICE_UNPARSED;
	pkt->ip_offset = found & IP_OFFSET_MAX;
	*proto = bpf_htons(found >> 8);
	return SLUICE_UNDECIDED;
}

/* Returns the reason for an IP header that is not in the first buffer of the frame. No driver cuts frames so short. */
static __always_inline enum sluice_reason parse_cut(struct xdp_md *ctx, const struct sluice_pkt *pkt, __u32 len)
{
	return bpf_xdp_get_buff_len(ctx) < pkt->ip_offset + len ? SLUICE_UNPARSED : SLUICE_EVASION;
}

/* `said` is where the datagram ends by its own account; *pkt gets where it really ends. */
static __always_inline void end_note(struct xdp_md *ctx, __u32 said, int unsized, struct sluice_pkt *pkt)
{
	pkt->unsized = unsized;
	pkt->tcp_end = unsized ? bpf_xdp_get_buff_len(ctx) : said;
}

/* UNDECIDED: TCP begins at pkt->tcp_offset. */
static __always_inline enum sluice_reason parse_ipv4(struct xdp_md *ctx, void *data, void *end, struct sluice_pkt *pkt)
{
	struct iphdr *ip = data + pkt->ip_offset;

	if ((void *)(ip + 1) > end)
		return parse_cut(ctx, pkt, sizeof(*ip));
	if (ip->version != 4 || ip->ihl < 5)
		return SLUICE_UNPARSED;
	if (ip->protocol != IPPROTO_TCP)
		return SLUICE_NOT_PROTECTED;
	pkt->tuple.source = addr_mapped(ip->saddr);
	pkt->tuple.local = addr_mapped(ip->daddr);
	pkt->ipv4 = 1;
	pkt->tcp_offset = pkt->fragment_start = pkt->ip_offset + ip->ihl * 4;
	end_note(ctx, pkt->ip_offset + bpf_ntohs(ip->tot_len), !ip->tot_len, pkt);
	if (ip->ihl > 5)
		pkt->rerouted = !!source_route_left(ctx, pkt->ip_offset + sizeof(*ip), ip->ihl * 4 - sizeof(*ip));
	if (!(ip->frag_off & bpf_htons(IP_OFFSET_MASK | IP_MORE)))
		return SLUICE_UNDECIDED;
	pkt->more = !!(ip->frag_off & bpf_htons(IP_MORE));
	pkt->fragment_id = ip->id;
	pkt->fragment_offset = (bpf_ntohs(ip->frag_off) & IP_OFFSET_MASK) * 8;
	return pkt->fragment_offset ? SLUICE_LATER_FRAGMENT : SLUICE_UNDECIDED;
}

static __always_inline enum sluice_reason parse_ipv6(struct xdp_md *ctx, void *data, void *end, struct sluice_pkt *pkt)
{
	struct ipv6hdr *ip = data + pkt->ip_offset;

	if ((void *)(ip + 1) > end)
		return parse_cut(ctx, pkt, sizeof(*ip));
	if (ip->version != 6)
		return SLUICE_UNPARSED;
	__builtin_memcpy(&pkt->tuple.source, &ip->saddr, 16);
	__builtin_memcpy(&pkt->tuple.local, &ip->daddr, 16);
	pkt->tcp_offset = pkt->ip_offset + sizeof(*ip);
	end_note(ctx, pkt->tcp_offset + bpf_ntohs(ip->payload_len), !ip->payload_len, pkt);
	if (ip->nexthdr == IPPROTO_TCP)
		return SLUICE_UNDECIDED;
	return ipv6_is_extension(ip->nexthdr) ? chain_follow(ctx, pkt, ip->nexthdr) : SLUICE_NOT_PROTECTED;
}

/*
 * Returns non-zero if the frame ends before the header. `room` is what the datagram has left for TCP; if that is less than a header, only
 * the ports are read.
 */
static __always_inline int tcp_read(struct xdp_md *ctx, void *data, void *end, __u32 offset, __s32 room,
				    struct tcphdr *out)
{
	struct tcphdr *tcp = data + (offset & TCP_NEAR);

	if (offset <= TCP_NEAR && (void *)(tcp + 1) <= end) {
		__builtin_memcpy(out, tcp, sizeof(*out));
		return 0;
	}
	if (room < (__s32)sizeof(*out))
		return bpf_xdp_load_bytes(ctx, offset, out, TCP_PORTS_LEN);
	return bpf_xdp_load_bytes(ctx, offset, out, sizeof(*out));
}

static __always_inline enum sluice_reason parse_tcp(struct xdp_md *ctx, void *data, void *end, struct sluice_pkt *pkt)
{
	__s32 room = (__s32)pkt->tcp_end - (__s32)pkt->tcp_offset;
	struct tcphdr tcp = {};

	if (room < TCP_PORTS_LEN)
		return pkt->more ? SLUICE_EVASION : SLUICE_UNPARSED;
	if (tcp_read(ctx, data, end, pkt->tcp_offset, room, &tcp))
		return SLUICE_UNPARSED;
	pkt->tuple.source_port = tcp.source;
	pkt->tuple.local_port = tcp.dest;
	pkt->local_port = bpf_ntohs(tcp.dest);
	pkt->short_header = room < (__s32)sizeof(tcp);
	if (pkt->short_header)
		return SLUICE_UNDECIDED;
	pkt->short_header = room < tcp.doff * 4;
	pkt->seq = tcp.seq;
	pkt->ack_seq = tcp.ack_seq;
	pkt->header_len = tcp.doff * 4;
	pkt->flags = ((__u8 *)&tcp)[13] & 0x3f;
	pkt->syn = tcp.syn && !tcp.ack;
	pkt->ack = tcp.ack && !tcp.rst;
	pkt->syn_ack = tcp.syn && tcp.ack;
	pkt->rst = tcp.rst;
	return SLUICE_UNDECIDED;
}

/*
 * Returns an enum sluice_reason. NOT_PROTECTED: it is not TCP. UNPARSED: the host cannot read it either. LATER_FRAGMENT: it shows no ports.
 * EVASION: the host might find TCP in it, and we do not. UNDECIDED: *pkt is filled. It is not `static`, so that the verifier follows the
 * many paths through headers only once, instead of following each of them through all checks.
 */
__noinline int pkt_parse(struct xdp_md *ctx, struct sluice_pkt *pkt)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	enum sluice_reason why;
	__be16 proto = 0;

	if (!pkt)
		return SLUICE_UNPARSED;
	if (frames_are != SLUICE_FRAMES_ETHERNET)
		why = parse_bare(data, end, &proto, pkt);
	else
		why = parse_ethernet(ctx, data, end, &proto, pkt);
	if (why != SLUICE_UNDECIDED)
		return why;
	if (proto == bpf_htons(ETH_P_IP))
		why = parse_ipv4(ctx, data, end, pkt);
	else if (proto == bpf_htons(ETH_P_IPV6))
		why = parse_ipv6(ctx, data, end, pkt);
	else
		return SLUICE_NOT_PROTECTED;
	if (why != SLUICE_UNDECIDED)
		return why;
	return parse_tcp(ctx, data, end, pkt);
}

#endif
