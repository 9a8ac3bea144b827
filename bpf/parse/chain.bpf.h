/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The long way through a frame: VLAN tags, IPv6 extension headers, IPv4 options. parse.bpf.h takes it only if there are any, so that the
 * common packet pays nothing for it. It follows headers as far as Linux does, even outside the first buffer; a chain longer than any honest
 * sender makes is evasion, whatever is at its end.
 */
#ifndef SLUICE_CHAIN_BPF_H
#define SLUICE_CHAIN_BPF_H

#define VLAN_TAGS \
	8 /* Linux stacks as many VLAN devices. It takes off any number of priority tags (VLAN 0), of which only one makes sense */
#define IPV6_EXTENSIONS 64 /* Linux follows any number; RFC 8200, 4.1 defines seven */
#define CHAIN_MAX 0xff00 /* bytes from the start of the frame: bpf_xdp_load_bytes() reads up to 0xffff */
#define IP6F_OFFSET_MASK 0xfff8
#define IP6F_MORE 1
#define IP_OPTIONS_MAX 40

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct ipv6_extension {
	__u8 next;
	__u8 len;
	__be16 frag_offset; /* in a fragment header (RFC 8200, 4.5); the low byte of a routing header counts the segments left (4.4) */
	__u32 more;
};

static __always_inline int is_vlan_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

#define TAGS_CUT (-1)
#define TAGS_ENDLESS (-2)

/* Returns the ethertype behind all tags << 8 | the offset of its header; TAGS_CUT: the frame ends before that, TAGS_ENDLESS: evasion. */
__noinline int tags_follow(struct xdp_md *ctx)
{
	struct vlan_tag tag;
	__u32 offset = sizeof(struct ethhdr);
	int i;

	for (i = 0; i < VLAN_TAGS; i++) {
		if (bpf_xdp_load_bytes(ctx, offset, &tag, sizeof(tag)))
			return TAGS_CUT;
		offset += sizeof(tag);
		if (!is_vlan_tag(tag.proto))
			return bpf_ntohs(tag.proto) << 8 | offset;
	}
	return TAGS_ENDLESS;
}

#define IPV6_IS_EXTENSION                                                                                    \
	(1ULL << IPPROTO_HOPOPTS | 1ULL << IPPROTO_ROUTING | 1ULL << IPPROTO_FRAGMENT | 1ULL << IPPROTO_AH | \
	 1ULL << IPPROTO_DSTOPTS)

/* Tests one bit instead of making five comparisons, each of which the verifier would follow. */
static __always_inline int ipv6_is_extension(__u8 next)
{
	return next < 64 && IPV6_IS_EXTENSION >> next & 1;
}

/* Length of an extension header: RFC 8200 counts in units of 8 bytes beyond the first 8, AH (RFC 4302) in units of 4 beyond the first 8. */
static __always_inline __u32 ipv6_extension_len(__u8 type, const struct ipv6_extension *ext)
{
	if (type == IPPROTO_FRAGMENT)
		return 8;
	if (type == IPPROTO_AH)
		return (ext->len + 2) * 4;
	return (ext->len + 1) * 8;
}

enum chain_is {
	CHAIN_GOES_ON,
	CHAIN_ENDS, /* chain.next is what the chain leads to, chain.offset where */
	CHAIN_CUT, /* the datagram, or this fragment of it, ends within the chain */
	CHAIN_LATER, /* the rest is in an earlier fragment */
};

struct chain {
	struct xdp_md *ctx;
	__u32 offset, end;
	__u32 fragment_id;
	__u16 fragment_start, fragment_offset;
	__u8 next, more, rerouted;
	__u8 is; /* enum chain_is */
};

/* `more` collects any fragment header's flag: an atomic one behind it takes nothing back (RFC 6946). */
static __always_inline void chain_fragment(struct chain *c, const struct ipv6_extension *ext)
{
	c->more |= !!(ext->frag_offset & bpf_htons(IP6F_MORE));
	c->fragment_id = ext->more;
	c->fragment_start = c->offset + sizeof(*ext);
	c->fragment_offset = bpf_ntohs(ext->frag_offset) & IP6F_OFFSET_MASK;
}

/* Callback of bpf_loop(): follows one header. Returns 1 if there is no other. */
static long chain_step(__u32 i, struct chain *c)
{
	struct ipv6_extension ext = {};

	(void)i;
	if (!ipv6_is_extension(c->next)) {
		c->is = CHAIN_ENDS;
		return 1;
	}
	if (c->offset > CHAIN_MAX)
		return 1;
	if (c->offset + sizeof(ext) > c->end || bpf_xdp_load_bytes(c->ctx, c->offset, &ext, sizeof(ext))) {
		c->is = CHAIN_CUT;
		return 1;
	}
	if (c->next == IPPROTO_FRAGMENT)
		chain_fragment(c, &ext);
	if (c->fragment_offset) {
		c->is = CHAIN_LATER;
		return 1;
	}
	if (c->next == IPPROTO_ROUTING && (__u8)bpf_ntohs(ext.frag_offset))
		c->rerouted = 1;
	c->offset += ipv6_extension_len(c->next, &ext);
	c->next = ext.next;
	return 0;
}

static __always_inline enum sluice_reason chain_reason(const struct chain *c, struct xdp_md *ctx)
{
	if (c->is == CHAIN_ENDS)
		return c->next == IPPROTO_TCP ? SLUICE_UNDECIDED : SLUICE_NOT_PROTECTED;
	if (c->is == CHAIN_LATER)
		return SLUICE_LATER_FRAGMENT;
	if (c->is == CHAIN_GOES_ON)
		return SLUICE_EVASION;
	/* Linux reassembles such a datagram, and then follows the chain. RFC 7112 forbids sending one. */
	return c->more && c->end <= bpf_xdp_get_buff_len(ctx) ? SLUICE_EVASION : SLUICE_UNPARSED;
}

/*
 * Follows a datagram between pkt->tcp_offset and pkt->tcp_end that begins with the extension header `next`. UNDECIDED: TCP begins at
 * pkt->tcp_offset; NOT_PROTECTED: something else does; or LATER_FRAGMENT, UNPARSED, EVASION.
 */
__noinline int chain_follow(struct xdp_md *ctx, struct sluice_pkt *pkt, __u32 next)
{
	struct chain c = { .ctx = ctx, .next = next };

	if (!pkt)
		return SLUICE_UNPARSED;
	c.offset = pkt->tcp_offset;
	c.end = pkt->tcp_end;
	bpf_loop(IPV6_EXTENSIONS + 1, chain_step, &c, 0);
	pkt->more = c.more;
	pkt->rerouted = c.rerouted;
	pkt->fragment_id = c.fragment_id;
	pkt->fragment_start = c.fragment_start;
	pkt->fragment_offset = c.fragment_offset;
	pkt->tcp_offset = c.offset;
	return chain_reason(&c, ctx);
}

/* Returns non-zero if options that send the datagram on (RFC 791, 3.1) have a stop left. `offset` and `len` are those of the options. */
__noinline int source_route_left(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	__u8 option[3];
	__u32 at = 0;
	int i;

	for (i = 0; i < IP_OPTIONS_MAX && at < len; i++) {
		if (bpf_xdp_load_bytes(ctx, offset + at, option, 1) || option[0] == IPOPT_END)
			return 0;
		if (option[0] == IPOPT_NOOP) {
			at++;
			continue;
		}
		if (at + 2 > len || bpf_xdp_load_bytes(ctx, offset + at, option, sizeof(option)) || option[1] < 2)
			return 0;
		if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR)
			return option[2] <= option[1];
		at += option[1];
	}
	return 0;
}

#endif
