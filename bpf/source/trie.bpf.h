/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address -> leaf: at most one cell of a root table and SLUICE_TRIE_DEPTH nodes. The layout is in maps/abi.h. */
#ifndef SLUICE_TRIE_BPF_H
#define SLUICE_TRIE_BPF_H

#define TRIE_HEADER 9 /* cells of a node before its values */

/* Bits set in a word: Hacker's Delight, 5-1. */
static __always_inline __u32 bits_count(__u64 x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return x * 0x0101010101010101 >> 56;
}

static __always_inline const __u32 *trie_page(void *trie, __u32 cell)
{
	__u32 page = cell / SLUICE_TRIE_CELLS;
	const struct sluice_trie_page *p = bpf_map_lookup_elem(trie, &page);

	return p ? p->cell : NULL;
}

static __always_inline __u32 trie_root(void *trie, __u32 cell)
{
	const __u32 *page = trie_page(trie, cell);

	return page ? page[cell % SLUICE_TRIE_CELLS] : 0;
}

/* Goes one node down: returns the value of the node at `cell` for these 8 bits. The masks keep any offset inside the page. */
static __always_inline __u32 trie_step(void *trie, __u32 cell, __u32 bits)
{
	const __u32 *page = trie_page(trie, cell);
	__u32 at = cell % SLUICE_TRIE_CELLS, word = bits >> 6, rank;
	__u64 begins;

	if (!page)
		return 0;
	begins = *(const __u64 *)(page + ((at + 2 * word) & (SLUICE_TRIE_CELLS - 2)));
	rank = page[(at + 8) & (SLUICE_TRIE_CELLS - 1)] >> 8 * word & 0xff;
	rank += bits_count(begins << (63 - (bits & 63)));
	return page[(at + TRIE_HEADER - 1 + rank) & (SLUICE_TRIE_CELLS - 1)];
}

/* Returns what `depth` nodes below the root lead to. */
static __always_inline __u32 trie_walk(void *trie, const struct sluice_addr *a, __u32 depth)
{
	__u64 high, low = 0;
	__u32 value, i;

	if (addr_is_mapped(a)) {
		high = (__u64)bpf_ntohl(a->word[3]) << 32;
		value = trie_root(trie, high >> 48);
	} else {
		high = (__u64)bpf_ntohl(a->word[0]) << 32 | bpf_ntohl(a->word[1]);
		low = (__u64)bpf_ntohl(a->word[2]) << 32 | bpf_ntohl(a->word[3]);
		value = trie_root(trie, SLUICE_TRIE_ROOT + (high >> 48));
	}
	high = high << 16 | low >> 48;
	low <<= 16;
	for (i = 0; i < SLUICE_TRIE_DEPTH && i < depth && value & SLUICE_TRIE_NODE; i++) {
		value = trie_step(trie, value & ~SLUICE_TRIE_NODE, high >> 56);
		high = high << 8 | low >> 56;
		low <<= 8;
	}
	return value;
}

static __always_inline __u32 trie_find(void *trie, const struct sluice_addr *a)
{
	return trie_walk(trie, a, SLUICE_TRIE_DEPTH);
}

#endif
