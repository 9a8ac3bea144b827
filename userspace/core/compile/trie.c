/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the pages that the gate looks addresses up in; equal parts are stored once. See trie.h. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "trie.h"

#define HEADER 9 /* cells of a node before its values */
#define NODE_CELLS (HEADER + 256)
#define ROOM_FIRST 256 /* pages */

/* A bucket of the hash table of nodes. */
struct bucket {
	uint32_t place; /* the node's cell; 0: it is free */
	uint32_t tag; /* more of the node's hash, to avoid looking at other nodes */
};

struct builder {
	const struct spans *spans;
	struct trie *trie;
	size_t used, room; /* cells */
	struct bucket *bucket;
	size_t buckets, nodes; /* buckets: a power of two */
	bool failed;
};

void trie_free(struct trie *t)
{
	if (!t)
		return;
	free(t->cell);
	free(t);
}
DEFINE_CLEANUP(struct trie *, trie_free);

static uint64_t node_hash(const uint32_t *node, size_t cells)
{
	uint64_t hash = cells;
	size_t i;

	for (i = 0; i < cells; i++) {
		hash = (hash ^ node[i]) * 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
		hash ^= hash >> 29;
	}
	return hash;
}

static int cells_reserve(struct builder *b, size_t cells)
{
	size_t room = b->room ? b->room * 2 : ROOM_FIRST * SLUICE_TRIE_CELLS;
	uint32_t *more;

	if (b->used + cells <= b->room)
		return 0;
	more = realloc(b->trie->cell, room * sizeof(*more));
	if (!more || room >= SLUICE_TRIE_NODE) {
		free(more ? more : b->trie->cell);
		b->trie->cell = NULL;
		return -ENOMEM;
	}
	memset(more + b->room, 0, (room - b->room) * sizeof(*more));
	b->trie->cell = more;
	b->room = room;
	return 0;
}

/* A few kinds of data need more nodes than they have spans; then the table grows. */
static int buckets_make(struct builder *b)
{
	b->buckets = 1 << 12;
	while (b->buckets < 2 * b->spans->count)
		b->buckets *= 2;
	b->bucket = calloc(b->buckets, sizeof(*b->bucket));
	return b->bucket ? 0 : -ENOMEM;
}

/* Every tag has all the bits that a table of twice the size needs. */
static int buckets_grow(struct builder *b)
{
	_cleanup_free_ struct bucket *old = b->bucket;
	size_t count = b->buckets, i, at;

	b->bucket = calloc(2 * count, sizeof(*b->bucket));
	if (!b->bucket)
		return -ENOMEM;
	b->buckets = 2 * count;
	for (i = 0; i < count; i++) {
		at = old[i].tag & (b->buckets - 1);
		while (old[i].place && b->bucket[at].place)
			at = (at + 1) & (b->buckets - 1);
		if (old[i].place)
			b->bucket[at] = old[i];
	}
	return 0;
}

/* Returns the place of a node like this one, and makes the node if there is none. */
static uint32_t node_place(struct builder *b, const uint32_t *node, size_t cells)
{
	const uint32_t tag = node_hash(node, cells) >> 16;
	size_t i = tag & (b->buckets - 1), left;

	for (; b->bucket[i].place; i = (i + 1) & (b->buckets - 1)) {
		if (b->bucket[i].tag == tag && !memcmp(b->trie->cell + b->bucket[i].place, node, cells * sizeof(*node)))
			return b->bucket[i].place;
	}
	b->used += b->used & 1;
	left = SLUICE_TRIE_CELLS - b->used % SLUICE_TRIE_CELLS;
	b->used += left < cells ? left : 0;
	if (cells_reserve(b, cells)) {
		b->failed = true;
		return 0;
	}
	memcpy(b->trie->cell + b->used, node, cells * sizeof(*node));
	b->bucket[i] = (struct bucket){ b->used, tag };
	b->used += cells;
	if (++b->nodes * 2 > b->buckets)
		b->failed = buckets_grow(b) != 0;
	return b->failed ? 0 : b->used - cells;
}

static uint32_t node_finish(struct builder *b, uint32_t *node, const uint64_t begins[4], size_t cells)
{
	unsigned int before = 0, i;

	if (cells == HEADER + 1)
		return node[HEADER];
	memcpy(node, begins, 4 * sizeof(*begins));
	node[HEADER - 1] = 0;
	for (i = 0; i < 4; i++) {
		node[HEADER - 1] |= before << 8 * i;
		before += __builtin_popcountll(begins[i]);
	}
	return SLUICE_TRIE_NODE | node_place(b, node, cells);
}

/* Returns the cell for the 2^bits addresses from `low` on; `at` is the span of `low`. It recurses at most SLUICE_TRIE_DEPTH deep. */
static uint32_t cell_build(struct builder *b, addr_number low, unsigned int bits, size_t at)
{
	const addr_number size = (addr_number)1 << bits, part = size >> 8;
	const struct span *span = b->spans->item;
	uint32_t node[NODE_CELLS], value;
	size_t cells = HEADER;
	uint64_t begins[4] = {};
	unsigned int i, next;
	addr_number first, last;

	if (span_last(b->spans, at) >= low + (size - 1))
		return span[at].value;
	for (i = 0; i < 256 && !b->failed; i = next) {
		first = low + i * part;
		while (span_last(b->spans, at) < first)
			at++;
		last = span_last(b->spans, at);
		next = last - low >= size - 1 ? 256 : (last - low + 1) >> (bits - 8);
		value = next > i ? span[at].value : cell_build(b, first, bits - 8, at);
		next = next > i ? next : i + 1;
		if (i && value == node[cells - 1])
			continue;
		begins[i / 64] |= 1ULL << i % 64;
		node[cells++] = value;
	}
	return b->failed ? 0 : node_finish(b, node, begins, cells);
}

/* Fills cells [to, to + 65536) from the addresses of `bits` bits that begin at `low`. */
static void root_build(struct builder *b, size_t to, addr_number low, unsigned int bits)
{
	addr_number first;
	uint32_t value;
	size_t i, at = 0;

	for (i = 0; i < SLUICE_TRIE_ROOT && !b->failed; i++) {
		first = low + ((addr_number)i << (bits - 16));
		while (span_last(b->spans, at) < first)
			at++;
		value = cell_build(b, first, bits - 16, at);
		if (!b->failed)
			b->trie->cell[to + i] = value;
	}
}

int trie_build(const struct spans *s, struct trie **out)
{
	_cleanup_(trie_free) struct trie *t = calloc(1, sizeof(*t));
	struct builder b = { .spans = s, .trie = t };

	if (!t || cells_reserve(&b, 1) || buckets_make(&b))
		return -ENOMEM;
	b.used = 2 * SLUICE_TRIE_ROOT;
	root_build(&b, 0, IPV4_FIRST, 32);
	root_build(&b, SLUICE_TRIE_ROOT, 0, 128);
	free(b.bucket);
	if (b.failed)
		return -ENOMEM;
	t->pages = (b.used + SLUICE_TRIE_CELLS - 1) / SLUICE_TRIE_CELLS;
	*out = TAKE_PTR(t);
	return 0;
}

static uint32_t node_step(const uint32_t *node, unsigned int bits)
{
	uint64_t begins;
	unsigned int rank;

	memcpy(&begins, node + 2 * (bits >> 6), sizeof(begins));
	rank = (node[HEADER - 1] >> 8 * (bits >> 6) & 0xff) + __builtin_popcountll(begins << (63 - (bits & 63)));
	return node[HEADER - 1 + rank];
}

uint32_t trie_find(const uint32_t *cell, size_t pages, const struct sluice_addr *a)
{
	addr_number n = number_of(a);
	uint32_t value;

	if (n >= IPV4_FIRST && n <= IPV4_LAST) {
		n <<= 96;
		value = cell[(uint32_t)(n >> 112)];
	} else {
		value = cell[SLUICE_TRIE_ROOT + (uint32_t)(n >> 112)];
	}
	for (n <<= 16; value & SLUICE_TRIE_NODE; n <<= 8) {
		if ((value & ~SLUICE_TRIE_NODE) / SLUICE_TRIE_CELLS >= pages)
			return 0;
		value = node_step(cell + (value & ~SLUICE_TRIE_NODE), n >> 120);
	}
	return value;
}
