/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A part of abi.h: what the gate knows about this host's addresses and the interfaces that it is attached to. */
#ifndef SLUICE_INTERFACES_H
#define SLUICE_INTERFACES_H

#define SLUICE_MAX_ANSWERS 256 /* interfaces with a gate, and members of such bonds */
#define SLUICE_MAX_LOCALS 65536 /* addresses of this host; where it has more, every address counts as its own */

/*
 * An address of this host, or a prefix of them (AnyIP): what its routing tables call local. Key: struct sluice_prefix_key. While the table
 * is empty, nobody has looked yet, and every address counts as local.
 */
struct sluice_local {
	__u32 ifindex; /* of the one interface that has this address; 0: several have it, or it is a whole prefix */
};

/* What the packets of an interface begin with where XDP sees them. */
enum sluice_frames {
	SLUICE_FRAMES_ETHERNET,
	SLUICE_FRAMES_IP, /* the IP header: tunnels, WireGuard, PPP */
	SLUICE_FRAMES_GRE, /* the same, but GRE's sender says whether it is IP */
};

/* Why the host answers on an interface rather than XDP. kern/gate/answers.c puts it in words. */
enum sluice_answers_why {
	SLUICE_ANSWERS_XDP, /* it does answer */
	SLUICE_ANSWERS_TAG, /* the card strips VLAN tags, so an answer would go back without one */
	SLUICE_ANSWERS_CHECKSUM, /* generic mode, where checksums may be unfinished: the answer's checksum would be spoiled */
	SLUICE_ANSWERS_HEADER, /* frames have no Ethernet header */
	SLUICE_ANSWERS_NO_ADDRESS, /* no address belongs to this interface alone */
	SLUICE_ANSWERS_UNHEARD, /* cookies that were sent here do not come back; lasts for a while */
	SLUICE_ANSWERS_WHYS,
};

/*
 * A closed loop: when this many cookies have been sent to sources that completed handshakes before, over at least this time, one must have
 * come back; otherwise the interface answers nobody of that family for a while.
 */
#define SLUICE_ANSWERS_UNRETURNED 8
#define SLUICE_ANSWERS_SPAN_NS (1ULL * 1000000000)
#define SLUICE_ANSWERS_QUIET_NS (60ULL * 1000000000)

struct sluice_answer_loop {
	__u64 since_ns; /* when the first of `waiting` was sent */
	__u64 quiet_until_ns;
	__u32 waiting; /* cookies sent to such sources since one came back */
	__u32 pad;
};

/*
 * May XDP answer where a packet came in? Key: its ifindex. Userspace writes the rows, the gate the loops. Without a row the host answers.
 */
struct sluice_answers {
	__u32 why; /* enum sluice_answers_why, never UNHEARD */
	__u32 also; /* ifindex of this port's bridge or bond, whose addresses are answered here, too; 0: none */
	__u32 bare; /* answer only segments without data: one with data may be several merged */
	__u32 member; /* it is a member of the bond `also`, which has the gate */
	__u32 below; /* for a VLAN device, the interface that answers its addresses, in frames with its tag; 0: it is none */
	__u32 vlan;
	__u32 hidden; /* its packets reach sockets of a VRF, which the gate cannot look up: bpf/flow/unseen.bpf.h */
	__u32 pad;
	struct sluice_answer_loop loop[SLUICE_FAMILIES];
};

/* Per-CPU: cookies that XDP sent on an interface, and that came back there. */
struct sluice_answer_counts {
	__u64 sent[SLUICE_FAMILIES];
	__u64 returned[SLUICE_FAMILIES];
};

#endif
