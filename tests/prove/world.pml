/* SPDX-License-Identifier: BSD-2-Clause */
/* Part of handshake.pml: the sweeper, time, the application, the audit, a reload; and what must be true whenever nothing is under way. */

/* bpf/sweep/sweep.bpf.h: sweeps any element whose time is over, but once in a tick; what follows that is not under the lock. */
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
 * STALLS: the processor of a virtual machine may stop for longer than a tick. Then the limit may be exceeded by the packet that it worked
 * on, but nothing may be lost for good.
 */
#ifdef STALLS
#define arrived true
#else
#define arrived (!sweeping && old[0] == 0 && !old_at[0] && old[CPUS - 1] == 0 && !old_at[CPUS - 1])
#endif

#define age_on(t) age[t] = (state[t] != HANDSHAKE_FREE && age[t] < 2 -> age[t] + 1 : age[t])
#define aged(t) (state[t] == HANDSHAKE_FREE || age[t] == 2)

/* What else time does: ticks, and guards, requests and cookies that end; and the application, which closes connections. */
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
/* The iterator over sockets, which locks each of them, and what follows a complete audit: audit_end() (userspace/kern/policy/audit.c). */
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
/* A reload: the policy gets a lower limit, another name for the service, or no cookies. */
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

/* Whenever nothing is under way, the counters hold what there is; and when no more packets come, all counters return to 0. */
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
