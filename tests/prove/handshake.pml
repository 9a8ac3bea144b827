/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a handshake (maps/abi.h, bpf/handshake.bpf.h), for spin: gate and host on two processors, tracker, sweeper, audit and a
 * reload, each of which may stop between any two moves of the others. scripts/prove.sh runs it at the bounds that it prints, and once
 * for each guard of the design taken out (-DWITHOUT_...), which must be found. A word here is a word in bpf/.
 *
 * What is one step here is under one lock, or one load or store, in bpf/. The places of a bucket are told apart by their 4-tuple
 * (`t`), since nothing is done to a place without comparing it; `serial` is `same[cpu]`: what the processor looked at is still there.
 *
 * Time: a tick is longer than the way of any packet from the gate to its socket. So a tick comes only when what was under way at the
 * tick before has arrived, and what must stand for a whole tick has seen two. All other times (3 s, 63 s, 124 s, 128 s) may end at any
 * moment, in the order that maps/abi.h gives them.
 *
 * Left out, since no gate can see it: that a connection made by a cookie ends in the same instant in which another ACK with that cookie,
 * let through as the connection's own, is on its way (docs/limits.md).
 *
 * The client is a liar: it sends anything at any time, but it cannot acknowledge a number that it was not sent.
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
#define SYNS 2 /* so many packets of each kind */
#endif
#ifndef ACKS
#define ACKS 2
#endif
#ifndef RSTS
#define RSTS 0
#endif
#ifndef ENDS
#define ENDS 1 /* so often a watch or a guard may end before all is over */
#endif
#ifndef CLOSES
#define CLOSES 1 /* so many connections the application closes before all is over */
#endif
#ifndef QUEUE
#define QUEUE 2
#endif
#ifndef CPUS
#define CPUS 2
#endif
#ifndef COOKIES
#define COOKIES 0 /* so many SYNs may be answered by a cookie */
#endif
#ifndef MISSES
#define MISSES 0 /* so many events the tracker may miss */
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

/* Packets: ACK of a SYN-ACK, COOKIE an ACK that brings a cookie back. */
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
bit service_of[TUPLES]; /* whose counter the slot is of */
byte age[TUPLES]; /* ticks since the sweeper moved it last */

/* A counter of each service: the source's. */
byte held[SERVICES];
byte embryonic[SERVICES];
byte proven[SERVICES];

/* struct sluice_guard */
bit watch;
bit cookies;
byte since; /* ticks that it has stood */

/* The policy. */
byte limit = LIMIT;
bit service;

/* The host. */
byte socket[TUPLES];
byte number[TUPLES]; /* which of its requests */
bit locked[TUPLES]; /* the tracker is at work on this socket */
bit cookie[TUPLES]; /* one that is good is out */
bit forgotten[TUPLES]; /* the table made room: its request is remembered by the socket only */

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
byte at[CPUS] = NOBODY; /* whose packet the gate of this processor has in hand */
bit same[CPUS];
byte old[CPUS]; /* packets behind the gate since the last tick */
bit old_at[CPUS]; /* the one in hand is as old */
bit hosting[CPUS];
bit sweeping, auditing;

byte syns = SYNS, acks = ACKS, rsts = RSTS, ends = ENDS, closes = CLOSES, cookies_left = COOKIES, misses = MISSES, audits = AUDITS, reloads = RELOADS;
byte known; /* tuples in use, one after the other: they are all alike */
byte most = LIMIT; /* connections that may stand: more than the limit only where a reload lowered it */

/* Properties: each is 0 for ever. */
bit over_the_limit, entered_unpaid, something_lost, something_stuck, refused_with_room, below_zero;

#define answerable(t) (socket[t] == REQUEST || cookie[t])
#define resettable(t) (socket[t] != NONE || stands(t))
#define packets (syns + acks + rsts)
#define stands(t) (state[t] != HANDSHAKE_FREE && state[t] != HANDSHAKE_EXPIRED)
#define firm ((watch || cookies) && since == 2)
#define sure(s) (held[s] - embryonic[s] + proven[s])

inline violated(property) { property = 1; assert(!property) }

/* bpf/counter.bpf.h */
inline counter_release(s, unsettled, sure_one)
{
	if
	:: held[s] == 0 || (unsettled && embryonic[s] == 0) || (sure_one && proven[s] == 0) -> violated(below_zero)
	:: else
	fi;
	held[s] = held[s] - 1;
	embryonic[s] = embryonic[s] - unsettled;
	proven[s] = proven[s] - sure_one
}

inline counter_settle(s, sure_one)
{
	if
	:: embryonic[s] == 0 || (sure_one && proven[s] == 0) -> violated(below_zero)
	:: else
	fi;
	embryonic[s] = embryonic[s] - 1;
	proven[s] = proven[s] - sure_one
}

/* bpf/guard.bpf.h */
inline guard_begin()
{
	if
	:: !watch && !cookies -> since = 0
	:: else
	fi
}

inline watch_raise() { printf("watch raised\n"); guard_begin(); watch = 1 }
inline cookies_guard() { guard_begin(); cookies = 1 }

/* bpf/handshake.bpf.h */
inline way_free(t)
{
	state[t] = HANDSHAKE_FREE;
	holds[t] = 0;
	confirmed[t] = 0;
	repeated[t] = 0;
	reset[t] = 0;
	service_of[t] = 0
}

inline way_expired(t)
{
	state[t] = HANDSHAKE_EXPIRED;
	holds[t] = 0;
	confirmed[t] = 0;
	reset[t] = 0;
	service_of[t] = 0
}

/* Nobody's note of this element is good any more: what it holds has changed. */
inline serial_next(t)
{
	i = 0;
	do
	:: i < CPUS ->
		if
		:: at[i] == t && i != me -> same[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

#ifdef WITHOUT_SERIAL_OF_SLOTS
#define serial_moved(t) skip
#else
#define serial_moved(t) serial_next(t)
#endif

/* Another 4-tuple's place, or NOBODY: the bucket has room; `found` TUPLES: it is full of handshakes that stand. */
inline way_vacant(t)
{
	found = TUPLES; n = 0; i = 0;
	do
	:: i < TUPLES ->
		if
		:: i != t && state[i] != HANDSHAKE_FREE -> n++;
			if
			:: state[i] == HANDSHAKE_EXPIRED -> found = i
			:: else
			fi
		:: else
		fi;
		i++
	:: else -> break
	od;
	if
	:: n < WAYS -> found = NOBODY
	:: else
	fi;
	n = 0; i = 0
}

inline handshake_write(t, to, slot, is_sure)
{
	serial_next(t);
	age[t] = (state[t] == HANDSHAKE_FREE -> 2 : age[t]);
	confirmed[t] = 0; reset[t] = 0; service_of[t] = 0;
#ifdef WITHOUT_REPEATED_AFTER_EXPIRY
	repeated[t] = 0;
#else
	repeated[t] = (state[t] == HANDSHAKE_EXPIRED && k == SYN -> 1 : repeated[t]);
#endif
	printf("cpu %d begins tuple %d: state %d, slot %d\n", me, t, to, slot);
	state[t] = to;
	holds[t] = slot;
	confirmed[t] = slot && is_sure;
	if
	:: slot -> service_of[t] = charged
	:: else
	fi
}

/* The element a packet begins: `to`, with a slot or not. err: 1 it stands already (EEXIST), 2 no room, 3 raise the guard first. */
inline handshake_begin(t, to, slot, is_sure)
{
	way_vacant(t);
	if
	:: stands(t) -> err = 1;
#ifndef WITHOUT_REPEATED_AT_BEGIN
		repeated[t] = (k == SYN -> 1 : repeated[t])
#endif
	:: else ->
		if
		:: found == TUPLES -> err = 2
		:: found == NOBODY -> err = 0; handshake_write(t, to, slot, is_sure)
		:: else ->
#if !defined(WITHOUT_GUARD_BEFORE_EVICTION) && !defined(WITHOUT_GUARD_AT_EVICTION)
			if
			:: !cookies -> err = 3
			:: else ->
#endif
				err = 0;
				forgotten[found] = 1;
				way_free(found); age[found] = 0;
				handshake_write(t, to, slot, is_sure)
#if !defined(WITHOUT_GUARD_BEFORE_EVICTION) && !defined(WITHOUT_GUARD_AT_EVICTION)
			fi
#endif
		fi
	fi;
	evicted = (err == 0 && found < TUPLES);
	found = 0
}

/* The element that was looked at: the answer's slot and proof are its own now. err: 1 it is another by now. */
inline handshake_answer(t)
{
	if
#ifdef WITHOUT_SERIAL
	:: state[t] != HANDSHAKE_FREE ->
#else
	:: state[t] != HANDSHAKE_FREE && state[t] != HANDSHAKE_ANSWERED && same[me] && holds[t] == had ->
#endif
		printf("cpu %d: tuple %d is answered, had %d\n", me, t, had);
		err = 0;
		state[t] = HANDSHAKE_ANSWERED;
		serial_moved(t);
		confirmed[t] = 1;
		if
		:: !had -> service_of[t] = charged
		:: else
		fi;
		holds[t] = 1
	:: else -> err = 1
	fi
}

/* The host: the tracker claims the element. */
inline handshake_claim(t)
{
	printf("tracker claims tuple %d: state %d, holds %d\n", t, state[t], holds[t]);
	had = holds[t];
	is_confirmed = confirmed[t];
	charged = service_of[t];
	serial_next(t);
	if
#ifndef WITHOUT_REPEATED
	:: state[t] != HANDSHAKE_FREE && repeated[t] -> way_expired(t); age[t] = 0; watch_raise()
#endif
	:: else -> way_free(t); age[t] = 0
	fi
}

/* bpf/track.bpf.h: connection_open, in two moves, and the event may be missed, or told again. */
inline connection_open(t)
{
	d_step { handshake_claim(t) };
	d_step {
		printf("connection of tuple %d is entered, had %d\n", t, had);
		if
		:: had -> counter_settle(charged, is_confirmed)
		:: else ->
#if !MISSES && !defined(STALLS) && !defined(WITHOUT_CONNECTIONS)
			violated(entered_unpaid);
#endif
			charged = service; held[service] = held[service] + 1
		fi;
		counted[t] = 1; counted_at[t] = charged;
#if RELOADS == 2
		service_check(charged);
#endif
		 unseen[t] = 0;
		had = 0; is_confirmed = 0; charged = 0
	}
}

inline connection_close(t)
{
	printf("socket of tuple %d closes\n", t);
	socket[t] = NONE;
	unknown[t] = 0;
	if
	:: counted[t] -> counter_release(counted_at[t], 0, 0); counted[t] = 0; counted_at[t] = 0; unseen[t] = 0
	:: else
	fi
}

/* After a rename each service has a counter, and a limit, of its own. */
inline service_check(s)
{
	n = 0; i = 0;
	do
	:: i < TUPLES -> n = n + (counted[i] && counted_at[i] == s); i++
	:: else -> break
	od;
	if
	:: n > limit -> violated(over_the_limit)
	:: else
	fi;
	n = 0; i = 0
}

inline limit_check()
{
	n = 0; i = 0;
	do
	:: i < TUPLES ->
		if
		:: socket[i] == CONNECTION && !unknown[i] -> n++
		:: else
		fi;
		i++
	:: else -> break
	od;
	if
#if !defined(STALLS) && RELOADS != 2
	:: n > most -> violated(over_the_limit)
#endif
	:: else
	fi;
	n = 0; i = 0
}

/* A client that answered was refused: was there room? Charges under way on the other processor count as room taken. */
inline refusal_check()
{
	n = 0; i = 0;
	do
	:: i < TUPLES ->
		n = n + counted[i] + ghost[i] + (holds[i] && (confirmed[i] || !firm));
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < CPUS ->
		if
		:: i != me && (at[i] != NOBODY || hosting[i]) -> n = 100
		:: else
		fi;
		i++
	:: else -> break
	od;
	if
#ifndef STALLS
	:: n < limit && !auditing && !sweeping -> violated(refused_with_room)
#endif
	:: else
	fi;
	n = 0; i = 0
}

#define gate_done at[me] = NOBODY; same[me] = 0; old_at[me] = 0
#define gate_clear k = 0; t = 0; was = 0; had = 0; is_confirmed = 0; unproven = 0; took = 0; charged = 0; err = 0; evicted = 0; ask = 0
#define packet_pass(q) printf("cpu %d passes %e of tuple %d\n", me, k, t); q!k,t,num; old[me] = old[me] + old_at[me]; gate_done; gate_clear; num = 0
#define packet_drop printf("cpu %d drops %e of tuple %d\n", me, k, t); gate_done; gate_clear; num = 0

#if MISSES
#define may_miss (misses > 0)
#else
#define may_miss false
#endif

proctype processor(byte me; chan q)
{
	mtype k;
	byte t, num, was, err, found, n, i;
	bit had, is_confirmed, unproven, took, charged, evicted, ask;

end:	do
	:: atomic { nfull(q) && (syns > 0 || (acks > 0 && any(answerable)) || (rsts > 0 && any(resettable))) ->
		if
		:: t = 0
#if TUPLES > 1
		:: known > 0 -> t = 1
#endif
#if TUPLES > 2
		:: known > 1 -> t = 2
#endif
		fi;
		if
		:: syns > 0 -> syns--; k = SYN; known = (t == known -> known + 1 : known)
		:: acks > 0 && socket[t] == REQUEST -> acks--; k = ACK; num = number[t]
#if COOKIES
		:: acks > 0 && cookie[t] -> acks--; k = COOKIE
#endif
		:: rsts > 0 && resettable(t) -> rsts--; k = RST
		:: else -> t = 0; goto end
		fi;
		at[me] = t;
		printf("cpu %d: %e of tuple %d comes\n", me, k, t)
		if
		:: k == SYN -> goto syn
		:: k == RST -> goto rst
		:: else -> goto ack
		fi
	   }

	   /* The host's TCP takes what the gate let through. */
	:: atomic { nempty(q) -> q?k,t,num; hosting[me] = 1; printf("host %d takes %e of tuple %d, socket %d\n", me, k, t, socket[t]);
		if
		:: k == SYN && socket[t] == NONE -> socket[t] = REQUEST; number[t] = (number[t] + 1) % 4
		:: (k == ACK && socket[t] == REQUEST && number[t] == num) || (k == COOKIE && socket[t] == NONE && cookie[t] && !num) ->
			socket[t] = CONNECTION;
			if
			:: limit_check(); locked[t] = 1; took = 1
			:: may_miss -> printf("nobody is told of the connection\n"); misses--; unknown[t] = 1; limit_check()
			fi
		:: k == RST && socket[t] == REQUEST -> socket[t] = NONE
		:: k == RST && socket[t] == CONNECTION && !locked[t] -> connection_close(t)
		:: else
		fi;
		if
		:: !took -> goto hosted
		:: else
		fi
	   };
	   connection_open(t);
#ifdef WITHOUT_CONNECTIONS
	   connection_open(t);
#endif
hosted:	   atomic {
		locked[t] = (took -> 0 : locked[t]);
		hosting[me] = 0;
		old[me] = (old[me] -> old[me] - 1 : 0);
		gate_clear; num = 0
	   }
	od;

syn:	/* bpf/admit.bpf.h: a glance at the limits, then at the table */
	atomic {
		if
		:: held[service] >= limit && socket[t] != CONNECTION && (sure(service) >= limit || !firm) && !stands(t) ->
			if
			:: sure(service) < limit -> watch_raise()
			:: else
			fi;
			packet_drop; goto end
		:: held[service] >= limit && sure(service) >= limit && stands(t) && socket[t] != CONNECTION -> packet_drop; goto end
		:: else
		fi;
		unproven = (held[service] >= limit);
		if
		:: stands(t) ->
#ifndef WITHOUT_REPEATED
			repeated[t] = 1;
#endif
			packet_pass(q); goto end
		:: else
		fi
	};
	/* flow_of(); the source may be a suspect, the service under pressure */
	atomic {
		if
		:: socket[t] == CONNECTION ->
#ifdef WITHOUT_AWAIT
			packet_pass(q); goto end;
#endif
			unproven = 1
		:: else ->
			if
			:: true
			:: unproven = 1
#if COOKIES
			:: cookies_left > 0 -> cookies_left--; cookies_guard(); cookie[t] = 1; packet_drop; goto end
#endif
			fi
		fi
	};
	if
	:: unproven -> d_step { watch_raise() }
	:: else -> atomic {
		if
		:: held[service] < limit -> held[service]++; embryonic[service]++; took = 1; charged = service
		:: else -> packet_drop; goto end
		fi }
	fi;
syn_begin:
	atomic {
		d_step { handshake_begin(t, HANDSHAKE_SYN_SEEN, took, 0) };
		if
		:: err == 0 && !evicted -> packet_pass(q); goto end
		:: err == 1 && !took -> packet_pass(q); goto end
		:: else
		fi
	};
	if
	:: err == 3 -> d_step { cookies_guard(); err = 0 }; goto syn_begin
	:: err == 0 -> atomic {
#ifndef WITHOUT_GUARD_AT_EVICTION
		cookies_guard();
#endif
		packet_pass(q); goto end }
	:: err == 1 || err == 2 -> atomic {
#ifndef WITHOUT_UNDO
		if
		:: took -> counter_release(charged, 1, 0)
		:: else
		fi;
#endif
		if
		:: err == 1 -> packet_pass(q)
		:: else -> packet_drop
		fi;
		goto end }
	fi;

rst:	/* handshake_reset(): it may expire at once */
	atomic {
		if
#ifdef WITHOUT_RESET_WAIT
		:: state[t] == HANDSHAKE_SYN_SEEN || state[t] == HANDSHAKE_ANSWERED ->
			if
			:: holds[t] -> counter_release(service_of[t], 1, confirmed[t])
			:: else
			fi;
			way_expired(t); watch_raise()
#else
		:: stands(t) -> reset[t] = 1
#endif
		:: else
		fi;
		packet_pass(q); goto end
	};

ack:	/* bpf/answered.bpf.h */
	atomic {
		if
		:: !watch && !cookies -> packet_pass(q); goto end
		:: else -> ask = cookies
		fi
	};
	atomic {
		printf("cpu %d looks at tuple %d: state %d, holds %d\n", me, t, state[t], holds[t]);
		was = state[t]; had = holds[t]; is_confirmed = confirmed[t]; same[me] = 1;
		if
#ifdef WITHOUT_ASKING_LAST
		:: was == HANDSHAKE_FREE && !ask -> packet_pass(q); goto end
#else
		:: was == HANDSHAKE_FREE && !cookies -> packet_pass(q); goto end
#endif
#ifndef WITHOUT_RESET_FLAG
		:: reset[t] -> packet_drop; goto end
#endif
		:: else
		fi
	};
	atomic {
		if
		:: k == ACK && socket[t] == REQUEST && number[t] == num
		:: k == COOKIE && socket[t] == NONE && cookie[t]
#ifndef WITHOUT_STRAYS_DROPPED
		:: k == COOKIE && socket[t] == REQUEST -> packet_drop; goto end
#endif
		:: else -> num = (k == COOKIE && socket[t] == CONNECTION -> 1 : num); packet_pass(q); goto end
		fi;
		if
		:: was == HANDSHAKE_ANSWERED -> packet_pass(q); goto end
#ifdef WITHOUT_PROOF
		:: was == HANDSHAKE_SYN_SEEN && had -> packet_pass(q); goto end
#endif
#ifdef WITHOUT_RENEWAL
		:: was == HANDSHAKE_EXPIRING && had -> packet_pass(q); goto end
#endif
		:: else
		fi
	};
	if
	:: had && is_confirmed
	:: else -> atomic {
		/* holding_prove() of a slot, or holding_take() of a new one */
		if
		:: had && sure(service_of[t]) < limit && same[me] -> proven[service_of[t]]++; charged = service_of[t]; took = 1
		:: had && !same[me] -> packet_drop; goto end
#if defined(WITHOUT_FIRM)
		:: !had && sure(service) < limit ->
#elif defined(WITHOUT_OVERBOOKING)
		:: !had && held[service] < limit ->
#else
		:: !had && (firm -> sure(service) : held[service]) < limit ->
#endif
			if
			:: held[service] >= limit -> watch_raise()
			:: else
			fi;
			held[service]++; embryonic[service]++; proven[service]++; charged = service; took = 1
		:: else -> refusal_check(); packet_drop; goto end
		fi }
	fi;
ack_begin:
	atomic {
		if
		:: was == HANDSHAKE_FREE -> d_step { handshake_begin(t, HANDSHAKE_ANSWERED, 1, 1) }
		:: else -> d_step { handshake_answer(t) }
		fi;
		if
		:: err == 0 && !evicted -> packet_pass(q); goto end
		:: else
		fi
	};
	if
	:: err == 3 -> d_step { cookies_guard(); err = 0 }; goto ack_begin
	:: err == 0 -> atomic {
#ifndef WITHOUT_GUARD_AT_EVICTION
		cookies_guard();
#endif
		packet_pass(q); goto end }
	:: err == 1 || err == 2 -> d_step {
		if
		:: took && had -> proven[charged]--
		:: took && !had -> counter_release(charged, 1, 1)
		:: else
		fi }
	fi;
	/* element_moved() */
	atomic {
		if
		:: state[t] == HANDSHAKE_ANSWERED -> packet_pass(q)
#ifdef WITHOUT_CAUTION
		:: state[t] == HANDSHAKE_FREE && was != HANDSHAKE_EXPIRED -> packet_pass(q)
#else
		:: state[t] == HANDSHAKE_FREE && was == HANDSHAKE_SYN_SEEN -> packet_pass(q)
#endif
		:: else -> packet_drop
		fi;
		goto end
	}
}

/* bpf/sweep.bpf.h: any element, whenever its time is over, but once in a tick; what follows is not under the lock. */
#define over(t) (state[t] == HANDSHAKE_FREE && socket[t] == NONE && !ghost[t])
#define due(t) (state[t] != HANDSHAKE_FREE && age[t] == 2 && \
		(state[t] != HANDSHAKE_EXPIRED || (socket[t] != REQUEST && !cookie[t])))

inline handshake_expire(t)
{
	had = 0;
	age[t] = 0;
	if
	:: was == HANDSHAKE_EXPIRED -> way_free(t); serial_next(t)
#ifdef WITHOUT_EXPIRING
	:: was == HANDSHAKE_SYN_SEEN || was == HANDSHAKE_ANSWERED ->
#else
	:: was == HANDSHAKE_SYN_SEEN || was == HANDSHAKE_ANSWERED -> state[t] = HANDSHAKE_EXPIRING
	:: was == HANDSHAKE_EXPIRING ->
#endif
		had = holds[t]; is_confirmed = confirmed[t]; charged = service_of[t];
		serial_moved(t);
#ifdef WITHOUT_TOMBSTONE
		way_free(t)
#else
		way_expired(t)
#endif
	:: else
	fi;
	printf("sweeper: tuple %d was %d, is %d, held %d\n", t, was, state[t], had)
}

inline expired_follow()
{
#ifndef WITHOUT_WATCH
	if
	:: state[t] == HANDSHAKE_EXPIRING -> watch_raise()
	:: else
	fi;
#endif
	if
	:: had -> counter_release(charged, 1, is_confirmed)
	:: else
	fi;
	t = 0; was = 0; had = 0; is_confirmed = 0; charged = 0; sweeping = 0
}

proctype sweeper()
{
	byte t, was, i, me = NOBODY;
	bit had, is_confirmed, charged;

end:	do
	:: atomic { any(due) ->
		if
		:: due(0) -> t = 0
#if TUPLES > 1
		:: due(1) -> t = 1
#endif
#if TUPLES > 2
		:: due(2) -> t = 2
#endif
		fi;
		sweeping = 1;
		was = state[t];
#ifdef WITHOUT_LOCK
		had = holds[t]; is_confirmed = confirmed[t]; charged = service_of[t]
	   };
	   atomic {
		if
		:: was == HANDSHAKE_EXPIRING -> way_expired(t); age[t] = 0
		:: else -> handshake_expire(t)
		fi;
#else
		handshake_expire(t);
#endif
		if
		:: !had && (state[t] != HANDSHAKE_EXPIRING || watch) -> goto swept
		:: else
		fi
	   };
swept:	   atomic { expired_follow() }
	od
}

inline tick_note(cpu, q)
{
#ifdef STALLS
	skip
#else
	old[cpu] = len(q) + hosting[cpu];
	old_at[cpu] = (at[cpu] != NOBODY)
#endif
}

#define nobody_holds_nothing(t) (state[t] == HANDSHAKE_FREE || (stands(t) && holds[t] && state[t] != HANDSHAKE_EXPIRING))
/* No packet comes any more. */
#define quiet_now (syns == 0 && (acks == 0 || !any(answerable)) && (rsts == 0 || !any(resettable)) && hosts_idle && gates_idle)
#define hosts_idle (empty(queue0) && empty(queue1) && !hosting[0] && !hosting[CPUS - 1])
#define gates_idle (at[0] == NOBODY && at[CPUS - 1] == NOBODY)
#ifdef WITHOUT_WATCH_AT_OVERBOOKING
#define nothing_overbooked true
#else
#define nothing_overbooked (held[0] <= limit && held[SERVICES - 1] <= limit)
#endif
#define nothing_out(t) (!cookie[t] && (!forgotten[t] || socket[t] != REQUEST))

/*
 * STALLS: a guest's processor may stand still for longer than a tick. Then the limit may be missed by what it had in hand; but
 * nothing may be lost for good.
 */
#ifdef STALLS
#define arrived true
#else
#define arrived (!sweeping && old[0] == 0 && !old_at[0] && old[CPUS - 1] == 0 && !old_at[CPUS - 1])
#endif

#define age_on(t) age[t] = (state[t] != HANDSHAKE_FREE && age[t] < 2 -> age[t] + 1 : age[t])
#define aged(t) (state[t] == HANDSHAKE_FREE || age[t] == 2)

/* What time does besides: ticks, guards, requests and cookies that end; and the application, which closes. */
proctype world()
{
	byte t;

end:	do
	:: d_step { arrived &&
		    (((watch || cookies) && since < 2) || !all(aged)) ->
		age_on(0);
#if TUPLES > 1
		age_on(1);
#endif
#if TUPLES > 2
		age_on(2);
#endif
		since = ((watch || cookies) && since < 2 -> since + 1 : since);
		printf("tick\n");
		tick_note(0, queue0);
#if CPUS > 1
		tick_note(1, queue1)
#endif
	   }
	:: d_step { watch && all(nobody_holds_nothing) && !sweeping && gates_idle && nothing_overbooked && (ends > 0 || quiet_now) -> watch = 0; since = (cookies -> since : 0); ends = (ends -> ends - 1 : 0) }
	:: d_step { cookies && all(nothing_out) && gates_idle && (ends > 0 || quiet_now) && hosts_idle -> cookies = 0; since = (watch -> since : 0); forgotten[0] = 0; forgotten[TUPLES - 1] = 0; ends = (ends -> ends - 1 : 0) }
	:: atomic {
		if
		:: t = 0
#if TUPLES > 1
		:: t = 1
#endif
#if TUPLES > 2
		:: t = 2
#endif
		fi;
		if
		:: socket[t] == REQUEST && !stands(t) -> socket[t] = NONE
		:: socket[t] == CONNECTION && !locked[t] && (closes > 0 || quiet_now) -> closes = (closes -> closes - 1 : 0); connection_close(t)
#if MISSES
		:: socket[t] == CONNECTION && !locked[t] && counted[t] && !ghost[t] && misses > 0 ->
			printf("socket of tuple %d closes, and nobody is told\n", t);
			misses--; socket[t] = NONE; counted[t] = 0;
			ghost[t] = 1; ghost_at[t] = counted_at[t]; ghost_unseen[t] = unseen[t]; counted_at[t] = 0; unseen[t] = 0
#endif
#if COOKIES
		:: cookie[t] -> cookie[t] = 0
#endif
		:: true
		fi;
		t = 0
	   }
	od
}

#if AUDITS
/* The iterator over sockets, each of them locked, and what follows a whole one: connections_heal(). */
proctype audit()
{
	byte t, i, me = NOBODY;
	bit had, is_confirmed, charged;

end:	do
	:: d_step { audits > 0 -> audits--; auditing = 1; printf("an audit begins\n");
		t = 0;
		do
		:: t < TUPLES -> unseen[t] = counted[t]; ghost_unseen[t] = ghost[t]; t++
		:: else -> t = 0; break
		od
	   };
	   do
	   :: atomic { t < TUPLES && !locked[t] && (socket[t] != CONNECTION || counted[t]) ->
		printf("the audit visits tuple %d\n", t);
		unseen[t] = (socket[t] == CONNECTION && counted[t] -> 0 : unseen[t]);
		t++
	      }
	   :: atomic { t < TUPLES && socket[t] == CONNECTION && !locked[t] && !counted[t] -> locked[t] = 1 };
		connection_open(t);
		atomic { locked[t] = 0; t++ }
	   :: t == TUPLES -> break
	   :: t < TUPLES -> goto cut
	   od;
#ifdef WITHOUT_WHOLE_AUDIT
cut:
#endif
	   skip;
	   d_step {
		t = 0;
		do
		:: t < TUPLES ->
			if
			:: unseen[t] -> printf("tuple %d is healed\n", t); counter_release(counted_at[t], 0, 0); counted[t] = 0; unseen[t] = 0; counted_at[t] = 0
			:: else
			fi;
			if
			:: ghost_unseen[t] -> counter_release(ghost_at[t], 0, 0); ghost[t] = 0; ghost_unseen[t] = 0; ghost_at[t] = 0
			:: else
			fi;
			t++
		:: else -> break
		od
	   };
#ifndef WITHOUT_WHOLE_AUDIT
cut:	   skip;
#endif
	   skip;
	   d_step { t = 0; auditing = 0 }
	od
}
#endif

#if RELOADS
/* A policy with a lower limit, another name of the service, or without cookies. */
proctype reload()
{
	atomic { reloads > 0 -> reloads = 0;
#if RELOADS == 1
		limit = 1; most = (held[0] > 1 -> held[0] : 1)
#else
		service = 1;
#ifdef WITHOUT_PORT
		watch = 0; cookies = 0; since = 0;
#endif
#endif
	}
end:	skip
}
#endif

/* Whenever nothing is under way the counters hold what there is; and when no more packets come, all comes back to 0. */
proctype quiet()
{
	byte t, n, m, o, s;

	do
	:: d_step { gates_idle && hosts_idle && !sweeping && !auditing ->
		do
		:: s < SERVICES ->
			do
			:: t < TUPLES ->
				n = n + (counted[t] && counted_at[t] == s) + (ghost[t] && ghost_at[t] == s) + (holds[t] && service_of[t] == s);
				m = m + (holds[t] && service_of[t] == s);
				o = o + (holds[t] && confirmed[t] && service_of[t] == s);
				t++
			:: else -> break
			od;
			if
			:: n != held[s] || m != embryonic[s] || o != proven[s] -> violated(something_lost)
			:: else
			fi;
			n = 0; m = 0; o = 0; t = 0;
			s++
		:: else -> break
		od;
		s = 0
	   }
	:: d_step { quiet_now && !sweeping && !auditing && all(over) && !watch && !cookies ->
		if
		:: held[0] || held[SERVICES - 1] -> violated(something_stuck)
		:: else
		fi
	   }; break
	od
}

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
