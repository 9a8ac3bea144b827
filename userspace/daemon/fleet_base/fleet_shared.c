/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of shared words: see fleet_shared.h. Owned by fleet_run.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "fleet_shared.h"
#include "own.h"

#define BUCKETS 16384 /* a power of two */

int shared_open(struct fleet_shared *s, const struct fleet_record_keys *k)
{
	*s = (struct fleet_shared){ .bans = s->bans, .settings = s->settings };
	TAILQ_INIT(&s->queue);
	if (!shared_on(s))
		return 0;
	s->keys = *k;
	s->by_id = calloc(BUCKETS, sizeof(*s->by_id));
	return s->by_id ? 0 : -ENOMEM;
}

bool shared_on(const struct fleet_shared *s)
{
	return s->bans || s->settings;
}

bool shared_takes(const struct fleet_shared *s, const struct fleet_word *w)
{
	return w->kind == FLEET_WORD_SETTING ? s->settings : s->bans;
}

void shared_close(struct fleet_shared *s)
{
	while (!LIST_EMPTY(&s->all))
		shared_drop(s, LIST_FIRST(&s->all));
	free(s->by_id);
	owns_free(&s->owns);
	sodium_memzero(&s->keys, sizeof(s->keys));
	*s = (struct fleet_shared){};
}

/* An id is a keyed hash: to choose addresses that fill one bucket, one would have to know the secret. */
static struct shared_list *bucket_of(const struct fleet_shared *s, const uint8_t id[static FLEET_ID])
{
	uint16_t n;

	memcpy(&n, id, sizeof(n));
	return &s->by_id[n % BUCKETS];
}

struct shared *shared_find(const struct fleet_shared *s, const uint8_t id[static FLEET_ID])
{
	struct shared *one = s->by_id ? LIST_FIRST(bucket_of(s, id)) : NULL;

	while (one && memcmp(one->record.id, id, FLEET_ID))
		one = LIST_NEXT(one, by_id);
	return one;
}

bool shared_is_full(const struct fleet_shared *s)
{
	return s->settings_count >= FLEET_SETTINGS_MAX;
}

static bool has_room(const struct fleet_shared *s, const struct fleet_word *w)
{
	if (w->kind == FLEET_WORD_ERASE)
		return s->by_id && s->erasures_count < FLEET_ERASURES_MAX;
	return s->by_id && s->count - s->erasures_count < FLEET_SHARED_MAX &&
	       (w->kind != FLEET_WORD_SETTING || s->settings_count < FLEET_SETTINGS_HEARD);
}

struct shared *shared_put(struct fleet_shared *s, const struct fleet_word *w, const struct fleet_record *r)
{
	struct shared *one = shared_find(s, r->id);

	if (!one) {
		one = has_room(s, w) ? calloc(1, sizeof(*one)) : NULL;
		if (!one)
			return NULL;
		LIST_INSERT_HEAD(bucket_of(s, r->id), one, by_id);
		LIST_INSERT_HEAD(&s->all, one, all);
		s->count++;
		s->settings_count += w->kind == FLEET_WORD_SETTING;
		s->erasures_count += w->kind == FLEET_WORD_ERASE;
	}
	one->word = *w;
	one->record = *r;
	one->here = one->settled = false;
	return one;
}

void shared_drop(struct fleet_shared *s, struct shared *one)
{
	if (one->queued)
		TAILQ_REMOVE(&s->queue, one, queue);
	LIST_REMOVE(one, by_id);
	LIST_REMOVE(one, all);
	s->count--;
	s->settings_count -= one->word.kind == FLEET_WORD_SETTING;
	s->erasures_count -= one->word.kind == FLEET_WORD_ERASE;
	free(one->why);
	free(one);
}

void shared_queue(struct fleet_shared *s, struct shared *one)
{
	if (one->queued)
		return;
	one->queued = true;
	TAILQ_INSERT_TAIL(&s->queue, one, queue);
}

struct shared *shared_next(struct fleet_shared *s)
{
	struct shared *one = TAILQ_FIRST(&s->queue);

	if (!one)
		return NULL;
	TAILQ_REMOVE(&s->queue, one, queue);
	one->queued = false;
	return one;
}

bool shared_stands(const struct fleet_word *w, uint64_t now_s)
{
	return !w->taken && (!w->until || w->until > now_s);
}

size_t shared_standing(const struct fleet_shared *s)
{
	const uint64_t now = time(NULL);
	const struct shared *one;
	size_t n = 0;

	for (one = LIST_FIRST(&s->all); one; one = LIST_NEXT(one, all))
		n += one->word.kind < FLEET_WORD_ERASE && shared_stands(&one->word, now);
	return n;
}

static size_t settings_standing(const struct fleet_shared *s, bool only_unfit)
{
	const uint64_t now = time(NULL);
	const struct shared *one;
	size_t n = 0;

	for (one = LIST_FIRST(&s->all); one; one = LIST_NEXT(one, all))
		n += one->word.kind == FLEET_WORD_SETTING && shared_stands(&one->word, now) &&
		     (!only_unfit || one->why);
	return n;
}

size_t shared_settings(const struct fleet_shared *s)
{
	return settings_standing(s, false);
}

size_t shared_unfit(const struct fleet_shared *s)
{
	return settings_standing(s, true);
}

void shared_age(struct fleet_shared *s)
{
	const uint64_t now = time(NULL);
	struct shared *one, *next;

	for (one = LIST_FIRST(&s->all); one; one = next) {
		next = LIST_NEXT(one, all);
		if (one->word.keep && one->word.keep <= now)
			shared_drop(s, one);
	}
}
