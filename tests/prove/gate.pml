/* SPDX-License-Identifier: BSD-2-Clause */
/* Part of handshake.pml: a processor. Its gate judges a packet in several moves and passes it to its queue, from which the host's TCP takes it. */

#define gate_done at[me] = NOBODY; same[me] = 0; old_at[me] = 0
#define gate_clear k = 0; t = 0; was = 0; had = 0; is_confirmed = 0; unproven = 0; took = 0; charged = 0; err = 0; evicted = 0; ask = 0
/* The ACK of a cookie that completes nothing has `num` 1: the cookie is too old, or the ACK belongs to a connection. */
#define packet_pass(q) num = (k == COOKIE && !cookie[t] -> 1 : num); printf("cpu %d passes %e of tuple %d\n", me, k, t); q!k,t,num; old[me] = old[me] + old_at[me]; gate_done; gate_clear; num = 0
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

syn:	/* bpf/admission/admit.bpf.h: checks the limits, then the table */
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
			/* way_repeat(): its client took the first SYN back, and asks again */
			if
			:: reset[t] && !confirmed[t] && state[t] != HANDSHAKE_ANSWERED ->
				reset[t] = 0; state[t] = HANDSHAKE_SYN_SEEN; age[t] = 0; serial_next(t)
			:: else
			fi;
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

ack:	/* bpf/admission/answered.bpf.h */
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
#ifdef WITHOUT_CAUTION_AT_BEGIN
		:: was == HANDSHAKE_FREE && err == 1 -> packet_pass(q)
#endif
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
