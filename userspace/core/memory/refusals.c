/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash of entries. Each is also in the list of its reason, ordered by when it was last seen. Entries are numbered from 1; 0 is none. */
#include "refusals.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cleanup.h"

struct entry {
	struct refusal is; /* the first member, so that a pointer to one is a pointer to the other */
	uint32_t newer, older; /* in the list of its reason */
	uint32_t next; /* in its chain of the hash; or among the free ones */
};

struct list {
	uint32_t newest, oldest;
	size_t count;
};

struct refusals {
	struct entry *item; /* item[1] to item[most] are used */
	uint32_t *chain;
	size_t chains; /* a power of two */
	size_t most, used; /* used: how many were ever in use */
	uint32_t spare; /* the first of those that are free again */
	struct list of[SLUICE_REASONS];
	/* Senders choose their addresses, but not where these are stored. */
	unsigned char key[crypto_shorthash_KEYBYTES];
	uint64_t forgotten, untold;
	size_t entries;
};

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	free(r->item);
	free(r->chain);
	free(r);
}
DEFINE_CLEANUP(struct refusals *, refusals_free);

struct refusals *refusals_new(size_t most)
{
	_cleanup_(refusals_free) struct refusals *r = calloc(1, sizeof(*r));

	if (!r || sodium_init() < 0)
		return NULL;
	for (r->chains = 2; r->chains < 2 * most; r->chains *= 2)
		;
	r->most = most;
	r->item = calloc(most + 1, sizeof(*r->item));
	r->chain = calloc(r->chains, sizeof(*r->chain));
	if (!r->item || !r->chain)
		return NULL;
	randombytes_buf(r->key, sizeof(r->key));
	return TAKE_PTR(r);
}

static bool is_observed(const struct refusal *r)
{
	return r->verdict == SLUICE_VERDICT_PASS;
}

static uint32_t *chain_of(const struct refusals *r, const struct refusal *is)
{
	struct {
		struct sluice_addr addr;
		uint32_t len, reason, observed;
		char service[SLUICE_NAME_LEN];
	} key = { is->source.addr, is->source.len, is->reason, is_observed(is), "" };
	uint64_t hash;

	memcpy(key.service, is->service, strnlen(is->service, sizeof(key.service)));
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)&key, sizeof(key), r->key);
	return &r->chain[hash & (r->chains - 1)];
}

static bool is_same(const struct refusal *a, const struct refusal *b)
{
	return a->reason == b->reason && is_observed(a) == is_observed(b) && a->source.len == b->source.len &&
	       !memcmp(&a->source.addr, &b->source.addr, sizeof(a->source.addr)) &&
	       !strncmp(a->service, b->service, sizeof(a->service));
}

static uint32_t number_of_entry(const struct refusals *r, const struct refusal *is)
{
	return (const struct entry *)is - r->item;
}

static void list_out(struct refusals *r, uint32_t n)
{
	struct entry *e = &r->item[n];
	struct list *l = &r->of[e->is.reason];

	*(e->newer ? &r->item[e->newer].older : &l->newest) = e->older;
	*(e->older ? &r->item[e->older].newer : &l->oldest) = e->newer;
	l->count--;
}

static void list_in(struct refusals *r, uint32_t n)
{
	struct entry *e = &r->item[n];
	struct list *l = &r->of[e->is.reason];

	e->newer = 0;
	e->older = l->newest;
	*(l->newest ? &r->item[l->newest].newer : &l->oldest) = n;
	l->newest = n;
	l->count++;
}

void refusals_remove(struct refusals *r, struct refusal *one)
{
	uint32_t n = number_of_entry(r, one), *at;

	for (at = chain_of(r, one); *at != n; at = &r->item[*at].next)
		;
	*at = r->item[n].next;
	list_out(r, n);
	memset(&r->item[n], 0, sizeof(r->item[n]));
	r->item[n].next = r->spare;
	r->spare = n;
	r->entries--;
}

static void make_room(struct refusals *r)
{
	struct list *most = r->of, *l;

	for (l = r->of; l < r->of + SLUICE_REASONS; l++)
		most = l->count > most->count ? l : most;
	refusals_remove(r, &r->item[most->oldest].is);
	r->forgotten++;
}

static uint32_t entry_new(struct refusals *r, const struct refusal *one)
{
	uint32_t n, *at;

	if (!r->spare && r->used == r->most)
		make_room(r);
	n = r->spare;
	if (n)
		r->spare = r->item[n].next;
	else
		n = ++r->used;
	at = chain_of(r, one);
	r->item[n] = (struct entry){ .is.source = one->source, .is.reason = one->reason, .next = *at };
	r->item[n].is.first_ns = one->last_ns;
	memcpy(r->item[n].is.service, one->service, sizeof(one->service));
	*at = n;
	list_in(r, n);
	r->entries++;
	return n;
}

/* Returns the entry that `one` belongs to, made if there is none, as the newest of its reason. */
static struct refusal *entry_take(struct refusals *r, const struct refusal *one)
{
	uint32_t n;

	for (n = *chain_of(r, one); n && !is_same(&r->item[n].is, one); n = r->item[n].next)
		;
	if (!n)
		n = entry_new(r, one);
	list_out(r, n);
	list_in(r, n);
	r->item[n].is.last_ns = one->last_ns;
	r->item[n].is.verdict = one->verdict;
	return &r->item[n].is;
}

void refusals_note(struct refusals *r, const struct refusal *one)
{
	struct refusal *is;

	if (one->reason >= SLUICE_REASONS)
		return;
	is = entry_take(r, one);
	is->count++;
	is->stands_for += one->stands_for;
	is->unsaid++;
	is->unsaid_for += one->stands_for;
	r->untold += one->stands_for - 1;
}

void refusals_put(struct refusals *r, const struct refusal *one)
{
	struct refusal *is;

	if (one->reason >= SLUICE_REASONS)
		return;
	is = entry_take(r, one);
	is->first_ns = one->first_ns < is->first_ns ? one->first_ns : is->first_ns;
	is->count += one->count;
	is->stands_for += one->stands_for;
}

struct refusals_sums refusals_sums(const struct refusals *r)
{
	return (struct refusals_sums){ r->entries, r->forgotten, r->untold };
}

void refusals_expire(struct refusals *r, uint64_t before_ns)
{
	struct list *l;

	for (l = r->of; l < r->of + SLUICE_REASONS; l++) {
		while (l->oldest && r->item[l->oldest].is.last_ns < before_ns)
			refusals_remove(r, &r->item[l->oldest].is);
	}
}

void refusals_clear(struct refusals *r)
{
	refusals_expire(r, UINT64_MAX);
}

struct refusal *refusals_next(struct refusals *r, enum sluice_reason why, const struct refusal *last)
{
	uint32_t n = last ? r->item[number_of_entry(r, last)].older : r->of[why].newest;

	return n ? &r->item[n].is : NULL;
}
