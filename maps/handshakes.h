/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A part of abi.h: the table of handshakes, and why ACKs are judged. Written by the gate, the tracker and the sweeper; userspace only reads. */
#ifndef SLUICE_HANDSHAKES_H
#define SLUICE_HANDSHAKES_H

/*
 * The life of a handshake. All moves happen under the lock of its bucket, after finding the element by its whole 4-tuple:
 *
 *   FREE -> SYN_SEEN       a SYN passed
 *   SYN_SEEN -> ANSWERED   its client acknowledged the host's sequence number, while somebody watches
 *   SYN_SEEN, ANSWERED -> EXPIRING   time ran out, or its client reset it: it holds its slots for one more tick, in which what the gate let
 *                          through before reaches its socket, and an answer moves it back to ANSWERED
 *   EXPIRING -> EXPIRED    its slots are released; a client that completes it must charge slots, or is refused
 *   EXPIRED -> FREE        nothing can complete it any more
 *   any -> FREE            it is a connection now: the tracker claims the slots. Where more than one SYN of it passed, another may still
 *                          become a handshake that nothing holds a slot for, once this connection is over: then it is EXPIRED instead
 */
enum sluice_handshake_state {
	HANDSHAKE_FREE,
	HANDSHAKE_SYN_SEEN,
	HANDSHAKE_ANSWERED,
	HANDSHAKE_EXPIRING,
	HANDSHAKE_EXPIRED,
};

#define SLUICE_HANDSHAKE_CONFIRMED 1 /* its client has answered, and its counters know */
#define SLUICE_HANDSHAKE_EMBRYONIC 2 /* counted in `embryonic` of its service */
#define SLUICE_HANDSHAKE_BLAMELESS \
	4 /* its end says nothing against its source: the client reset it, or its 4-tuple had a socket */
#define SLUICE_HANDSHAKE_PUBLISHED 8 /* belongs to a container: no socket of the host remembers it */
#define SLUICE_HANDSHAKE_REPEATED 16 /* more than one SYN of this 4-tuple has passed since its place was FREE */
#define SLUICE_HANDSHAKE_RESET 32 /* its client took it back: it accepts no answer */
#define SLUICE_HANDSHAKE_FORCED \
	64 /* its slots were charged whatever the limits said, so they do not judge its answer either */

/* The rest of an element; valid unless its state is FREE. */
struct sluice_handshake {
	struct sluice_tuple tuple;
	__u32 isn; /* of the client, in host order */
	struct sluice_holding holding; /* what it holds; `holds` 0: nothing */
	__u64 charged_ns;
};

/*
 * Deadlines count in units of 2^20 ns, about a millisecond, and wrap after 52 days. An element gets a new serial whenever what it holds
 * changes, so code that read it earlier can tell that it has changed.
 */
struct sluice_handshakes {
	struct bpf_spin_lock lock;
	__u32 deadline[SLUICE_HANDSHAKE_WAYS];
	__u32 serial[SLUICE_HANDSHAKE_WAYS];
	__u32 asked[SLUICE_HANDSHAKE_WAYS]; /* when the host was last asked to answer it, in the units of deadlines */
	__u8 state[SLUICE_HANDSHAKE_WAYS]; /* enum sluice_handshake_state */
	__u8 flags[SLUICE_HANDSHAKE_WAYS]; /* SLUICE_HANDSHAKE_* */
	__u8 tag[SLUICE_HANDSHAKE_WAYS]; /* part of the hash: saves looking at the 4-tuples of others, each in a cache line of its own */
	__u32 changes; /* the last serial given */
	struct sluice_handshake way[SLUICE_HANDSHAKE_WAYS];
};

/*
 * Why ACKs at a local port are judged. This is kept by port, because cookies and half-open sockets know nothing of the policy's services. A
 * time in the past, or 0, is no reason.
 */
struct sluice_guard {
	__u64 watch_until_ns; /* some handshakes at this port hold nothing: an ACK looks for its element */
	__u64 cookies_until_ns; /* cookies are under way, or the table forgot something: an ACK without an element asks the socket table */
	__u64 since_ns; /* when the present watch or guard began */
	__u32 listens; /* how often somebody began to listen here */
	__u32 pad;
};

#endif
