/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Turns a refused segment into the RST that answers it (RFC 9293, 3.10.7.1), in place, for XDP_TX. */
#ifndef SLUICE_RESET_BPF_H
#define SLUICE_RESET_BPF_H

#define RESET_TTL 64
#define IP_DF 0x4000

static __always_inline __sum16 checksum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void reset_ethernet(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
}

/* A segment with ACK is answered by a bare RST at its ACK number; one without by a RST that acknowledges all it said. */
static __always_inline void reset_tcp(struct tcphdr *tcp, const struct sluice_pkt *pkt)
{
	__u32 said = pkt->tcp_end - pkt->tcp_offset - pkt->header_len + pkt->syn;

	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = pkt->tuple.local_port;
	tcp->dest = pkt->tuple.source_port;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	if (pkt->syn) {
		tcp->ack = 1;
		tcp->ack_seq = bpf_htonl(bpf_ntohl(pkt->seq) + said);
	} else {
		tcp->seq = pkt->ack_seq;
	}
}

/* Sum of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) and the segment, whose checksum field is 0. */
static __always_inline __sum16 reset_checksum(struct tcphdr *tcp, __be32 *addresses, __u32 bytes)
{
	__be32 rest[2] = { bpf_htonl(sizeof(*tcp)), bpf_htonl(IPPROTO_TCP) };
	__s64 sum;

	sum = bpf_csum_diff(NULL, 0, addresses, bytes, 0);
	sum = bpf_csum_diff(NULL, 0, rest, sizeof(rest), sum);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)tcp, sizeof(*tcp), sum);
	return checksum_fold(sum);
}

static __always_inline void reset_ipv4(struct iphdr *ip, struct tcphdr *tcp, const struct sluice_pkt *pkt)
{
	__be32 addresses[2] = { pkt->tuple.local.word[3], pkt->tuple.source.word[3] };

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*tcp));
	ip->frag_off = bpf_htons(IP_DF);
	ip->ttl = RESET_TTL;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = addresses[0];
	ip->daddr = addresses[1];
	ip->check = checksum_fold(bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
	tcp->check = reset_checksum(tcp, addresses, sizeof(addresses));
}

static __always_inline void reset_ipv6(struct ipv6hdr *ip, struct tcphdr *tcp, const struct sluice_pkt *pkt)
{
	struct sluice_addr addresses[2] = { pkt->tuple.local, pkt->tuple.source };

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(sizeof(*tcp));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = RESET_TTL;
	__builtin_memcpy(&ip->saddr, &addresses[0], 16);
	__builtin_memcpy(&ip->daddr, &addresses[1], 16);
	tcp->check = reset_checksum(tcp, (__be32 *)addresses, sizeof(addresses));
}

/* XDP_TX, or XDP_DROP where the answer cannot be built. Options and extension headers are left out of the answer. */
static __always_inline int reset_answer(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	__u32 ip_len = pkt->ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u32 offset = pkt->ip_offset & 0x3f;
	__u32 frame = offset + ip_len + sizeof(struct tcphdr);
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	long length = end - data;

	barrier_var(
		length); /* the verifier refuses the sum of a pointer and a constant that clang would make of this */
	if (length < frame || bpf_xdp_adjust_tail(ctx, frame - length))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + offset + sizeof(struct ipv6hdr) + sizeof(struct tcphdr) <= end && !pkt->ipv4) {
		struct ipv6hdr *ip = data + offset;

		reset_tcp((void *)(ip + 1), pkt);
		reset_ipv6(ip, (void *)(ip + 1), pkt);
	} else if (data + offset + sizeof(struct iphdr) + sizeof(struct tcphdr) <= end && pkt->ipv4) {
		struct iphdr *ip = data + offset;

		reset_tcp((void *)(ip + 1), pkt);
		reset_ipv4(ip, (void *)(ip + 1), pkt);
	} else {
		return XDP_DROP;
	}
	if (data + sizeof(struct ethhdr) > end)
		return XDP_DROP;
	reset_ethernet(data);
	return XDP_TX;
}

#endif
