/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows what one cache miss costs: for each TCP segment of IPv4 it reads one cache line of 8 MB (or of LINES lines: read_small.bpf.c), chosen
 * by the sequence number, and drops the segment. The flood's sequence numbers are random. scripts/bench attaches it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_helpers.h>

#ifndef LINES
#define LINES (1 << 17)
#endif

struct line {
	__u64 word[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LINES);
	__uint(map_flags, BPF_F_MMAPABLE); /* so that lines begin where cache lines do */
	__type(key, __u32);
	__type(value, struct line);
} lines SEC(".maps");

SEC("xdp")
int read(struct xdp_md *ctx)
{
	struct tcphdr *tcp = (void *)(long)ctx->data + sizeof(struct ethhdr) + sizeof(struct iphdr);
	const struct line *line;
	__u32 number;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	number = tcp->seq & (LINES - 1);
	line = bpf_map_lookup_elem(&lines, &number);
	return line && !*(const volatile __u64 *)line->word ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
