/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `flood` makes a TCP segment of any frame that it is given, and BPF_F_TEST_XDP_LIVE_FRAMES sends the result. Pages are used again, with
 * what the receiver left in them, so every byte of the headers is written (the payload is never touched and stays zero). The length is
 * changed, too, so that the kernel refreshes its own notes about the frame. `catch` counts and drops what comes back to the flood's sources,
 * so that the client's stack need not handle it. flood.c loads both.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flood.h"

struct segment {
	struct tcphdr tcp;
	__be32 mss;
};

/* These follow the Ethernet header. They are not packed, because a packed struct would be written byte by byte. */
struct packet4 {
	struct iphdr ip;
	struct segment seg;
};

struct packet6 {
	struct ipv6hdr ip;
	struct segment seg;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flood_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} caught SEC(".maps");

/* SplitMix64 (Steele, Lea, Flood, 2014): the same seed sends the same packets. */
static __always_inline __u64 random_next(struct flood_config *c)
{
	__u64 z = c->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The sum of 32-bit words folds into that of 16-bit words (RFC 1071, 2), in either byte order. */
static __always_inline __u64 sum32(const void *at, __u32 words, __u64 sum)
{
	const __u32 *p = at;
	__u32 i;

#pragma unroll
	for (i = 0; i < words; i++)
		sum += p[i];
	return sum;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* `len` is the length of the segment with its payload, `sum` the sum of the addresses. */
static __always_inline void segment_fill(struct segment *s, const struct flood_config *c, __u64 random, __u32 len,
					 __u64 sum)
{
	__u8 flags = c->flags[(random >> 16) % (c->flags_count ?: 1) & (FLOOD_KINDS - 1)];

	if (!flags) {
		flags = random >> 8 & 0x3f;
		flags = flags == 2 ? 18 : flags;
	}
	s->tcp.source = bpf_htons(1024 + (random >> 49));
	s->tcp.dest = c->port;
	s->tcp.seq = random >> 20;
	s->tcp.ack_seq = flags & 16 ? ~(__u32)random : 0;
	s->tcp.doff = sizeof(*s) / 4;
	((__u8 *)&s->tcp)[13] = flags;
	s->tcp.window = bpf_htons(64240);
	s->mss = bpf_htonl(0x020405b4);
	s->tcp.check = fold(sum32(s, sizeof(*s) / 4, sum + bpf_htonl(IPPROTO_TCP) + bpf_htonl(len)));
}

static __always_inline void ethernet_fill(struct ethhdr *eth, const struct flood_config *c, __be16 proto)
{
	__builtin_memcpy(eth->h_dest, c->to, ETH_ALEN);
	__builtin_memcpy(eth->h_source, c->from, ETH_ALEN);
	eth->h_proto = proto;
}

static __always_inline __u32 source_draw(const struct flood_config *c, __u32 random)
{
	return c->sources ? (__u64)random * c->sources >> 32 : random;
}

static __always_inline void packet4_fill(struct packet4 *p, struct flood_config *c, __u32 len)
{
	__u32 source = source_draw(c, random_next(c));

	__builtin_memset(p, 0, sizeof(*p));
	p->ip.version = 4;
	p->ip.ihl = sizeof(p->ip) / 4;
	p->ip.tot_len = bpf_htons(len);
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_TCP;
	p->ip.saddr = bpf_htonl(bpf_ntohl(c->base[0]) + source);
	p->ip.daddr = c->target[0];
	p->ip.check = fold(sum32(&p->ip, sizeof(p->ip) / 4, 0));
	segment_fill(&p->seg, c, random_next(c), len - sizeof(p->ip), sum32(&p->ip.saddr, 2, 0));
}

static __always_inline void packet6_fill(struct packet6 *p, struct flood_config *c, __u32 len)
{
	__u64 random = random_next(c);

	__builtin_memset(p, 0, sizeof(*p));
	p->ip.version = 6;
	p->ip.payload_len = bpf_htons(len - sizeof(p->ip));
	p->ip.nexthdr = IPPROTO_TCP;
	p->ip.hop_limit = 64;
	__builtin_memcpy(&p->ip.saddr, c->base, 16);
	p->ip.saddr.s6_addr32[1] = bpf_htonl(bpf_ntohl(c->base[1]) + source_draw(c, random));
	if (!c->sources) /* 2000::/3 */
		p->ip.saddr.s6_addr32[0] = bpf_htonl(0x20000000 | (random >> 35));
	__builtin_memcpy(&p->ip.daddr, c->target, 16);
	segment_fill(&p->seg, c, random_next(c), len - sizeof(p->ip), sum32(&p->ip.saddr, 8, 0));
}

/* Notes when the first and, give or take a batch, the last frame was made, because a system call takes far longer than its frames. */
static __always_inline void clock_note(struct flood_config *c)
{
	if (!(c->frames++ & (FLOOD_BATCH - 1)))
		c->last_ns = bpf_ktime_get_ns();
	if (!c->first_ns)
		c->first_ns = c->last_ns;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	__u32 zero = 0, len, first;
	struct flood_config *c;
	void *data, *end, *packet;
	long now;

	c = bpf_map_lookup_elem(&config, &zero);
	if (!c)
		return XDP_DROP;
	clock_note(c);
	first = c->sizes_count > 1 ? (random_next(c) >> 32) % c->sizes_count : 0;
	len = c->sizes[first & (FLOOD_KINDS - 1)];
	now = (long)ctx->data_end - (long)ctx->data;
	barrier_var(now); /* the compiler must not make two differences of 32 bits of a difference of pointers */
	if (bpf_xdp_adjust_tail(ctx, (int)(len - now)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	packet = data + sizeof(struct ethhdr);
	len -= sizeof(struct ethhdr);
	if (c->ipv6 && packet + sizeof(struct packet6) <= end)
		packet6_fill(packet, c, len);
	else if (!c->ipv6 && packet + sizeof(struct packet4) <= end)
		packet4_fill(packet, c, len);
	else
		return XDP_DROP;
	ethernet_fill(data, c, c->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
	return XDP_TX;
}

/* Returns non-zero if this is one of the flood's sources. */
static __always_inline int source_is_ours(const struct flood_config *c, const __be32 *to)
{
	__u32 word = c->ipv6 ? 1 : 0;

	if (c->ipv6 && c->sources && to[0] != c->base[0])
		return 0;
	return !c->sources || bpf_ntohl(to[word]) - bpf_ntohl(c->base[word]) < c->sources;
}

static __always_inline int answer_count(const struct segment *s)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&caught, &zero);

	if (n && s->tcp.syn && s->tcp.ack)
		++*n;
	return XDP_DROP;
}

SEC("xdp")
int catch (struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct packet4 *p4 = (void *)(eth + 1);
	struct packet6 *p6 = (void *)(eth + 1);
	void *end = (void *)(long)ctx->data_end;
	const struct flood_config *c;
	__u32 zero = 0;

	c = bpf_map_lookup_elem(&config, &zero);
	if (!c || (void *)&p4->seg.mss > end)
		return XDP_PASS;
	if (!c->ipv6 && eth->h_proto == bpf_htons(ETH_P_IP) && p4->ip.protocol == IPPROTO_TCP &&
	    source_is_ours(c, &p4->ip.daddr))
		return answer_count(&p4->seg);
	if (c->ipv6 && (void *)&p6->seg.mss <= end && eth->h_proto == bpf_htons(ETH_P_IPV6) &&
	    p6->ip.nexthdr == IPPROTO_TCP && source_is_ours(c, p6->ip.daddr.s6_addr32))
		return answer_count(&p6->seg);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
