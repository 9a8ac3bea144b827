/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SipHash-1-3 (Aumasson, Bernstein, 2012) of whole 64-bit words: without the secret nobody can guess a hash or find two inputs with the
 * same one. The kernel side calls it to choose shared counters, and both sides call it for the keys of a fleet (fleet.h).
 */
#ifndef SLUICE_SIP_H
#define SLUICE_SIP_H

#include <linux/types.h>

#define SIP_INLINE static inline __attribute__((always_inline))
#define SIP_ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

SIP_INLINE void sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[1] = SIP_ROTATE(v[1], 13) ^ v[0];
	v[0] = SIP_ROTATE(v[0], 32);
	v[2] += v[3];
	v[3] = SIP_ROTATE(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = SIP_ROTATE(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = SIP_ROTATE(v[1], 17) ^ v[2];
	v[2] = SIP_ROTATE(v[2], 32);
}

SIP_INLINE void sip_begin(__u64 v[4], const __u64 secret[2])
{
	v[0] = secret[0] ^ 0x736f6d6570736575ULL;
	v[1] = secret[1] ^ 0x646f72616e646f6dULL;
	v[2] = secret[0] ^ 0x6c7967656e657261ULL;
	v[3] = secret[1] ^ 0x7465646279746573ULL;
}

SIP_INLINE void sip_word(__u64 v[4], __u64 word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* The last word has the number of bytes in its highest one. */
SIP_INLINE __u64 sip_end(__u64 v[4], __u64 last)
{
	sip_word(v, last);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
