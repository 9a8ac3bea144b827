/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `flood` makes a TCP segment of whatever frame it is given; BPF_F_TEST_XDP_LIVE_FRAMES sends what comes out. Pages are used
 * again, with what the receiver left in them, so every byte is written; and the length is changed, by which the kernel notices
 * that it must refresh its own notes about the frame.
 * `catch` counts and drops what comes back to the flood's sources, so that the client's stack does not have to.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SOURCES 0xc6120000 /* 198.18.0.0/15, for benchmarks (RFC 2544) */
#define SOURCES_MASK 0xfffe0000

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
	__be32 mss;
} __attribute__((packed));

struct flood_config {
	__u8 to[6], from[6];
	__be32 target;
	__be16 port;
	__u8 flags; /* 0: any but a bare SYN */
	__u8 anywhere; /* sources of the whole address space */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flood_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} caught SEC(".maps");

static __always_inline __u32 sum16(const void *at, __u32 words, __u32 sum)
{
	const __u8 *p = at;
	__u32 i;

#pragma unroll
	for (i = 0; i < words; i++)
		sum += (__u32)p[2 * i] << 8 | p[2 * i + 1];
	return sum;
}

static __always_inline __be16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return bpf_htons(~sum & 0xffff);
}

static __always_inline void frame_fill(struct frame *f, const struct flood_config *c)
{
	__u32 random = bpf_get_prandom_u32(), seq = bpf_get_prandom_u32();
	__u8 flags = c->flags ?: (seq & 0x3f);

	__builtin_memset(f, 0, sizeof(*f));
	__builtin_memcpy(f->eth.h_dest, c->to, ETH_ALEN);
	__builtin_memcpy(f->eth.h_source, c->from, ETH_ALEN);
	f->eth.h_proto = bpf_htons(ETH_P_IP);
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.tot_len = bpf_htons(sizeof(*f) - sizeof(f->eth));
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_TCP;
	f->ip.saddr = c->anywhere ? random : bpf_htonl(SOURCES | (random & ~SOURCES_MASK));
	f->ip.daddr = c->target;
	f->ip.check = fold(sum16(&f->ip, 10, 0));
	f->tcp.source = bpf_htons(1024 + (random >> 17));
	f->tcp.dest = c->port;
	f->tcp.seq = seq;
	f->tcp.ack_seq = flags & 16 ? ~seq : 0;
	f->tcp.doff = 6;
	((__u8 *)&f->tcp)[13] = flags == 2 && !c->flags ? 18 : flags;
	f->tcp.window = bpf_htons(64240);
	f->mss = bpf_htonl(0x020405b4);
	f->tcp.check = fold(sum16(&f->tcp, 12, sum16(&f->ip.saddr, 4, IPPROTO_TCP + 24)));
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	const struct flood_config *c;
	struct frame *f;
	__u32 zero = 0;

	c = bpf_map_lookup_elem(&config, &zero);
	if (!c || bpf_xdp_adjust_tail(ctx, -2))
		return XDP_DROP;
	f = (void *)(long)ctx->data;
	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	frame_fill(f, c);
	return XDP_TX;
}

SEC("xdp")
int catch (struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	__u32 zero = 0;
	__u64 *n;

	if ((void *)&f->mss > (void *)(long)ctx->data_end || f->eth.h_proto != bpf_htons(ETH_P_IP) ||
	    (f->ip.daddr & bpf_htonl(SOURCES_MASK)) != bpf_htonl(SOURCES))
		return XDP_PASS;
	n = bpf_map_lookup_elem(&caught, &zero);
	if (n && f->tcp.syn && f->tcp.ack)
		++*n;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
