/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The set of sure refusals (bpf/charge/refusals.bpf.h, bpf/lane.bpf.h, userspace/kern/floor/lane.c), as a model for spin: processors that note
 * what the order of checks has refused, others that take slots and give them back, the lane that repeats refusals, and userspace that changes
 * what is in force; each may stop between any two moves of the others. scripts/prove.sh runs it at the bounds that it prints, and once without
 * each guard of the design (-DWITHOUT_...), where spin must find a fault.
 *
 * The claim is: a source that the lane refuses was full for sure at some moment since its SYN came, or one of its slots was just being given
 * back. So once close() has returned, or a change is in force, no source is refused that should not be.
 *
 * Two sources share one line, where the rest of the address tells them apart; with the other numbering of lines, that rest is the other
 * source's. Epochs repeat, after two here and after 31 in the code. One step here happens in the code under one lock, or is one load or store.
 * Memory holds what the last step left: the locks order what a weaker machine might not.
 */
#ifndef NOTES
#define NOTES 2 /* how many refusals by the order each noter notes */
#endif
#ifndef NOTERS
#define NOTERS 1
#endif
#ifndef GIVES
#define GIVES 2 /* how many slots each giver gives back */
#endif
#ifndef GIVERS
#define GIVERS 1
#endif
#ifndef CHARGES
#define CHARGES 2
#endif
#ifndef CHANGES
#define CHANGES 0 /* how often userspace changes the limit or something else */
#endif
#ifndef RESIZES
#define RESIZES 0 /* how often userspace changes how lines are numbered */
#endif
#ifndef READS
#define READS 1 /* SYNs that the lane looks at */
#endif
#ifndef WAYS
#define WAYS 1 /* places of the line */
#endif

#define SOURCES 2
#define EPOCHS 2 /* 31 in maps/lane.h */
#define NOBODY SOURCES

byte held[SOURCES], reserved[SOURCES], giving[SOURCES];
byte limit = 1;
byte word[WAYS]; /* 0: free */
byte number = 1; /* the number of the opening: control.lane_number */
bit bits; /* how lines are numbered */
byte lane = 2; /* control.lane: 0: shut */
byte reading = NOBODY; /* the source whose SYN the lane looks at */
bit excused; /* this source may be refused */

/* This must never come true. */
bit refused_wrongly;
inline refused() { refused_wrongly = !excused; assert(!refused_wrongly) }

#define epoch_of(l) ((l) / 2 % EPOCHS + 1)
#ifdef WITHOUT_NUMBER
#define lane_word(n, b) ((n) % EPOCHS * 2 + (b) + 2)
#else
#define lane_word(n, b) ((n) * 2 + (b))
#endif
#define bits_of(l) ((l) % 2)
/* Line and word together are the address, but only with the numbering of lines: with the other numbering they are another source's. */
#define word_of(s, l) (((s) + bits_of(l)) % 2 + 2 * epoch_of(l))
#define full_for_sure(s) (held[s] >= limit && !reserved[s])
#define may_be_refused(s) (full_for_sure(s) || giving[s])

/* Follows every move that changes who may be refused. */
inline excuse()
{
	if
	:: reading != NOBODY && may_be_refused(reading) -> excused = 1
	:: else
	fi
}

inline any_source()
{
	if
	:: s = 0
	:: s = 1
	fi
}

inline any_way()
{
	if
	:: way = 0
#if WAYS > 1
	:: way = 1
#endif
	fi
}

/* The order refuses a source, and refusal_keep() notes it. The policy is read after `lane`. */
proctype noter()
{
	byte s, way, seen, most, n;

end:	do
	:: n < NOTES -> n++;
		any_source();
		seen = lane;
		most = limit;
		if
		:: seen && held[s] >= most ->
			any_way();
			d_step {
				if
#ifndef WITHOUT_RECHECK
				:: held[s] < most -> skip
#endif
#ifndef WITHOUT_SURE
				:: reserved[s] -> skip
#endif
#ifndef WITHOUT_LANE_AT_NOTE
				:: lane != seen -> skip
#endif
				:: else -> word[way] = word_of(s, seen)
				fi
			}
		:: else
		fi;
		s = 0; way = 0; seen = 0; most = 0
	:: else -> break
	od
}

inline wipe(s)
{
	seen = lane;
	if
	:: seen ->
		way = 0;
		do
		:: way < WAYS ->
			if
			:: word[way] == word_of(s, seen) -> word[way] = 0
			:: else
			fi;
			way++
		:: else -> break
		od
	:: else
	fi;
	way = 0; seen = 0
}

inline give(s)
{
	d_step { held[s] = held[s] - 1; giving[s] = giving[s] + 1; excuse() }
}

/* The tracker: a connection closes, and refusal_forget() wipes. */
proctype giver()
{
	byte s, way, seen, n;

end:	do
	:: n < GIVES -> n++;
		any_source();
		if
		:: atomic { held[s] > reserved[s] ->
#ifdef WITHOUT_ORDER
			skip };
			wipe(s);
			if
			:: atomic { held[s] > reserved[s] -> give(s); giving[s] = giving[s] - 1 }
			:: else
			fi
#else
			give(s) };
#ifndef WITHOUT_WIPE
			wipe(s);
#endif
			giving[s] = giving[s] - 1
#endif
		:: else
		fi;
		s = 0
	:: else -> break
	od
}

/* A SYN takes a slot; its handshake becomes a connection, or runs out, and then its slot is given back like any other. */
proctype charger()
{
	byte s, way, seen, n;

end:	do
	:: n < CHARGES -> n++;
		any_source();
		if
		:: d_step { held[s] < limit -> held[s] = held[s] + 1; reserved[s] = reserved[s] + 1 };
			if
			:: d_step { reserved[s] = reserved[s] - 1; excuse() }
			:: d_step { reserved[s] = reserved[s] - 1; held[s] = held[s] - 1; giving[s] = giving[s] + 1; excuse() };
				wipe(s);
				giving[s] = giving[s] - 1
			fi
		:: else
		fi;
		s = 0
	:: else -> break
	od
}

/* lane_shut(), the change, lane_open(). */
proctype userspace()
{
	byte way, changes, resizes;

end:	do
	:: changes < CHANGES || resizes < RESIZES ->
#ifndef WITHOUT_SHUT
		lane = 0;
#endif
		if
		:: changes < CHANGES -> changes++; d_step { limit = 3 - limit; excuse() }
		:: changes < CHANGES -> changes++ /* something else changes */
		:: resizes < RESIZES -> resizes++; bits = 1 - bits
		fi;
#ifndef WITHOUT_EPOCH
		number++;
#endif
		if
#ifndef WITHOUT_WIPE_AT_FIRST_EPOCH
		:: epoch_of(lane_word(number, bits)) == 1 ->
			way = 0;
			do
			:: way < WAYS -> word[way] = 0; way++
			:: else -> break
			od;
			way = 0
#endif
		:: else
		fi;
		lane = lane_word(number, bits)
	:: else -> break
	od
}

/* lane_refuses(), for one SYN after the other. */
proctype reader()
{
	byte s, way, seen, found, n;

end:	do
	:: n < READS -> n++;
		atomic { any_source(); reading = s; excused = 0; excuse() };
		seen = lane;
		found = 0;
		if
		:: seen ->
			way = 0;
			do
			:: way < WAYS -> found = found || word[way] == word_of(s, seen); way++
			:: else -> break
			od
		:: else
		fi;
		if
#ifdef WITHOUT_LANE_AT_READ
		:: found -> refused()
#else
		:: found && lane == seen -> refused()
#endif
		:: else
		fi;
		d_step { reading = NOBODY; excused = 0; s = 0; way = 0; seen = 0; found = 0 }
	:: else -> break
	od
}

init
{
	byte i;

	atomic {
		held[0] = 1; /* one source is full from the beginning */
		lane = lane_word(number, bits);
		do
		:: i < NOTERS -> run noter(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < GIVERS -> run giver(); i++
		:: else -> break
		od;
		run charger();
		run userspace();
		run reader()
	}
}
