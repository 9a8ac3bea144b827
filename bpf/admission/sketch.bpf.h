/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SYNs of sources that never completed a handshake, for max-syn-rate-per-source: a count-min sketch of fixed size. Admission asks it. If so
 * many SYNs come that each cell holds most of a limit by chance, it says so instead of refusing newcomers.
 */
#ifndef SLUICE_SKETCH_BPF_H
#define SLUICE_SKETCH_BPF_H

#define SKETCH_FULL 0xffffffff

/* The finaliser of MurmurHash3 (Austin Appleby, public domain). */
static __always_inline __u32 hash_mix(__u32 h)
{
	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}

static __always_inline struct sluice_cell *sketch_cell(const struct sluice_source_key *key, __u32 seed, __u32 row)
{
	__u32 hash = hash_mix(seed + row * 0x9e3779b9) ^ key->service, i;

	for (i = 0; i < 4; i++)
		hash = hash_mix(hash ^ key->addr.word[i]);
	hash = row * SLUICE_SKETCH_CELLS + (hash & (SLUICE_SKETCH_CELLS - 1));
	return bpf_map_lookup_elem(&sketch, &hash);
}

/* Returns the cell as it is in the interval `epoch`. */
static __always_inline struct sluice_cell cell_at(const struct sluice_cell *c, __u32 epoch)
{
	struct sluice_cell at = { .epoch = epoch, .now = c->now, .before = c->before };

	if (c->epoch != epoch) {
		at.before = c->epoch + 1 == epoch ? c->now : 0;
		at.now = 0;
	}
	return at;
}

/* Returns how many SYNs the cell has of the last interval: all of the running one, and the part of the one before that is not over yet. */
static __always_inline __u32 cell_read(struct sluice_cell *c, __u32 epoch, __u64 gone, __u64 interval, int dry)
{
	struct sluice_cell at = cell_at(c, epoch);

	if (c->epoch != epoch && !dry)
		*c = at;
	return at.now + (__u64)at.before * (interval - gone) / interval;
}

enum sketch_says {
	SKETCH_ADMITS,
	SKETCH_REFUSES, /* the source has used up its SYN rate */
	SKETCH_OVERFULL, /* it seems so, but so many SYNs came in the interval that it would seem so of any source */
};

/* The number of SYNs in the sketch, of all sources. One in this many is noted, and stands for them all. */
#define SKETCH_SAMPLE 16

MAP(BPF_MAP_TYPE_ARRAY, sketch_load, __u32, struct sluice_cell, 1);

static __always_inline struct sluice_cell *sketch_total(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sketch_load, &zero);
}

/*
 * A cell holds what its sources sent, and its share of everything that was sent. Once that share is half a limit, the cell says little
 * about any of them.
 */
static __always_inline int sketch_overfull(struct sluice_cell *total, __u32 epoch, __u64 gone, __u64 interval,
					   __u32 limit)
{
	__u64 all = total ? cell_read(total, epoch, gone, interval, 1) : 0;

	return all * 2 >= (__u64)limit * SLUICE_SKETCH_CELLS;
}

static __always_inline void sketch_total_add(struct sluice_cell *total, __u32 epoch)
{
	if (!total || bpf_get_prandom_u32() % SKETCH_SAMPLE)
		return;
	if (total->epoch != epoch)
		*total = cell_at(total, epoch);
	total->now += SKETCH_SAMPLE;
}

/*
 * Returns an enum sketch_says. A SYN that is not refused is counted. The count is an estimate: averaged over intervals it is never less
 * than what the source sent, and it is more if the source shares all its cells with others. Races lose a count now and then. With `dry`,
 * nothing is counted.
 */
__noinline int sketch_asked(const struct sluice_source_key *key, const struct sluice_limit *limit, __u32 seed,
			    __u64 now, int dry)
{
	__u64 interval, gone;
	__u32 least = SKETCH_FULL, epoch, seen, row;
	struct sluice_cell *c, *total;

	if (!key || !limit || !limit->rate || !limit->width_ns)
		return SKETCH_ADMITS;
	interval = limit->width_ns * (SLUICE_RATE_BUCKETS - 1);
	epoch = now / interval;
	gone = now % interval;
	for (row = 0; row < SLUICE_SKETCH_ROWS; row++) {
		c = sketch_cell(key, seed, row);
		seen = c ? cell_read(c, epoch, gone, interval, dry) : SKETCH_FULL;
		least = seen < least ? seen : least;
	}
	total = sketch_total();
	if (least >= limit->rate)
		return sketch_overfull(total, epoch, gone, interval, limit->rate) ? SKETCH_OVERFULL : SKETCH_REFUSES;
	if (dry)
		return SKETCH_ADMITS;
	sketch_total_add(total, epoch);
	for (row = 0; row < SLUICE_SKETCH_ROWS; row++) {
		c = sketch_cell(key, seed, row);
		if (c)
			c->now++;
	}
	return SKETCH_ADMITS;
}

#endif
