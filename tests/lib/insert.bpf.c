/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For `make bench`: each run puts a new key into a hash of the kernel with the elements of sluice's counters, or of its rates. The kernel
 * allocates an element when it is wanted, as sluice lets it, or has all of them from the start. bench_insert.c loads and runs this.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

#define ENTRIES 262144

struct counter_bytes {
	__u64 word[sizeof(struct sluice_counter) / 8];
};

struct rate_bytes {
	__u64 word[sizeof(struct sluice_rate) / 8];
};

#define TABLE(name, key_type, value_type, flags) \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, ENTRIES);    \
		__uint(map_flags, flags);        \
		__type(key, key_type);           \
		__type(value, value_type);       \
	} name SEC(".maps")

TABLE(counters_wanted, struct sluice_source_key, struct counter_bytes, BPF_F_NO_PREALLOC);
TABLE(counters_ready, struct sluice_source_key, struct counter_bytes, 0);
TABLE(rates_wanted, struct sluice_rate_key, struct rate_bytes, BPF_F_NO_PREALLOC);
TABLE(rates_ready, struct sluice_rate_key, struct rate_bytes, 0);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rate_bytes);
} fresh SEC(".maps");

__u32 number;

static __always_inline int insert(void *table, void *key, __u32 *word)
{
	__u32 zero = 0;
	void *value = bpf_map_lookup_elem(&fresh, &zero);

	*word = ++number;
	return value && !bpf_map_update_elem(table, key, value, BPF_NOEXIST) ? XDP_PASS : XDP_ABORTED;
}

#define INSERT(table, key_type, member)                      \
	SEC("xdp")                                           \
	int into_##table(struct xdp_md *ctx)                 \
	{                                                    \
		key_type key = {};                           \
                                                             \
		return insert(&table, &key, &key.member[3]); \
	}

INSERT(counters_wanted, struct sluice_source_key, addr.word)
INSERT(counters_ready, struct sluice_source_key, addr.word)
INSERT(rates_wanted, struct sluice_rate_key, of.addr.word)
INSERT(rates_ready, struct sluice_rate_key, of.addr.word)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
