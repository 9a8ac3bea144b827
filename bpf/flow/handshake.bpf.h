/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of handshakes: one element for each, found by its 4-tuple, from its first SYN until it is a connection or nothing can complete
 * it any more (maps/handshakes.h has its states). Admission begins and answers handshakes, the tracker claims them, the sweeper expires
 * them. An element is only touched under the lock of its bucket, after its whole 4-tuple was compared there, so no code acts on what a
 * place held before. Counters are never charged under that lock; code that charged in vain gives the charge back.
 *
 * The functions without `static` are verified once, apart from their callers; that is why they check for NULL.
 */
#ifndef SLUICE_HANDSHAKE_BPF_H
#define SLUICE_HANDSHAKE_BPF_H

#define DEADLINE_SHIFT 20 /* a deadline counts in units of 2^20 ns */
/* The host answers a repeated SYN once in half a second (net/ipv4/tcp_input.c, tcp_oow_rate_limited). In 2^20 ns. */
#define ASKED_AGAIN (500000000 >> DEADLINE_SHIFT)

/* What is read from an element, or written into it. */
struct handshake_note {
	struct sluice_holding holding; /* source and service are always valid; `holds` 0: it holds nothing */
	__u64 charged_ns;
	__u32 isn;
	__u32 serial; /* the element's serial when it was read */
	__u8 state; /* enum sluice_handshake_state; FREE: there is none */
	__u8 flags; /* SLUICE_HANDSHAKE_* */
	__u16 held; /* what it held when it was read: SLUICE_HOLDS_* */
	__be16 may_forget; /* for handshake_begin(): an expired handshake at this local port may make room; 0: none may */
	__u16 recent; /* from handshake_look(): non-zero if a SYN passed less than half a second before this one */
};

static __always_inline __u32 deadline_at(__u64 ns)
{
	return ns >> DEADLINE_SHIFT;
}

static __always_inline int deadline_passed(__u32 deadline, __u64 now)
{
	return (__s32)(deadline_at(now) - deadline) > 0;
}

/* Multiplies by secrets, so nobody outside knows who shares a bucket with whom, whichever bits he changes. */
static __always_inline __u64 tuple_hash(const struct sluice_tuple *t, const struct sluice_control *now)
{
	__u64 h = now->secret[0] ^ now->secret[1];

	if (addr_is_mapped(&t->source) && addr_is_mapped(&t->local)) {
		h = hash_absorb(h, (__u64)t->source.word[3] << 32 | t->local.word[3], now);
		return hash_absorb(h, (__u64)t->source_port << 16 | t->local_port, now);
	}
	h = hash_absorb(h, (__u64)t->source.word[0] << 32 | t->source.word[1], now);
	h = hash_absorb(h, (__u64)t->source.word[2] << 32 | t->source.word[3], now);
	h = hash_absorb(h, (__u64)t->local.word[0] << 32 | t->local.word[1], now);
	h = hash_absorb(h, (__u64)t->local.word[2] << 32 | t->local.word[3], now);
	return hash_absorb(h, (__u64)t->source_port << 16 | t->local_port, now);
}

/* Where the handshake of a 4-tuple is found. */
struct handshake_place {
	__u32 bucket;
	__u8 tag;
};

static __always_inline struct handshake_place handshake_place(const struct sluice_tuple *t)
{
	const struct sluice_control *now = control_row();
	__u64 hash = now ? tuple_hash(t, now) : 0;
	struct handshake_place at = { .bucket = hash & (SLUICE_HANDSHAKE_BUCKETS - 1), .tag = hash >> 56 };

	return at;
}

static __always_inline __u32 *handshake_load_of(__u32 bucket)
{
	__u32 group = bucket / (SLUICE_HANDSHAKE_BUCKETS / SLUICE_HANDSHAKE_GROUPS);

	return bpf_map_lookup_elem(&handshake_load, &group);
}

static __always_inline void handshake_load_add(__u32 bucket, int change)
{
	__u32 *load = handshake_load_of(bucket);

	if (load)
		__sync_fetch_and_add(load, change);
}

static __always_inline void embryonic_add(__u32 service, int change)
{
	struct sluice_pressure *p = bpf_map_lookup_elem(&pressures, &service);

	if (p)
		__sync_fetch_and_add(&p->embryonic, change);
}

static __always_inline int tuple_is(const struct sluice_tuple *a, const struct sluice_tuple *b)
{
	__u32 other = a->source_port ^ b->source_port;
	int i;

	other |= a->local_port ^ b->local_port;
	for (i = 0; i < 4; i++)
		other |= (a->source.word[i] ^ b->source.word[i]) | (a->local.word[i] ^ b->local.word[i]);
	return !other;
}

/* Under the bucket's lock: returns the place of this 4-tuple, or SLUICE_HANDSHAKE_WAYS. */
static __always_inline __u32 way_find(const struct sluice_handshakes *b, const struct sluice_tuple *t, __u8 tag)
{
	__u32 i;

	for (i = 0; i < SLUICE_HANDSHAKE_WAYS; i++)
		if (b->state[i] != HANDSHAKE_FREE && b->tag[i] == tag && tuple_is(&b->way[i].tuple, t))
			break;
	return i;
}

/* Says that nothing is known of the handshake. */
static __always_inline void note_empty(struct handshake_note *out)
{
	out->state = HANDSHAKE_FREE;
	out->held = 0;
	out->flags = 0;
	out->recent = 0;
}

static __always_inline void way_read(const struct sluice_handshakes *b, __u32 i, struct handshake_note *out)
{
	out->holding = b->way[i].holding;
	out->held = b->way[i].holding.holds;
	out->charged_ns = b->way[i].charged_ns;
	out->isn = b->way[i].isn;
	out->serial = b->serial[i];
	out->state = b->state[i];
	out->flags = b->flags[i];
}

static __always_inline int handshake_stands(__u8 state)
{
	return state != HANDSHAKE_FREE && state != HANDSHAKE_EXPIRED;
}

/*
 * Under the bucket's lock: a SYN of an element that stands passes again. If the client has taken the first back and asks again with another
 * number, the handshake begins anew with what it holds; but not once it was answered, since a cookie could then be used twice.
 */
static __always_inline void way_repeat(struct sluice_handshakes *b, __u32 i, __u32 isn, __u64 now)
{
	__u8 flags = b->flags[i] | SLUICE_HANDSHAKE_REPEATED;

	if (flags & SLUICE_HANDSHAKE_RESET && flags & SLUICE_HANDSHAKE_EMBRYONIC && b->way[i].isn != isn) {
		flags &= ~(SLUICE_HANDSHAKE_RESET | SLUICE_HANDSHAKE_BLAMELESS);
		b->way[i].isn = isn;
		b->state[i] = HANDSHAKE_SYN_SEEN;
		b->deadline[i] = deadline_at(now + SLUICE_HANDSHAKE_NS);
		b->serial[i] = ++b->changes;
	}
	b->flags[i] = flags;
}

/* Under the bucket's lock: returns non-zero if the host was asked less than half a second ago. */
static __always_inline int way_asked(struct sluice_handshakes *b, __u32 i, __u64 now)
{
	if (deadline_at(now) - b->asked[i] < ASKED_AGAIN)
		return 1;
	b->asked[i] = deadline_at(now);
	return 0;
}

/*
 * Finds the place of this 4-tuple. Returns its bucket if that may have an element of it; NULL: the table has certainly nothing of it. Without
 * the bucket's lock: of an element that begins or ends just now either answer is right, and none ever moves to another place.
 */
static __always_inline struct sluice_handshakes *bucket_maybe(const struct sluice_tuple *t, struct handshake_place *at)
{
	struct sluice_handshakes *b;
	const __u32 *load;
	__u32 i;

	*at = handshake_place(t);
	load = handshake_load_of(at->bucket);
	b = load && *load ? bpf_map_lookup_elem(&handshakes, &at->bucket) : NULL;
	for (i = 0; b && i < SLUICE_HANDSHAKE_WAYS; i++)
		if (b->tag[i] == at->tag && b->state[i] != HANDSHAKE_FREE)
			return b;
	return NULL;
}

/* 0: certainly nothing is known of this handshake. */
__noinline int handshake_maybe(const struct sluice_tuple *t)
{
	struct handshake_place at;

	if (!t)
		return 1;
	return bucket_maybe(t, &at) != NULL;
}

/*
 * Returns the enum sluice_handshake_state of this 4-tuple, and all of its element in *out. If a SYN passes, `syn_ns` is the time and
 * out->isn its number, and *out is as the element was before it; otherwise `syn_ns` is 0.
 */
__noinline int handshake_look(const struct sluice_tuple *t, struct handshake_note *out, __u64 syn_ns)
{
	struct sluice_handshakes *b;
	struct handshake_place at;
	__u32 i, isn;

	if (!t || !out)
		return HANDSHAKE_FREE;
	isn = out->isn;
	note_empty(out);
	b = bucket_maybe(t, &at);
	if (!b)
		return HANDSHAKE_FREE;
	bpf_spin_lock(&b->lock);
	i = way_find(b, t, at.tag);
	if (i < SLUICE_HANDSHAKE_WAYS) {
		way_read(b, i, out);
		if (syn_ns)
			out->recent = way_asked(b, i, syn_ns);
		if (syn_ns && handshake_stands(b->state[i]))
			way_repeat(b, i, isn, syn_ns);
	}
	bpf_spin_unlock(&b->lock);
	return out->state;
}

/*
 * Under the bucket's lock: returns non-zero if, of two expired elements, `i` makes room rather than `other`. Those of containers go last,
 * because nobody else remembers them; among the others, the one nearest its end goes first.
 */
static __always_inline int way_yields(const struct sluice_handshakes *b, __u32 i, __u32 other)
{
	__u8 mine = b->flags[i] & SLUICE_HANDSHAKE_PUBLISHED, its = b->flags[other] & SLUICE_HANDSHAKE_PUBLISHED;

	return mine == its ? (__s32)(b->deadline[i] - b->deadline[other]) < 0 : !mine;
}

/* Under the bucket's lock: returns a place for a new element, free or that of an expired one, or SLUICE_HANDSHAKE_WAYS. */
static __always_inline __u32 way_vacant(const struct sluice_handshakes *b)
{
	__u32 i, found = SLUICE_HANDSHAKE_WAYS;

	for (i = 0; i < SLUICE_HANDSHAKE_WAYS; i++) {
		if (b->state[i] == HANDSHAKE_FREE)
			return i;
		if (b->state[i] != HANDSHAKE_EXPIRED)
			continue;
		if (found >= SLUICE_HANDSHAKE_WAYS || way_yields(b, i, found))
			found = i;
	}
	return found;
}

/* Under the bucket's lock: writes a handshake that begins. */
static __always_inline void way_begin(struct sluice_handshakes *b, __u32 i, const struct sluice_tuple *t,
				      const struct handshake_note *note, __u8 tag, __u64 now)
{
	b->tag[i] = tag;
	b->way[i].tuple = *t;
	b->way[i].holding = note->holding;
	b->way[i].charged_ns = note->charged_ns;
	b->way[i].isn = note->isn;
	b->deadline[i] = deadline_at(now + SLUICE_HANDSHAKE_NS);
	b->asked[i] = deadline_at(now);
	b->serial[i] = ++b->changes;
	b->state[i] = note->flags & SLUICE_HANDSHAKE_CONFIRMED ? HANDSHAKE_ANSWERED : HANDSHAKE_SYN_SEEN;
}

/*
 * Begins a handshake, or begins an expired one anew, with what *note says of it: ANSWERED if its flags have CONFIRMED, else SYN_SEEN.
 * -EEXIST: it has begun already; -EAGAIN: only an expired one at the port note->may_forget (which is written here) could make room, and the
 * caller has to guard that port first; -ENOSPC: there is no room. A failure changes nothing.
 */
__noinline int handshake_begin(const struct sluice_tuple *t, struct handshake_note *note, __u64 now)
{
	struct sluice_handshakes *b;
	__u8 was = HANDSHAKE_FREE;
	struct handshake_place at;
	__u32 i;
	int err = 0;

	if (!t || !note)
		return -ENOSPC;
	at = handshake_place(t);
	b = bpf_map_lookup_elem(&handshakes, &at.bucket);
	if (!b)
		return -ENOSPC;
	bpf_spin_lock(&b->lock);
	i = way_find(b, t, at.tag);
	if (i < SLUICE_HANDSHAKE_WAYS) {
		was = b->state[i];
		b->flags[i] |= SLUICE_HANDSHAKE_REPEATED;
		if (was != HANDSHAKE_EXPIRED)
			err = -EEXIST;
		else
			b->flags[i] = note->flags | SLUICE_HANDSHAKE_REPEATED;
	} else {
		i = way_vacant(b);
		OPAQUE(i);
		if (i >= SLUICE_HANDSHAKE_WAYS) {
			err = -ENOSPC;
		} else {
			was = b->state[i];
			if (was == HANDSHAKE_EXPIRED && b->way[i].tuple.local_port != note->may_forget) {
				note->may_forget = b->way[i].tuple.local_port;
				err = -EAGAIN;
			} else {
				b->flags[i] = note->flags;
			}
		}
	}
	if (!err && i < SLUICE_HANDSHAKE_WAYS)
		way_begin(b, i, t, note, at.tag, now);
	bpf_spin_unlock(&b->lock);
	if (err)
		return err;
	if (was == HANDSHAKE_FREE)
		handshake_load_add(at.bucket, 1);
	if (note->flags & SLUICE_HANDSHAKE_EMBRYONIC)
		embryonic_add(note->holding.source.service, 1);
	return 0;
}

/*
 * The client of the handshake that *note was read from has answered (note->flags has CONFIRMED if its counters know). A handshake that held
 * nothing holds what note->holding says from now on. -ENOENT: it is over, or its client took it back; -EEXIST: what it holds has changed
 * since, because somebody else was told of the answer first, or its slots were released.
 */
__noinline int handshake_answer(const struct sluice_tuple *t, const struct handshake_note *note, __u64 now)
{
	struct sluice_handshakes *b;
	int err = -ENOENT;
	struct handshake_place at;
	__u32 i, service = 0;
	__u8 flags = 0;

	if (!t || !note)
		return -ENOENT;
	b = bucket_maybe(t, &at);
	if (!b)
		return -ENOENT;
	bpf_spin_lock(&b->lock);
	i = way_find(b, t, at.tag);
	if (i < SLUICE_HANDSHAKE_WAYS && !(b->flags[i] & SLUICE_HANDSHAKE_RESET))
		err = b->serial[i] == note->serial ? 0 : -EEXIST;
	if (!err && i < SLUICE_HANDSHAKE_WAYS) {
		flags = b->flags[i];
		service = b->way[i].holding.source.service; /* the policy may have given the port to another since */
		b->flags[i] = (flags & ~SLUICE_HANDSHAKE_EMBRYONIC) | (note->flags & SLUICE_HANDSHAKE_CONFIRMED);
		b->state[i] = HANDSHAKE_ANSWERED;
		b->deadline[i] = deadline_at(now + SLUICE_HANDSHAKE_NS);
		b->serial[i] = ++b->changes;
		if (!note->held) {
			b->way[i].holding = note->holding;
			b->way[i].charged_ns = note->charged_ns;
		}
	}
	bpf_spin_unlock(&b->lock);
	if (flags & SLUICE_HANDSHAKE_EMBRYONIC)
		embryonic_add(service, -1);
	return err;
}

/* Under the bucket's lock: frees a place. */
static __always_inline void way_free(struct sluice_handshakes *b, __u32 i)
{
	b->state[i] = HANDSHAKE_FREE;
	b->way[i].holding.holds = 0;
}

/* Under the bucket's lock: from now on it holds nothing, and whoever completes it must charge. */
static __always_inline void way_expire(struct sluice_handshakes *b, __u32 i, __u64 now)
{
	b->state[i] = HANDSHAKE_EXPIRED;
	b->deadline[i] = deadline_at(now + SLUICE_EXPIRED_NS);
	b->flags[i] &= SLUICE_HANDSHAKE_PUBLISHED | SLUICE_HANDSHAKE_REPEATED;
	b->serial[i] = ++b->changes;
	b->way[i].holding.holds = 0;
}

/*
 * The handshake is a connection now: what it held passes to the caller, in *out. Returns the state that it had; FREE: there was none. If
 * out->flags has REPEATED, it stays as EXPIRED, and the caller raises the watch of its port.
 */
__noinline int handshake_claim(const struct sluice_tuple *t, struct handshake_note *out)
{
	__u64 now = bpf_ktime_get_ns();
	struct sluice_handshakes *b;
	struct handshake_place at;
	__u32 i;

	if (!t || !out)
		return HANDSHAKE_FREE;
	note_empty(out);
	b = bucket_maybe(t, &at);
	if (!b)
		return HANDSHAKE_FREE;
	bpf_spin_lock(&b->lock);
	i = way_find(b, t, at.tag);
	if (i < SLUICE_HANDSHAKE_WAYS) {
		way_read(b, i, out);
		if (out->flags & SLUICE_HANDSHAKE_REPEATED)
			way_expire(b, i, now);
		else
			way_free(b, i);
	}
	bpf_spin_unlock(&b->lock);
	if (out->state != HANDSHAKE_FREE && !(out->flags & SLUICE_HANDSHAKE_REPEATED))
		handshake_load_add(at.bucket, -1);
	if (out->flags & SLUICE_HANDSHAKE_EMBRYONIC)
		embryonic_add(out->holding.source.service, -1);
	return out->state;
}

/*
 * The client has reset its handshake with the right number (RFC 9293, 3.10.7.4). The host drops it a moment later, but not before it has
 * processed what the gate let through earlier. So it expires like others, at once, and nobody is to blame.
 */
__noinline int handshake_reset(const struct sluice_tuple *t, __u32 seq, __u64 now)
{
	struct sluice_handshakes *b;
	struct handshake_place at;
	__u32 i;

	if (!t)
		return 0;
	b = bucket_maybe(t, &at);
	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
	i = way_find(b, t, at.tag);
	if (i < SLUICE_HANDSHAKE_WAYS && handshake_stands(b->state[i]) && b->way[i].isn + 1 == seq) {
		b->flags[i] |= SLUICE_HANDSHAKE_BLAMELESS | SLUICE_HANDSHAKE_RESET;
		if (b->state[i] == HANDSHAKE_SYN_SEEN || b->state[i] == HANDSHAKE_ANSWERED)
			b->deadline[i] = deadline_at(now);
	}
	bpf_spin_unlock(&b->lock);
	return 0;
}

/*
 * Moves the element at this place on if its time is over. Returns its new state and, in *out, what it was; -1: it is not due. If it becomes
 * EXPIRED, the caller releases what out->holding says; if it becomes EXPIRING, the caller raises the watch of out's port.
 */
__noinline int handshake_expire(__u32 bucket, __u32 i, __u64 now, struct handshake_note *out,
				struct sluice_tuple *tuple)
{
	struct sluice_handshakes *b = bpf_map_lookup_elem(&handshakes, &bucket);
	int next = -1;

	if (!b || !out || !tuple || i >= SLUICE_HANDSHAKE_WAYS)
		return -1;
	if (b->state[i] == HANDSHAKE_FREE || !deadline_passed(b->deadline[i], now))
		return -1;
	bpf_spin_lock(&b->lock);
	if (b->state[i] != HANDSHAKE_FREE && deadline_passed(b->deadline[i], now)) {
		way_read(b, i, out);
		*tuple = b->way[i].tuple;
		if (out->state == HANDSHAKE_EXPIRED) {
			next = HANDSHAKE_FREE;
			way_free(b, i);
		} else if (out->state == HANDSHAKE_EXPIRING) {
			next = HANDSHAKE_EXPIRED;
			way_expire(b, i, now);
		} else {
			next = HANDSHAKE_EXPIRING;
			b->deadline[i] = deadline_at(now + SLUICE_SWEEP_NS);
			b->state[i] = next;
		}
	}
	bpf_spin_unlock(&b->lock);
	if (next == HANDSHAKE_FREE)
		handshake_load_add(bucket, -1);
	if (next == HANDSHAKE_EXPIRED && out->flags & SLUICE_HANDSHAKE_EMBRYONIC)
		embryonic_add(out->holding.source.service, -1);
	return next;
}

#endif
