/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns a segment, in place and for XDP_TX, into its answer: the RST for one that is refused (RFC 9293, 3.10.7.1), or the SYN-ACK that
 * carries a SYN cookie. The frame keeps its length, and what the answer does not need follows it as padding, as on any Ethernet: under the
 * dispatcher of libxdp before 1.5.5, newer kernels do not let a program run that changes a frame's length.
 */
#ifndef SLUICE_ANSWER_BPF_H
#define SLUICE_ANSWER_BPF_H

#define ANSWER_TTL 64
#define IP_DF 0x4000
#define TCP_MSS_LEAST 536 /* RFC 9293, 3.7.1 */
#define TCPOPT_MSS 2
#define TCPOLEN_MSS 4
#define FIRST_SEGMENTS 10 /* RFC 6928: no client sends more before it learns the host's own window */

/* The headers of an answer, without padding. Only a SYN-ACK has `option`, and only if the SYN had room for it. */
struct answer_ipv4 {
	struct iphdr ip;
	struct tcphdr tcp;
	__be32 option;
};

struct answer_ipv6 {
	struct ipv6hdr ip;
	struct tcphdr tcp;
	__be32 option;
};

static __always_inline void answer_ethernet(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
}

/* Answers a segment with ACK by a bare RST at its ACK number, and one without by a RST that acknowledges everything it said. */
static __always_inline void answer_reset(struct tcphdr *tcp, const struct sluice_pkt *pkt)
{
	__u32 said = pkt->tcp_end - pkt->tcp_offset - pkt->header_len + pkt->syn;

	tcp->rst = 1;
	if (pkt->syn) {
		tcp->ack = 1;
		tcp->ack_seq = bpf_htonl(bpf_ntohl(pkt->seq) + said);
	} else {
		tcp->seq = pkt->ack_seq;
	}
}

/* Offers no window scale, SACK or timestamps: docs/limits.md says why. */
static __always_inline __be32 answer_cookie(struct tcphdr *tcp, const struct sluice_pkt *pkt, __u32 mss, int room)
{
	__u32 window = mss * FIRST_SEGMENTS;

	tcp->syn = 1;
	tcp->ack = 1;
	tcp->seq = bpf_htonl(pkt->cookie);
	tcp->ack_seq = bpf_htonl(bpf_ntohl(pkt->seq) + 1);
	tcp->window = bpf_htons(window < 0xffff ? window : 0xffff);
	if (!room)
		return 0;
	tcp->doff += TCPOLEN_MSS / 4;
	return bpf_htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | mss);
}

/* `mss` 0 makes a RST. `room`: there is room for an option. Returns the length of the segment. */
static __always_inline __u32 answer_tcp(struct tcphdr *tcp, __be32 *option, const struct sluice_pkt *pkt, __u32 mss,
					int room)
{
	*option = 0;
	tcp->source = pkt->tuple.local_port;
	tcp->dest = pkt->tuple.source_port;
	tcp->doff = sizeof(*tcp) / 4;
	if (mss)
		*option = answer_cookie(tcp, pkt, mss, room);
	else
		answer_reset(tcp, pkt);
	return tcp->doff * 4;
}

/* Sums the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) and the segment, whose checksum field is 0. */
static __always_inline __sum16 answer_checksum(const struct tcphdr *tcp, __be32 option, __u64 addresses, __u32 len)
{
	return checksum_fold(checksum_add((const __be32 *)tcp, sizeof(*tcp), addresses) + option + bpf_htonl(len) +
			     bpf_htonl(IPPROTO_TCP));
}

static __always_inline void answer_ipv4_fill(struct answer_ipv4 *a, const struct sluice_pkt *pkt, __u32 mss, void *end)
{
	__be32 addresses[2] = { pkt->tuple.local.word[3], pkt->tuple.source.word[3] };
	__be32 option;
	__u32 len;

	__builtin_memset(a, 0, sizeof(a->ip) + sizeof(a->tcp));
	len = answer_tcp(&a->tcp, &option, pkt, mss, (void *)(a + 1) <= end);
	a->ip.version = 4;
	a->ip.ihl = sizeof(a->ip) / 4;
	a->ip.tot_len = bpf_htons(sizeof(a->ip) + len);
	a->ip.frag_off = bpf_htons(IP_DF);
	a->ip.ttl = ANSWER_TTL;
	a->ip.protocol = IPPROTO_TCP;
	a->ip.saddr = addresses[0];
	a->ip.daddr = addresses[1];
	a->ip.check = checksum_fold(checksum_add((const __be32 *)&a->ip, sizeof(a->ip), 0));
	a->tcp.check = answer_checksum(&a->tcp, option, checksum_add(addresses, sizeof(addresses), 0), len);
	OPAQUE(end); /* checked again where the verifier sees it */
	if (option && (void *)(a + 1) <= end)
		a->option = option;
}

static __always_inline void answer_ipv6_fill(struct answer_ipv6 *a, const struct sluice_pkt *pkt, __u32 mss, void *end)
{
	struct sluice_addr addresses[2] = { pkt->tuple.local, pkt->tuple.source };
	__be32 option;
	__u32 len;

	__builtin_memset(a, 0, sizeof(a->ip) + sizeof(a->tcp));
	len = answer_tcp(&a->tcp, &option, pkt, mss, (void *)(a + 1) <= end);
	a->ip.version = 6;
	a->ip.payload_len = bpf_htons(len);
	a->ip.nexthdr = IPPROTO_TCP;
	a->ip.hop_limit = ANSWER_TTL;
	__builtin_memcpy(&a->ip.saddr, addresses, sizeof(addresses));
	a->tcp.check = answer_checksum(&a->tcp, option, checksum_add(addresses[0].word, sizeof(addresses), 0), len);
	OPAQUE(end); /* checked again where the verifier sees it */
	if (option && (void *)(a + 1) <= end)
		a->option = option;
}

static __always_inline int answer_build(struct xdp_md *ctx, const struct sluice_pkt *pkt, __u32 mss)
{
	__u32 offset = pkt->ip_offset & 0x3f;
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct answer_ipv4 *v4 = data + offset;
	struct answer_ipv6 *v6 = data + offset;

	if (!pkt->ipv4 && (void *)&v6->option <= end)
		answer_ipv6_fill(v6, pkt, mss, end);
	else if (pkt->ipv4 && (void *)&v4->option <= end)
		answer_ipv4_fill(v4, pkt, mss, end);
	else
		return XDP_DROP;
	if (data + sizeof(struct ethhdr) > end)
		return XDP_DROP;
	answer_ethernet(data);
	return XDP_TX;
}

/* Returns XDP_TX, or XDP_DROP if the answer cannot be built. The answer has no IP options or extension headers. */
__noinline int answer_send(struct xdp_md *ctx, const struct sluice_pkt *pkt, __u32 mss)
{
	return pkt ? answer_build(ctx, pkt, mss) : XDP_DROP;
}

/* Returns what fits into a packet of this interface, which is what the host itself would announce if no route said otherwise. */
static __always_inline __u32 answer_mss(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	__u32 headers = sizeof(struct tcphdr) + (pkt->ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	__u32 mtu = 0;

	bpf_check_mtu(ctx, 0, &mtu, 0, 0);
	if (mtu < headers + TCP_MSS_LEAST)
		return TCP_MSS_LEAST;
	return mtu - headers < 0xffff ? mtu - headers : 0xffff;
}

#endif
