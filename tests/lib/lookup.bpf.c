/* SPDX-License-Identifier: BSD-2-Clause */
/* For `make bench`: looks up LOOKUPS random addresses in a run, in the gate's trie and in the kernel's LPM trie with the same data. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "parse/addr.bpf.h"
#include "source/trie.bpf.h"

#define LOOKUPS 64

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct sluice_trie_page));
} pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sluice_prefix_key);
	__type(value, __u32);
} lpm SEC(".maps");

/* How random addresses are made: row 0 is the base, row 1 a mask of the bits that are random. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct sluice_addr);
} shape SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sum SEC(".maps");

static __always_inline void random_address(struct sluice_addr *a, const struct sluice_addr *base,
					   const struct sluice_addr *keep)
{
	int i;

	for (i = 0; i < 4; i++)
		a->word[i] = base->word[i] | (bpf_get_prandom_u32() & keep->word[i]);
}

enum way { BY_NOTHING, BY_TRIE, BY_LPM };

static __always_inline int many(enum way way)
{
	__u32 zero = 0, one = 1, i;
	const struct sluice_addr *base = bpf_map_lookup_elem(&shape, &zero);
	const struct sluice_addr *keep = bpf_map_lookup_elem(&shape, &one);
	struct sluice_prefix_key key = { .prefixlen = 128 };
	__u64 *total = bpf_map_lookup_elem(&sum, &zero), found = 0;
	const __u32 *value;

	if (!base || !keep || !total)
		return XDP_ABORTED;
	for (i = 0; i < LOOKUPS; i++) {
		random_address(&key.addr, base, keep);
		if (way == BY_TRIE) {
			found += trie_find(&pages, &key.addr);
		} else if (way == BY_LPM) {
			value = bpf_map_lookup_elem(&lpm, &key);
			found += value ? *value : 0;
		} else {
			found += key.addr.word[3];
		}
	}
	*total = found;
	return XDP_PASS;
}

SEC("xdp")
int by_nothing(struct xdp_md *ctx)
{
	return many(BY_NOTHING);
}

SEC("xdp")
int by_trie(struct xdp_md *ctx)
{
	return many(BY_TRIE);
}

SEC("xdp")
int by_lpm(struct xdp_md *ctx)
{
	return many(BY_LPM);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
