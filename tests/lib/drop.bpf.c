/* SPDX-License-Identifier: BSD-2-Clause */
/* Drops every frame: the least that a refusal can cost. scripts/bench attaches it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
