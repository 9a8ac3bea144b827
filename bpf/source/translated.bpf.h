/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who a sender is: behind a translator's prefix (RFC 6052) it is the IPv4 address inside, otherwise the address itself. classify.bpf.h and
 * lane.bpf.h call this before anything is looked up or counted; sockets and answers keep the address of the packet. If the policy names no
 * such prefix, this is one comparison.
 */
#ifndef SLUICE_TRANSLATED_BPF_H
#define SLUICE_TRANSLATED_BPF_H

static __always_inline int translated_holds(const struct sluice_translated *t, __u64 high, __u64 low)
{
	if (t->bits == 96)
		return high == t->high && low >> 32 == t->low;
	return !((high ^ t->high) >> (64 - t->bits));
}

/* Returns the four bytes behind a prefix of `bits` bits. Bits 64 to 71 are no part of the address (RFC 6052, 2.2). */
static __always_inline __u32 translated_bytes(__u32 bits, __u64 high, __u64 low)
{
	if (bits == 96)
		return low;
	if (bits == 64)
		return low << 8 >> 32;
	return (high << bits | low << 8 >> (64 - bits)) >> 32;
}

/* Replaces an address by the IPv4 address inside it, if there is one. It is verified once, apart from its callers. */
__noinline int translated_find(const struct sluice_generation *g, struct sluice_addr *a)
{
	__u64 high, low;
	__u32 i;

	if (!g || !a || addr_is_mapped(a))
		return 0;
	high = (__u64)bpf_ntohl(a->word[0]) << 32 | bpf_ntohl(a->word[1]);
	low = (__u64)bpf_ntohl(a->word[2]) << 32 | bpf_ntohl(a->word[3]);
	for (i = 0; i < SLUICE_MAX_TRANSLATED; i++) {
		if (i >= g->translated_count)
			return 0;
		if (!translated_holds(&g->translated[i], high, low))
			continue;
		*a = addr_mapped(bpf_htonl(translated_bytes(g->translated[i].bits, high, low)));
		return 1;
	}
	return 0;
}

static __always_inline struct sluice_addr translated_of(const struct sluice_generation *g,
							const struct sluice_addr *source)
{
	struct sluice_addr who = *source;

	if (g->translated_count)
		translated_find(g, &who);
	return who;
}

#endif
