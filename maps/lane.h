/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A part of abi.h: the refusals that the gate repeats without judging again (bpf/lane.bpf.h), and the one word that says which of them are
 * true. Lines are written and wiped by the kernel side, the word by userspace.
 */
#ifndef SLUICE_LANE_H
#define SLUICE_LANE_H

/*
 * control.lane. 0: the lane is shut, and nothing is repeated or noted. Otherwise it holds the epoch (1 to 31), the number of bits that
 * number lines (for IPv4, for IPv6), how many bits of an IPv6 address make a source (0: IPv6 takes no part, because a source is more than
 * half an address, or IPv4 stands behind some), and a number that grows with each opening, so that no two openings have the same word.
 */
#define SLUICE_LANE_EPOCH_BITS 5
#define SLUICE_LANE_EPOCHS ((1 << SLUICE_LANE_EPOCH_BITS) - 1)
#define SLUICE_LANE(epoch, bits, bits6, prefix, number) \
	((__u64)(epoch) | (__u64)(bits) << 8 | (__u64)(bits6) << 16 | (__u64)(prefix) << 24 | (__u64)(number) << 32)
#define SLUICE_LANE_EPOCH(lane) ((lane)&SLUICE_LANE_EPOCHS)
#define SLUICE_LANE_BITS(lane) ((lane) >> 8 & 31)
#define SLUICE_LANE_BITS6(lane) ((lane) >> 16 & 31)
#define SLUICE_LANE_PREFIX(lane) ((lane) >> 24 & 127)
#define SLUICE_LANE_PREFIX_MOST 64 /* as many as fit into a word */
/* With 13 bits of an address in the number of its line, the other 19, seven of the service and five of the epoch fill 31 bits. */
#define SLUICE_LANE_BITS_LEAST 13
#define SLUICE_LANE_BITS_MOST 20

/*
 * One cache line. A word consists of the part of the hashed address that is not the number of the line, the service, and the epoch; 0 means
 * free. The highest bit is always 0, so that all words of a line can be compared at once. The hash is a permutation of all IPv4 addresses (for IPv6, of the first halves), so line and word together are the address: nobody
 * is taken for somebody else (quotienting: Knuth, volume 3, 6.4, exercise 13; Cleary, 1984). Each family has lines of its own.
 */
#define SLUICE_REFUSALS_WAYS 16
#define SLUICE_REFUSALS_WAYS6 8
struct sluice_refusals {
	union {
		__u32 word[SLUICE_REFUSALS_WAYS];
		__u64 word6[SLUICE_REFUSALS_WAYS6];
	};
};

#endif
