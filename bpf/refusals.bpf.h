/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The set of sure refusals: which IPv4 sources are full of connections at which service. Admission notes one when it has refused a SYN
 * (admit.bpf.h), whoever gives back a slot of the source wipes it (levels.bpf.h), the express lane reads (lane.bpf.h). Owns the map.
 *
 * A word is true: it is written under the lock of the source's counter, while that is full of connections alone, and the slot that
 * ends that is given back under the same lock before the word is wiped. Either the writer finds the slot given, and writes nothing, or
 * the giver comes after the word, and wipes it: before the close that gave it has returned. Two who write into one place lose
 * a word, which costs its source a walk through the order, and nothing else.
 */
#ifndef SLUICE_REFUSALS_BPF_H
#define SLUICE_REFUSALS_BPF_H

#define EPOCH_BITS 6
#define SERVICE_BITS 7
#define CROWDED 8 /* in a line full of true words one new one in so many takes the place of another */

/* Where a source is looked for, and as what. */
struct refusal_place {
	__u32 line;
	__u32 word;
};

/*
 * A permutation of the addresses under a secret: neighbours spread over all lines, and nobody outside can choose who shares one.
 * Odd factors and shifts to the right can be undone.
 */
static __always_inline __u32 refusal_hash(__be32 addr, const struct sluice_control *now)
{
	__u32 h = bpf_ntohl(addr) * ((__u32)now->secret[0] | 1);

	h = (h ^ h >> 15) * ((__u32)now->secret[1] | 1);
	return h ^ h >> 16;
}

static __always_inline struct refusal_place refusal_place(__be32 addr, __u32 service, __u64 lane,
							  const struct sluice_control *now)
{
	__u32 h = refusal_hash(addr, now), bits = SLUICE_LANE_BITS(lane);
	struct refusal_place at = { .line = (__u64)h << bits >> 32 };

	at.word = (h & (~0U >> bits)) << (EPOCH_BITS + SERVICE_BITS) | service << EPOCH_BITS | SLUICE_LANE_EPOCH(lane);
	return at;
}

static __always_inline struct sluice_refusals *refusal_line(__u32 line)
{
	return bpf_map_lookup_elem(&refusals, &line);
}

/*
 * Not 0: the line has this word. Two words at a time and without a branch: of a difference that is 0 the highest bit appears when
 * 1 is subtracted (Mycroft, 1987). A borrow leaves the lower word only where that is 0, so whatever it does above was found already.
 */
static __always_inline int refusal_stands(const struct sluice_refusals *line, __u32 word)
{
	const volatile __u64 *pair = (const volatile __u64 *)line->word;
	__u64 same = (__u64)word << 32 | word, found = 0, differ;
	int i;

	for (i = 0; i < SLUICE_REFUSALS_WAYS / 2; i++) {
		differ = pair[i] ^ same;
		found |= (differ - 0x0000000100000001) & ~differ;
	}
	return (found & 0x8000000080000000) != 0;
}

/* Sources that are whole IPv4 addresses: any other is several of them, or a part of one. */
static __always_inline int refusal_fits(const struct sluice_source_key *key)
{
	return key->bits == 128 && addr_is_mapped(&key->addr);
}

/*
 * Where a new word may stand: a place whose word is of another epoch; in a line full of true ones now and then one of these; or
 * SLUICE_REFUSALS_WAYS, also where the line has it already.
 */
static __always_inline __u32 refusal_way(const struct sluice_refusals *line, __u32 word)
{
	__u32 i, draw;

	if (refusal_stands(line, word))
		return SLUICE_REFUSALS_WAYS;
	for (i = 0; i < SLUICE_REFUSALS_WAYS; i++)
		if (SLUICE_LANE_EPOCH(line->word[i]) != SLUICE_LANE_EPOCH(word))
			return i;
	draw = bpf_get_prandom_u32();
	return draw % CROWDED ? SLUICE_REFUSALS_WAYS : draw / CROWDED % SLUICE_REFUSALS_WAYS;
}

/*
 * Notes that this source is full at its service, if it is so for sure: nothing but connections, by what was in force when `lane` was
 * read. Verified once, apart from its callers.
 */
__noinline int refusal_keep(const struct sluice_source_key *key, __u32 limit, __u64 lane)
{
	const struct sluice_control *now = control_row();
	struct sluice_refusals *line;
	struct sluice_source_key own;
	struct refusal_place at;
	struct sluice_counter *c;
	__u32 way;

	if (!key || !now || !limit || !refusal_fits(key))
		return 0;
	own = *key;
	at = refusal_place(own.addr.word[3], own.service, lane, now);
	line = refusal_line(at.line);
	way = line ? refusal_way(line, at.word) : SLUICE_REFUSALS_WAYS;
	c = way < SLUICE_REFUSALS_WAYS ? bpf_map_lookup_elem(&sources, &own) : NULL;
	if (!line || !c)
		return 0;
	OPAQUE(way);
	bpf_spin_lock(&c->lock);
	if (way < SLUICE_REFUSALS_WAYS && counter_is(c, &own) && c->held >= limit && !c->reserved &&
	    *(const volatile __u64 *)&now->lane == lane)
		*(volatile __u32 *)&line->word[way] = at.word;
	bpf_spin_unlock(&c->lock);
	return 0;
}

/* A slot of this source was given back. */
__noinline int refusal_forget(const struct sluice_source_key *key)
{
	const struct sluice_control *now = control_row();
	struct sluice_refusals *line;
	struct refusal_place at;
	__u64 lane;
	int i;

	if (!key || !now || !refusal_fits(key))
		return 0;
	lane = *(const volatile __u64 *)&now->lane;
	if (!lane)
		return 0;
	at = refusal_place(key->addr.word[3], key->service, lane, now);
	line = refusal_line(at.line);
	for (i = 0; line && i < SLUICE_REFUSALS_WAYS; i++)
		if (*(volatile __u32 *)&line->word[i] == at.word)
			*(volatile __u32 *)&line->word[i] = 0;
	return 0;
}

#endif
