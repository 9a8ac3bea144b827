/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the other hosts of a fleet say, as sluice-fleet brings it from the store: see fleet_shared.h. A record counts where it is sealed under the
 * fleet's secret, makes sense, is not over, and is later than what is known; then it is put in force here, unless it is a ban that would hit
 * what this host lives by. Live settings go to fleet_settings.c. All else changes nothing but a figure.
 */
#include <endian.h>
#include <string.h>

#include "bans.h"
#include "fleet_inside.h"
#include "own.h"
#include "plain.h"
#include "private.h"
#include "tables.h"

#define OWNS_MS 5000 /* after that, what this host depends on is determined again */

static struct prefix prefix_of(const struct fleet_word *w)
{
	return (struct prefix){ w->addr, w->len };
}

/* A host with the secret may still have another version, or be broken. */
static bool word_is_good(struct fleet_word *w)
{
	const struct sluice_addr cut = addr_mask(&w->addr, w->len);

	if (!*w->host || strspn(w->host, FLEET_NAME_LETTERS) != strlen(w->host))
		return false;
	if (w->kind == FLEET_WORD_SETTING)
		return fleet_setting_is_good(w);
	plain_make(w->text, false);
	if (memcmp(&cut, &w->addr, sizeof(cut)) || (w->kind == FLEET_WORD_ERASE && w->len != 128))
		return false;
	return w->kind == FLEET_WORD_BAN ? ban_owner_is_good(w->owner) : !*w->owner;
}

/* If two were given in the same microsecond, all hosts and the store choose the same one. */
static bool is_later(const struct fleet_record *a, const struct fleet_record *b)
{
	const uint64_t x = le64toh(a->stamp), y = le64toh(b->stamp);

	return x > y || (x == y && memcmp(a->sealed, b->sealed, sizeof(a->sealed)) > 0);
}

/* Returns NULL if it says nothing new. */
static struct shared *record_hear(struct fleet_run *r, const struct fleet_record *record)
{
	struct fleet_shared *s = &r->shared;
	struct shared *one = shared_find(s, record->id);
	const uint64_t keep = le64toh(record->keep);
	struct fleet_word w;

	if (one && !is_later(record, &one->record))
		return NULL;
	if (fleet_record_open(&s->keys, record, &w) || !word_is_good(&w)) {
		s->refused++;
		return NULL;
	}
	if (!shared_takes(s, &w) || (keep && keep <= (uint64_t)time(NULL)))
		return NULL;
	one = shared_put(s, &w, record);
	if (one)
		r->file.dirty = true;
	else
		s->refused++;
	return one;
}

static void owns_refresh(struct fleet_run *r)
{
	struct fleet_shared *s = &r->shared;
	const uint64_t now = fleet_clock_ms();
	size_t i;

	if (s->owns_ms && now - s->owns_ms < OWNS_MS)
		return;
	owns_free(&s->owns);
	s->owns = (struct owns){};
	owns_find(r->daemon->engine, "", &s->owns);
	for (i = 0; i < s->owns.count; i++)
		engine_who_prefix(r->daemon->engine, &s->owns.item[i].prefix);
	s->owns_ms = now;
}

/* No order from another host bans what this host depends on, however it was given there. */
static bool may_ban(const struct fleet_run *r, const struct fleet_word *w)
{
	const struct owns *owns = &r->shared.owns;
	const struct prefix p = prefix_of(w);
	size_t i;

	if (!strcmp(w->host, r->name)) /* its own order has come back */
		return true;
	for (i = 0; i < owns->count; i++) {
		if (prefix_covers(&p, &owns->item[i].prefix) || prefix_covers(&owns->item[i].prefix, &p))
			return false;
	}
	return w->forced || !prefix_is_wide(&p);
}

static struct ban ban_of(const struct fleet_word *w, uint64_t now)
{
	struct ban b = { .prefix = prefix_of(w),
			 .expires_in = w->until ? w->until - now : 0,
			 .since = w->since,
			 .uid = w->uid,
			 .observe = w->observe };

	memcpy(b.owner, w->owner, sizeof(b.owner));
	memcpy(b.text, w->text, sizeof(b.text));
	return b;
}

static int allow_apply(struct engine *e, const struct fleet_word *w, uint64_t now)
{
	struct live_status live = { .prefix = prefix_of(w), .uid = w->uid, .since = w->since };

	if (!shared_stands(w, now))
		return live_clear(e, LIVE_ALLOW, &live.prefix);
	live.expires_in = w->until ? w->until - now : 0;
	memcpy(live.text, w->text, sizeof(live.text));
	return allow_restore(e, &live);
}

static void other_apply(struct fleet_run *r, const struct fleet_word *w, uint64_t now)
{
	const struct prefix p = prefix_of(w);
	size_t taken;

	if (w->kind == FLEET_WORD_ALLOW)
		allow_apply(r->daemon->engine, w, now);
	else if (w->kind == FLEET_WORD_ERASE && r->daemon->erase && shared_stands(w, now))
		r->daemon->erase(r->daemon, &w->addr);
	else if (w->kind == FLEET_WORD_BAN)
		bans_take(r->daemon->engine, &p, 1, w->owner, &taken);
}

/* Applies all at one instant; if one finds no place among 64 owners, or no room, applies each by itself. */
static void bans_apply(struct fleet_run *r, const struct ban *list, size_t count)
{
	size_t i;

	if (!count || !bans_put(r->daemon->engine, list, count, NULL))
		return;
	for (i = 0; i < count; i++)
		r->shared.refused += bans_put(r->daemon->engine, &list[i], 1, NULL) != 0;
}

void fleet_words_apply(struct fleet_run *r, struct shared *const *list, size_t count)
{
	_cleanup_free_ struct ban *puts = calloc(count + 1, sizeof(*puts));
	const uint64_t now = time(NULL);
	const struct fleet_word *w;
	size_t n = 0, i;

	owns_refresh(r);
	for (i = 0; i < count && puts; i++) {
		w = &list[i]->word;
		if (w->kind == FLEET_WORD_SETTING)
			continue;
		if (w->kind != FLEET_WORD_BAN || !shared_stands(w, now))
			other_apply(r, w, now);
		else if (may_ban(r, w))
			puts[n++] = ban_of(w, now);
		else
			r->shared.withheld++;
	}
	bans_apply(r, puts, n);
	if (count)
		r->daemon->state.dirty = true;
	fleet_heed_soon(r);
}

void fleet_records_heard(void *run, const struct fleet_record *rows, size_t count)
{
	struct shared *new[FLEET_RECORDS_MAX], *one;
	struct fleet_run *r = run;
	size_t n = 0, i, k;

	r->refused_messages += !shared_on(&r->shared);
	for (i = 0; i < count && shared_on(&r->shared); i++) {
		one = record_hear(r, &rows[i]);
		for (k = 0; k < n && new[k] != one; k++)
			;
		if (one && k == n)
			new[n++] = one;
		if (one && one->word.kind != FLEET_WORD_SETTING && strcmp(one->word.host, r->name)) {
			r->shared.arrived++;
			r->shared.arrived_at = time(NULL);
		}
	}
	if (n)
		fleet_words_apply(r, new, n);
}
