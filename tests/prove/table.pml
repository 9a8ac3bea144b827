/* SPDX-License-Identifier: BSD-2-Clause */
/* Part of handshake.pml: the counters, the guards, the table of handshakes and the tracker, move by move, and what is checked after each move. */

/* bpf/charge/counter.bpf.h */
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

/* bpf/flow/guard.bpf.h */
inline guard_begin()
{
	if
	:: !watch && !cookies -> since = 0
	:: else
	fi
}

inline watch_raise() { printf("watch raised\n"); guard_begin(); watch = 1 }
inline cookies_guard() { guard_begin(); cookies = 1 }

/* bpf/flow/handshake.bpf.h */
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

/* What the processors noted of this element is no longer good, because what it holds has changed. */
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

/* Sets `found`: to another 4-tuple's place that can be taken, to NOBODY if the bucket has room, or to TUPLES if it is full of live handshakes. */
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

/* A packet begins an element, in state `to`, with or without a slot. err: 1 it exists already (EEXIST), 2 no room, 3 raise the guard first. */
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

/* The answer's slot and proof become those of the element that was looked at. err: 1 if that has changed meanwhile. */
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

/* bpf/track/track.bpf.h: connection_open(), in two moves. The event may be missed, or reported twice. */
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

/* Checks that there was no room when a client that answered is refused. Charges under way on the other processor count as room taken. */
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
