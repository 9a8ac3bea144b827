/* SPDX-License-Identifier: BSD-2-Clause */
/* Two programs for libxdp's dispatcher, one before sluice (priority 10) and one after it. Each counts its packets and passes them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct count {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct count seen_before SEC(".maps");
struct count seen_after SEC(".maps");

static __always_inline int seen(void *map)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(map, &zero);

	if (n)
		__sync_fetch_and_add(n, 1);
	return XDP_PASS;
}

struct {
	__uint(priority, 5);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(before);

SEC("xdp")
int before(struct xdp_md *ctx)
{
	(void)ctx;
	return seen(&seen_before);
}

struct {
	__uint(priority, 50);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(after);

SEC("xdp")
int after(struct xdp_md *ctx)
{
	(void)ctx;
	return seen(&seen_after);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
