/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A part of abi.h: what is in force, in one row that the gate reads for each packet. Userspace writes it, except for the two words that say
 * otherwise. Both sides write a word by one store.
 */
#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

/* The express lane reads only what comes first. `force` is written last, so a packet sees the whole old generation or the whole new one. */
struct sluice_control {
	__u64 force; /* which slot, and until when: see slot.h */
	__u64 open_ns; /* CLOCK_MONOTONIC: from then on the gate lets everything pass; 0: never */
	__u64 lane; /* which refusals may be repeated: see lane.h. 0: none */
	__u64 lane_noted; /* `lane` when a refusal was last noted. The gate writes it */
	__u64 lane_factor; /* secret, odd, of 32 bits: spreads IPv4 addresses over the lines of refusals */
	__u64 locals; /* how often the table of this name has changed; 0: nobody has filled it */
	__u64 sockets; /* which audit is due or under way, and what it fills: SLUICE_SOCKETS(). The end of an audit writes it */
	__u64 event_epoch; /* changes each time somebody starts to watch; 0: nobody watches */
	__u64 secret[2]; /* secret of the hashes that decide who shares a counter with whom */
	__u32 abi;
	__u32 seed; /* seed of the sketch's hashes: nobody outside may know who shares a cell with whom */
	__u64 netns; /* cookie of the network namespace whose sockets count (struct net, net_cookie) */
	__u64 event_gap_ns; /* between two events of one reason on one processor */
	__u64 bans; /* number of the last change of bans that is in force: see struct sluice_ban */
	__u64 bans_begun; /* non-zero: the change of this number is in progress, or was cut short. Only userspace uses it */
	__u64 lane_number; /* how often the lane was opened. Only userspace uses it */
	__u64 hidden; /* how many interfaces with a gate hide sockets from it: see struct sluice_answers */
};

/*
 * control.sockets: the number of an audit, and how many bits number the words of two sets of 4-tuples (bpf/flow/socket_tuples.bpf.h), the
 * one that is read and the one that this audit fills. An audit with an even number fills the first set, and the next one the second.
 */
#define SLUICE_SOCKETS(audit, read_bits, fill_bits) ((__u64)(audit) << 32 | (fill_bits) << 8 | (read_bits))
#define SLUICE_SOCKETS_AUDIT(sockets) ((__u32)((sockets) >> 32))
#define SLUICE_SOCKETS_READ_BITS(sockets) ((sockets)&31)
#define SLUICE_SOCKETS_FILL_BITS(sockets) ((sockets) >> 8 & 31)
#define SLUICE_SOCKETS_BITS_LEAST 14
#define SLUICE_SOCKETS_BITS_MOST 18 /* a word has 64 bits, so this makes 16 for each of a million 4-tuples */

/* Returns how many bits number the words of a set for so many 4-tuples: at least 32 bits for each, while there is room. */
static inline __u32 socket_bits_for(__u32 tuples)
{
	__u32 bits;

	for (bits = SLUICE_SOCKETS_BITS_LEAST; bits < SLUICE_SOCKETS_BITS_MOST; bits++)
		if (2U << bits >= tuples)
			break;
	return bits;
}

#endif
