/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses as every key has them (maps/abi.h): made of an IPv4 address, and compared. Nearly every file of bpf/ calls this. */
#ifndef SLUICE_ADDR_BPF_H
#define SLUICE_ADDR_BPF_H

static __always_inline struct sluice_addr addr_mapped(__be32 ipv4)
{
	struct sluice_addr a = { { 0, 0, bpf_htonl(0xffff), ipv4 } };

	return a;
}

/* Returns non-zero for an IPv4 address. */
static __always_inline int addr_is_mapped(const struct sluice_addr *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == bpf_htonl(0xffff);
}

static __always_inline int addr_is(const struct sluice_addr *a, const struct sluice_addr *b)
{
	return !((a->word[3] ^ b->word[3]) | (a->word[2] ^ b->word[2]) | (a->word[1] ^ b->word[1]) |
		 (a->word[0] ^ b->word[0]));
}

#endif
