/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ethernet, VLAN tags, IPv4 or IPv6, TCP -> struct sluice_pkt. Only this file and answer.bpf.h touch packet memory. */
#ifndef SLUICE_PARSE_BPF_H
#define SLUICE_PARSE_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#define VLAN_TAGS 2 /* 802.1Q inside 802.1ad */
#define IPV6_EXTENSIONS 8
#define IP_OFFSET_MASK 0x1fff
#define IP_MORE 0x2000
#define IP6F_OFFSET_MASK 0xfff8
#define IP6F_MORE 1
#define TCP_PORTS_LEN 8 /* the ports, and the sequence number: the least that a fragment holds (RFC 791, 3.2) */

struct sluice_pkt {
	struct sluice_tuple tuple;
	__u16 local_port; /* tuple.local_port in host order */
	__u16 ip_offset; /* of the IP header, in bytes from the start of the frame */
	__u16 tcp_offset;
	__u32 tcp_end; /* where the datagram ends */
	__u16 fragment_start; /* where the payload begins that fragment offsets count from */
	__u16 fragment_offset; /* of a later fragment, in bytes */
	__u32 fragment_id;
	__u32 cookie; /* of the SYN-ACK that answers */
	__be32 seq, ack_seq;
	__u8 header_len; /* of TCP, in bytes */
	__u8 flags; /* of TCP: FIN, SYN, RST, PSH, ACK, URG from the lowest bit on */
	__u8 ipv4;
	__u8 syn; /* asks for a connection: SYN without ACK */
	__u8 ack; /* ACK without SYN or RST: can complete a handshake */
	__u8 fresh; /* the first SYN of its connection, not one sent again; or its cookie came back */
	__u8 more; /* a first fragment: others follow */
	__u8 short_header; /* the datagram, or its first fragment, ends before TCP's header does */
	__u8 connected; /* a client that is not spoofed believes in its connection: a refusal tells it so */
};

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct ipv6_extension {
	__u8 next;
	__u8 len;
	__be16 frag_offset; /* of a fragment header (RFC 8200, 4.5) */
	__u32 more;
};

static __always_inline struct sluice_addr addr_mapped(__be32 ipv4)
{
	struct sluice_addr a = { { 0, 0, bpf_htonl(0xffff), ipv4 } };

	return a;
}

static __always_inline __be16 parse_ethernet(void *data, void *end, __u32 *offset)
{
	struct ethhdr *eth = data;
	__be16 proto;
	int i;

	if ((void *)(eth + 1) > end)
		return 0;
	proto = eth->h_proto;
	*offset = sizeof(*eth);
	for (i = 0; i < VLAN_TAGS; i++) {
		struct vlan_tag *tag = data + *offset;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return 0;
		proto = tag->proto;
		*offset += sizeof(*tag);
	}
	return proto;
}

/* UNDECIDED: TCP begins at pkt->tcp_offset. */
static __always_inline enum sluice_reason parse_ipv4(void *data, void *end, struct sluice_pkt *pkt)
{
	struct iphdr *ip = data + pkt->ip_offset;

	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return SLUICE_UNPARSED;
	if (ip->protocol != IPPROTO_TCP)
		return SLUICE_NOT_PROTECTED;
	pkt->tuple.source = addr_mapped(ip->saddr);
	pkt->tuple.local = addr_mapped(ip->daddr);
	pkt->ipv4 = 1;
	pkt->tcp_offset = pkt->fragment_start = pkt->ip_offset + ip->ihl * 4;
	pkt->tcp_end = pkt->ip_offset + bpf_ntohs(ip->tot_len);
	if (!(ip->frag_off & bpf_htons(IP_OFFSET_MASK | IP_MORE)))
		return SLUICE_UNDECIDED;
	pkt->more = !!(ip->frag_off & bpf_htons(IP_MORE));
	pkt->fragment_id = ip->id;
	pkt->fragment_offset = (bpf_ntohs(ip->frag_off) & IP_OFFSET_MASK) * 8;
	return pkt->fragment_offset ? SLUICE_UNPARSED : SLUICE_UNDECIDED;
}

#define IPV6_IS_EXTENSION                                                                                    \
	(1ULL << IPPROTO_HOPOPTS | 1ULL << IPPROTO_ROUTING | 1ULL << IPPROTO_FRAGMENT | 1ULL << IPPROTO_AH | \
	 1ULL << IPPROTO_DSTOPTS)

/* One bit, not five comparisons: the verifier would follow each of them through each header. */
static __always_inline int ipv6_is_extension(__u8 next)
{
	return next < 64 && IPV6_IS_EXTENSION >> next & 1;
}

/* Bytes of an extension header: RFC 8200 counts in 8 bytes beyond the first 8, AH (RFC 4302) in 4 beyond the first 8. */
static __always_inline __u32 ipv6_extension_len(__u8 type, const struct ipv6_extension *ext)
{
	if (type == IPPROTO_FRAGMENT)
		return 8;
	if (type == IPPROTO_AH)
		return (ext->len + 2) * 4;
	return (ext->len + 1) * 8;
}

/* UNPARSED: a later fragment. */
static __always_inline enum sluice_reason parse_ipv6_fragment(const struct ipv6_extension *ext, __u32 offset,
							      struct sluice_pkt *pkt)
{
	pkt->more = !!(ext->frag_offset & bpf_htons(IP6F_MORE));
	pkt->fragment_id = ext->more;
	pkt->fragment_start = offset + sizeof(*ext);
	pkt->fragment_offset = bpf_ntohs(ext->frag_offset) & IP6F_OFFSET_MASK;
	return pkt->fragment_offset ? SLUICE_UNPARSED : SLUICE_UNDECIDED;
}

static __always_inline enum sluice_reason parse_ipv6(void *data, void *end, struct sluice_pkt *pkt)
{
	struct ipv6hdr *ip = data + pkt->ip_offset;
	__u32 offset = pkt->ip_offset + sizeof(*ip);
	__u8 next;
	int i;

	if ((void *)(ip + 1) > end)
		return SLUICE_UNPARSED;
	__builtin_memcpy(&pkt->tuple.source, &ip->saddr, 16);
	__builtin_memcpy(&pkt->tuple.local, &ip->daddr, 16);
	next = ip->nexthdr;
	for (i = 0; i < IPV6_EXTENSIONS && ipv6_is_extension(next); i++) {
		struct ipv6_extension *ext = data + offset;

		if (offset > 4096 || (void *)(ext + 1) > end)
			return SLUICE_UNPARSED;
		if (next == IPPROTO_FRAGMENT && parse_ipv6_fragment(ext, offset, pkt) != SLUICE_UNDECIDED)
			return SLUICE_UNPARSED;
		offset += ipv6_extension_len(next, ext);
		next = ext->next;
	}
	if (ipv6_is_extension(next))
		return SLUICE_UNPARSED;
	if (next != IPPROTO_TCP)
		return SLUICE_NOT_PROTECTED;
	pkt->tcp_offset = offset;
	pkt->tcp_end = pkt->ip_offset + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	return SLUICE_UNDECIDED;
}

static __always_inline enum sluice_reason parse_tcp(void *data, void *end, struct sluice_pkt *pkt)
{
	struct tcphdr *tcp = data + (pkt->tcp_offset & 0x1fff);
	__s32 room = (__s32)pkt->tcp_end - pkt->tcp_offset;

	if ((void *)tcp + TCP_PORTS_LEN > end || room < TCP_PORTS_LEN)
		return SLUICE_UNPARSED;
	pkt->tuple.source_port = tcp->source;
	pkt->tuple.local_port = tcp->dest;
	pkt->local_port = bpf_ntohs(tcp->dest);
	pkt->short_header = room < (__s32)sizeof(*tcp);
	if (pkt->short_header)
		return SLUICE_UNDECIDED;
	if ((void *)(tcp + 1) > end)
		return SLUICE_UNPARSED;
	pkt->short_header = room < tcp->doff * 4;
	pkt->seq = tcp->seq;
	pkt->ack_seq = tcp->ack_seq;
	pkt->header_len = tcp->doff * 4;
	pkt->flags = ((__u8 *)tcp)[13] & 0x3f;
	pkt->syn = tcp->syn && !tcp->ack;
	pkt->ack = tcp->ack && !tcp->syn && !tcp->rst;
	return SLUICE_UNDECIDED;
}

/*
 * enum sluice_reason. NOT_PROTECTED: no TCP. UNPARSED: cannot be judged. UNDECIDED: *pkt is filled. Without `static`, so that the
 * verifier follows the many ways through headers only once, and not each of them through all checks.
 */
__noinline int pkt_parse(struct xdp_md *ctx, struct sluice_pkt *pkt)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	enum sluice_reason why;
	__u32 offset = 0;
	__be16 proto;

	if (!pkt)
		return SLUICE_UNPARSED;
	proto = parse_ethernet(data, end, &offset);
	pkt->ip_offset = offset;
	if (proto == bpf_htons(ETH_P_IP))
		why = parse_ipv4(data, end, pkt);
	else if (proto == bpf_htons(ETH_P_IPV6))
		why = parse_ipv6(data, end, pkt);
	else
		why = proto ? SLUICE_NOT_PROTECTED : SLUICE_UNPARSED;
	if (why != SLUICE_UNDECIDED)
		return why;
	return parse_tcp(data, end, pkt);
}

#endif
