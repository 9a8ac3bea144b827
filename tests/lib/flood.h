/* SPDX-License-Identifier: BSD-2-Clause */
/* The map in which flood.c tells flood.bpf.c what to send. */
#ifndef SLUICE_TESTS_FLOOD_H
#define SLUICE_TESTS_FLOOD_H

#include <linux/types.h>

#define FLOOD_KINDS 8 /* different flags, different sizes */
#define FLOOD_BATCH 64
#define FLOOD_FRAME_MAX 1514
#define FLOOD_FRAME_ROOM (FLOOD_FRAME_MAX + 2) /* more than what is sent: see flood.bpf.c */

/* One row, shared by mmap(). */
struct flood_config {
	__u64 state; /* the state of the random numbers, at first the seed */
	__u64 frames, first_ns, last_ns; /* of one system call: flood.c zeroes them before, the program writes them */
	__be32 target[4], base[4]; /* IPv4 in the first word */
	__u32 sources; /* how many, counting up from `base`, in IPv6 by networks of 64 bits; 0: the whole address space */
	__u32 flags_count, sizes_count;
	__u16 sizes[FLOOD_KINDS];
	__u8 flags[FLOOD_KINDS]; /* TCP's flags; 0: any but a bare SYN */
	__u8 to[6], from[6];
	__be16 port;
	__u16 ipv6;
};

#endif
