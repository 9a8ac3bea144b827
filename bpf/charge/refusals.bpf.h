/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The set of sure refusals: which sources are full of connections at which service. Admission notes one after it has refused a SYN
 * (admit.bpf.h), whoever gives back a slot of the source wipes it (levels.bpf.h), and the express lane reads it (lane.bpf.h). Owns the
 * maps.
 *
 * A word is always true. It is written under the lock of the source's counter, while that is full of connections alone; the slot that ends
 * this is given back under the same lock, before the word is wiped. Either the writer finds the slot given back, and writes nothing, or the
 * giver comes after the word, and wipes it before the close that gave the slot back has returned. If two write into one place, a word is
 * lost, which costs its source a walk through the order, and nothing else.
 *
 * A source of IPv6 is a prefix. The lane asks no rule about each address in it, so a source is noted only if all of it is of one class
 * (source_is_of_one_class) and it has the policy's default length (SLUICE_LANE_PREFIX). Live bans and allows are looked up by the lane.
 */
#ifndef SLUICE_REFUSALS_BPF_H
#define SLUICE_REFUSALS_BPF_H

#define SERVICE_BITS 7
#define CROWDED 8 /* in a line full of true words, one new word in this many takes the place of another */

/* Where a source is looked for, and as which word. */
struct refusal_place {
	__u32 line;
	__u32 ipv6; /* 0: lines and words are those of IPv4 */
	__u64 word;
};

/*
 * A permutation of the addresses, since an odd factor can be undone. The factor is secret, so nobody outside can choose who shares a line, and
 * one that spreads neighbours over all lines (userspace/kern/floor/factor.c).
 */
static __always_inline __u32 refusal_hash(__be32 addr, const struct sluice_control *now)
{
	return bpf_ntohl(addr) * (__u32)now->lane_factor;
}

/* The same for the first half of an IPv6 address. Shifts to the right can be undone, too. */
static __always_inline __u64 refusal_hash6(__u64 half, const struct sluice_control *now)
{
	__u64 h = half * (now->secret[0] | 1);

	h = (h ^ h >> 31) * (now->secret[1] | 1);
	return h ^ h >> 32;
}

static __always_inline __u32 refusal_mark(__u32 service, __u64 lane)
{
	return service << SLUICE_LANE_EPOCH_BITS | SLUICE_LANE_EPOCH(lane);
}

/* `h` is the refusal_hash() of the source. */
static __always_inline struct refusal_place refusal_place(__u32 h, __u32 service, __u64 lane)
{
	__u32 bits = SLUICE_LANE_BITS(lane);
	struct refusal_place at = { .line = (__u64)h << bits >> 32 };

	at.word = (h & (~0U >> bits)) << (SLUICE_LANE_EPOCH_BITS + SERVICE_BITS) | refusal_mark(service, lane);
	return at;
}

/* `addr` is any address of the source. */
static __always_inline struct refusal_place refusal_place6(const struct sluice_addr *addr, __u32 service, __u64 lane,
							   const struct sluice_control *now)
{
	__u64 half = (__u64)bpf_ntohl(addr->word[0]) << 32 | bpf_ntohl(addr->word[1]);
	__u64 h = refusal_hash6(half & ~0ULL << (SLUICE_LANE_PREFIX_MOST - SLUICE_LANE_PREFIX(lane)), now);
	__u32 bits = SLUICE_LANE_BITS6(lane);
	struct refusal_place at = { .line = h >> (64 - bits), .ipv6 = 1 };

	at.word = (h & (~0ULL >> bits)) << (SLUICE_LANE_EPOCH_BITS + SERVICE_BITS) | refusal_mark(service, lane);
	return at;
}

/* Returns 0 if no word can express this source: it is several IPv4 addresses, or another part of an IPv6 address than the lane uses. */
static __always_inline int refusal_place_of(const struct sluice_source_key *key, __u64 lane,
					    const struct sluice_control *now, struct refusal_place *at)
{
	if (key->bits == 128 && addr_is_mapped(&key->addr))
		*at = refusal_place(refusal_hash(key->addr.word[3], now), key->service, lane);
	else if (SLUICE_LANE_PREFIX(lane) && key->bits == SLUICE_LANE_PREFIX(lane))
		*at = refusal_place6(&key->addr, key->service, lane, now);
	else
		return 0;
	return 1;
}

static __always_inline struct sluice_refusals *refusal_line(const struct refusal_place *at)
{
	__u32 line = at->line;

	return at->ipv6 ? bpf_map_lookup_elem(&refusals6, &line) : bpf_map_lookup_elem(&refusals, &line);
}

/*
 * Returns non-zero if the line has this word. The highest bit of a word is 0, so subtracting 1 from the difference of two sets it only if they
 * are equal. Words of IPv4 are compared two at a time: a borrow leaves the lower one only if that was found.
 */
static __always_inline int refusal_stands(const struct sluice_refusals *line, const struct refusal_place *at)
{
	const __u64 ones = at->ipv6 ? 1 : 0x0000000100000001;
	const volatile __u64 *has = line->word6;
	__u64 same = at->ipv6 ? at->word : at->word << 32 | at->word, found = 0;
	int i;

	for (i = 0; i < SLUICE_REFUSALS_WAYS6; i++) {
		found |= (has[i] ^ same) - ones;
		OPAQUE(found);
	}
	return (found & ones << (at->ipv6 ? 63 : 31)) != 0;
}

#define NO_WAY SLUICE_REFUSALS_WAYS

/* How many places a line has. */
static __always_inline __u32 refusal_ways(const struct refusal_place *at)
{
	return at->ipv6 ? SLUICE_REFUSALS_WAYS6 : SLUICE_REFUSALS_WAYS;
}

static __always_inline __u64 refusal_at(const struct sluice_refusals *line, const struct refusal_place *at, __u32 way)
{
	return at->ipv6 ? *(const volatile __u64 *)&line->word6[way & (SLUICE_REFUSALS_WAYS6 - 1)]
			: *(const volatile __u32 *)&line->word[way & (SLUICE_REFUSALS_WAYS - 1)];
}

static __always_inline void refusal_set(struct sluice_refusals *line, const struct refusal_place *at, __u32 way,
					__u64 word)
{
	if (at->ipv6)
		*(volatile __u64 *)&line->word6[way & (SLUICE_REFUSALS_WAYS6 - 1)] = word;
	else
		*(volatile __u32 *)&line->word[way & (SLUICE_REFUSALS_WAYS - 1)] = word;
}

/*
 * Returns where a new word may stand: a place whose word is of another epoch or, in a line full of true words, now and then the place of
 * one of these. Returns NO_WAY otherwise, and if the line has the word already.
 */
static __always_inline __u32 refusal_way(const struct sluice_refusals *line, const struct refusal_place *at)
{
	__u32 i, draw, ways = refusal_ways(at);

	if (refusal_stands(line, at))
		return NO_WAY;
	for (i = 0; i < SLUICE_REFUSALS_WAYS && i < ways; i++)
		if (SLUICE_LANE_EPOCH(refusal_at(line, at, i)) != SLUICE_LANE_EPOCH(at->word))
			return i;
	draw = bpf_get_prandom_u32();
	return draw % CROWDED ? NO_WAY : draw / CROWDED % ways;
}

/* Returns non-zero if a source was noted since the lane opened. Otherwise no line has to be read, which a flood of strangers gains by. */
static __always_inline int refusals_any(const struct sluice_control *now, __u64 lane)
{
	return *(const volatile __u64 *)&now->lane_noted == lane;
}

/*
 * Notes that this source is full at its service, if it certainly is: it holds nothing but connections, by what was in force when `lane` was
 * read. It is verified once, apart from its callers.
 */
__noinline int refusal_keep(const struct sluice_source_key *key, __u32 limit, __u64 lane)
{
	struct sluice_control *now = control_to_write();
	struct sluice_refusals *line;
	struct sluice_source_key own;
	struct refusal_place at;
	struct sluice_counter *c;
	__u32 way;

	if (!key || !now || !limit)
		return 0;
	own = *key;
	if (!refusal_place_of(&own, lane, now, &at))
		return 0;
	line = refusal_line(&at);
	way = line ? refusal_way(line, &at) : NO_WAY;
	c = way < NO_WAY ? bpf_map_lookup_elem(&sources, &own) : NULL;
	if (!line || !c)
		return 0;
	OPAQUE(way);
	bpf_spin_lock(&c->lock);
	if (way < NO_WAY && counter_is(c, &own) && c->held >= limit && !c->reserved &&
	    *(const volatile __u64 *)&now->lane == lane) {
		if (!refusals_any(now, lane))
			*(volatile __u64 *)&now->lane_noted = lane;
		refusal_set(line, &at, way, at.word);
	}
	bpf_spin_unlock(&c->lock);
	return 0;
}

/* Wipes the word of this source, a slot of which was given back. */
__noinline int refusal_forget(const struct sluice_source_key *key)
{
	const struct sluice_control *now = control_row();
	struct sluice_refusals *line;
	struct refusal_place at;
	__u64 lane;
	__u32 i;

	if (!key || !now)
		return 0;
	lane = *(const volatile __u64 *)&now->lane;
	if (!lane || !refusal_place_of(key, lane, now, &at))
		return 0;
	line = refusal_line(&at);
	for (i = 0; line && i < SLUICE_REFUSALS_WAYS && i < refusal_ways(&at); i++)
		if (refusal_at(line, &at, i) == at.word)
			refusal_set(line, &at, i, 0);
	return 0;
}

#endif
