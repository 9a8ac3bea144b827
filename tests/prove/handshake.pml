/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a handshake (maps/handshakes.h, bpf/flow/handshake.bpf.h), as a model for spin: gate and host on two processors, tracker,
 * sweeper, audit and a reload; each may stop between any two moves of the others. scripts/prove.sh runs it at the bounds that it prints, and
 * once without each guard of the design (-DWITHOUT_...), where spin must find a fault. Words mean the same here as in bpf/.
 *
 * One step here happens in bpf/ under one lock, or is one load or store. The places of a bucket are known by their 4-tuple (`t`), since
 * nothing is done to a place without comparing it. `serial` becomes `same[cpu]`: what the processor looked at is still there.
 *
 * Time: a tick is longer than any packet needs from the gate to its socket. So a tick comes only when all that was under way at the
 * previous tick has arrived, and what must last for a whole tick has seen two. All other times (3 s, 63 s, 124 s, 128 s) may end at any
 * moment, in the order that maps/abi.h gives them.
 *
 * One case is left out, since no gate can see it: a connection made by a cookie ends in the instant in which another ACK with that cookie,
 * which passed as the connection's own, is on its way (docs/limits.md).
 *
 * The client lies: it sends anything at any time, but it cannot acknowledge a number that was not sent to it.
 */
#ifndef TUPLES
#define TUPLES 2
#endif
#ifndef LIMIT
#define LIMIT 1
#endif
#ifndef WAYS
#define WAYS TUPLES /* places of the bucket */
#endif
#ifndef SYNS
#define SYNS 2 /* how many packets of each kind there are */
#endif
#ifndef ACKS
#define ACKS 2
#endif
#ifndef RSTS
#define RSTS 0
#endif
#ifndef ENDS
#define ENDS 1 /* how often a watch or a guard may end before all is over */
#endif
#ifndef CLOSES
#define CLOSES 1 /* how many connections the application may close before all is over */
#endif
#ifndef QUEUE
#define QUEUE 2
#endif
#ifndef CPUS
#define CPUS 2
#endif
#ifndef COOKIES
#define COOKIES 0 /* how many SYNs may be answered by a cookie */
#endif
#ifndef MISSES
#define MISSES 0 /* how many events the tracker may miss */
#endif
#ifndef AUDITS
#define AUDITS 0
#endif
#ifndef RELOADS
#define RELOADS 0 /* 1: the limit falls to 1; 2: the service is renamed, or its cookies are turned off */
#endif
#if RELOADS
#define SERVICES 2
#else
#define SERVICES 1
#endif

/* enum sluice_handshake_state */
#define HANDSHAKE_FREE 0
#define HANDSHAKE_SYN_SEEN 1
#define HANDSHAKE_ANSWERED 2
#define HANDSHAKE_EXPIRING 3
#define HANDSHAKE_EXPIRED 4

/* the host's sockets */
#define NONE 0
#define REQUEST 1
#define CONNECTION 2

/* Packets: ACK answers a SYN-ACK, COOKIE is an ACK that brings a cookie back. */
mtype = { SYN, ACK, COOKIE, RST };

#define NOBODY 255

#if TUPLES == 1
#define all(what) (what(0))
#define any(what) (what(0))
#elif TUPLES == 2
#define all(what) (what(0) && what(1))
#define any(what) (what(0) || what(1))
#else
#define all(what) (what(0) && what(1) && what(2))
#define any(what) (what(0) || what(1) || what(2))
#endif

/* The table of handshakes. */
byte state[TUPLES];
bit holds[TUPLES];
bit confirmed[TUPLES];
bit repeated[TUPLES]; /* SLUICE_HANDSHAKE_REPEATED: more than one SYN has passed since its place was free */
bit reset[TUPLES]; /* SLUICE_HANDSHAKE_RESET */
bit service_of[TUPLES]; /* the service in whose counter the slot is */
byte age[TUPLES]; /* ticks since the sweeper last moved it */

/* The source's counter of each service. */
byte held[SERVICES];
byte embryonic[SERVICES];
byte proven[SERVICES];

/* struct sluice_guard */
bit watch;
bit cookies;
byte since; /* how many ticks it has been up */

/* The policy. */
byte limit = LIMIT;
bit service;

/* The host. */
byte socket[TUPLES];
byte number[TUPLES]; /* which of its requests this is */
bit locked[TUPLES]; /* the tracker works on this socket */
bit cookie[TUPLES]; /* the client has a good cookie */
bit forgotten[TUPLES]; /* the table made room: only the socket remembers its request */

/* The map `connections`, and what the audit knows. */
bit counted[TUPLES];
bit counted_at[TUPLES];
bit ghost[TUPLES]; /* an entry whose socket is gone: its end was missed */
bit ghost_at[TUPLES];
bit unknown[TUPLES]; /* a connection whose beginning was missed */
bit unseen[TUPLES], ghost_unseen[TUPLES];

/* What is under way. */
chan queue0 = [QUEUE] of { mtype, byte, byte };
chan queue1 = [QUEUE] of { mtype, byte, byte };
byte at[CPUS] = NOBODY; /* whose packet the gate of this processor works on */
bit same[CPUS];
byte old[CPUS]; /* packets that are behind the gate since before the last tick */
bit old_at[CPUS]; /* the packet in the gate is as old */
bit hosting[CPUS];
bit sweeping, auditing;

byte syns = SYNS, acks = ACKS, rsts = RSTS, ends = ENDS, closes = CLOSES, cookies_left = COOKIES, misses = MISSES, audits = AUDITS, reloads = RELOADS;
byte known; /* tuples in use; they come into use one after the other, since they are all alike */
byte most = LIMIT; /* how many connections there may be: more than the limit only after a reload lowered it */

/* Properties: each must always be 0. */
bit over_the_limit, entered_unpaid, something_lost, something_stuck, refused_with_room, below_zero;

#define answerable(t) (socket[t] == REQUEST || cookie[t])
#define resettable(t) (socket[t] != NONE || stands(t))
#define packets (syns + acks + rsts)
#define stands(t) (state[t] != HANDSHAKE_FREE && state[t] != HANDSHAKE_EXPIRED)
#define firm ((watch || cookies) && since == 2)
#define sure(s) (held[s] - embryonic[s] + proven[s])

inline violated(property) { property = 1; assert(!property) }

#include "table.pml"
#include "gate.pml"
#include "world.pml"

init {
	atomic {
		at[0] = NOBODY; at[CPUS - 1] = NOBODY;
		run processor(0, queue0);
#if CPUS > 1
		run processor(1, queue1);
#endif
		run sweeper();
		run world();
#if AUDITS
		run audit();
#endif
#if RELOADS
		run reload();
#endif
		run quiet()
	}
}
