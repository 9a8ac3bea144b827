/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live settings that the hosts of a fleet share: see fleet_settings.h. The table of shared words (fleet_shared.h) says what should hold, the owner of
 * the policy in force (standing.h) what does. Where they differ one of them follows, in the loop and never inside a transition: what others
 * said is put in force here, and tried again after each change of the policy; what this host said and its operator dropped is taken back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_inside.h"
#include "fleet_settings.h"
#include "own.h"
#include "plain.h"
#include "trail.h"

#define NEAR_END 1 /* seconds: nothing is put in force for so short a time */
#define SAME_END 2 /* the same instant, by two clocks that are set now and then */
#define TURN 4 /* settings are put in force at once, at most */

DEFINE_CLEANUP(struct policy *, policy_free);

static struct fleet_run *run_of(const struct daemon *dm)
{
	return dm->fleet && dm->fleet->helper && dm->fleet->shared.settings ? dm->fleet : NULL;
}

static struct scope scope_of(const struct fleet_word *w)
{
	struct scope s = { .section = w->of_set ? SECTION_SET : SECTION_SERVICE };

	memcpy(s.title, w->setting.title, sizeof(s.title));
	return s;
}

static const struct override *in_force(const struct fleet_run *r, const struct fleet_word *w)
{
	const struct scope where = scope_of(w);

	return override_find(standing_settings(r->daemon->standing), &where, w->setting.key);
}

/* What the word says, borrowed from it. */
static struct override override_of(const struct fleet_word *w)
{
	struct override o = { .scope = scope_of(w), .uid = w->uid, .since = w->since };
	const uint64_t now = time(NULL);

	o.key = (char *)(uintptr_t)w->setting.key;
	o.value = (char *)(uintptr_t)w->setting.value;
	if (w->until > now) {
		clock_gettime(CLOCK_MONOTONIC, &o.until);
		o.until.tv_sec += w->until - now;
	}
	return o;
}

/* False: the key is too long to be one. */
static bool word_about(const struct scope *where, const char *key, struct fleet_word *w)
{
	*w = (struct fleet_word){ .kind = FLEET_WORD_SETTING, .of_set = where->section == SECTION_SET };
	memcpy(w->setting.title, where->title, sizeof(w->setting.title));
	snprintf(w->setting.key, sizeof(w->setting.key), "%s", key);
	return !strcmp(w->setting.key, key);
}

/* NULL: nobody said anything of it. */
static struct shared *shared_about(const struct fleet_run *r, const struct scope *where, const char *key)
{
	struct fleet_word w;
	uint8_t id[FLEET_ID];

	if (!word_about(where, key, &w))
		return NULL;
	fleet_record_id(&r->shared.keys, &w, id);
	return shared_find(&r->shared, id);
}

static void why_set(struct shared *one, const char *why)
{
	free(one->why);
	one->why = why ? strdup(why) : NULL;
}

static void settle(struct shared *one)
{
	one->settled = true;
	why_set(one, NULL);
}

/* What verbs say. */

bool fleet_shares_settings(const struct daemon *dm)
{
	return run_of(dm);
}

_Static_assert(sizeof((struct fleet_word){}.setting.value) == 48 && FLEET_SETTINGS_MAX == 256,
	       "the messages below say so");

/* Makes it a word for all hosts. Returns NULL, or why it can be none. */
static const char *word_make(const struct fleet_run *r, const struct override *o, struct fleet_word *w)
{
	if (!word_about(&o->scope, o->key, w) || strlen(o->value) >= sizeof(w->setting.value))
		return "a value of more than 47 bytes is not shared";
	if (!shared_about(r, &o->scope, o->key) && shared_is_full(&r->shared))
		return "the fleet has its 256 live settings already, with those that ended in the last 30 days";
	snprintf(w->setting.value, sizeof(w->setting.value), "%s", o->value);
	w->uid = o->uid;
	w->since = o->since;
	w->until = override_until(o);
	return NULL;
}

bool fleet_say_setting(struct daemon *dm, const struct scope *where, const char *key, bool local, struct diag *d)
{
	const struct override *o = override_find(standing_settings(dm->standing), where, key);
	struct fleet_run *r = run_of(dm);
	char place[SCOPE_TEXT_LEN];
	struct fleet_word w;
	struct shared *one;
	const char *why;

	if (!r || !o)
		return false;
	one = shared_about(r, where, key);
	if (one)
		one->here = r->file.dirty = true; /* unless it is said below */
	if (local)
		return false;
	why = word_make(r, o, &w);
	one = why ? NULL : fleet_word_say(r, &w);
	if (one)
		settle(one);
	else
		diag_add(d, "%s of %s holds on this host alone: %s: set it on the other hosts, too", key,
			 scope_format(where, "", place), why ?: "there is no room for more");
	return one;
}

bool fleet_unsay_setting(struct daemon *dm, const struct scope *where, const char *key, struct diag *d)
{
	struct fleet_run *r = run_of(dm);
	struct shared *one = r ? shared_about(r, where, key) : NULL;

	if (!one || !shared_stands(&one->word, time(NULL)))
		return false;
	if (one->here) {
		diag_add(d, "what %s set for all hosts of the fleet holds here again: once more `unset` ends that",
			 one->word.host);
		fleet_heed_soon(r);
		return false;
	}
	fleet_word_take(r, &one->word);
	settle(one);
	return true;
}

const char *fleet_setting_origin(const struct daemon *dm, const struct override *o)
{
	const struct fleet_run *r = run_of(dm);
	const struct shared *one;

	if (!r || o->scope.is_sender || o->scope.section == SECTION_TOP)
		return NULL;
	one = shared_about(r, &o->scope, o->key);
	return one && one->settled && !one->here && shared_stands(&one->word, time(NULL)) ? one->word.host : NULL;
}

/* What hosts say. */

bool fleet_setting_is_good(struct fleet_word *w)
{
	plain_make(w->setting.title, false);
	plain_make(w->setting.key, false);
	plain_make(w->setting.value, false);
	return *w->setting.title && *w->setting.key && !w->len && !*w->setting.value == w->taken;
}

bool fleet_setting_is_older(const struct fleet_run *r, const struct fleet_word *w)
{
	const struct override *o = in_force(r, w);

	return o && (uint64_t)o->since > w->stamp / 1000000;
}

void fleet_heed_soon(struct fleet_run *r)
{
	static const struct timeval at_once;

	if (r->helper && r->shared.settings_count && !event_pending(r->heed, EV_TIMEOUT, NULL))
		event_add(r->heed, &at_once);
}

static bool is_as_said(const struct override *o, const struct fleet_word *w)
{
	const uint64_t until = override_until(o);

	return !strcmp(o->value, w->setting.value) && !until == !w->until && until + SAME_END >= w->until &&
	       until <= w->until + SAME_END;
}

/* What this host lives by is refused by no word of another one: the warnings that it would bring are none that stand already. */
static int own_check(const struct fleet_run *r, const struct override *want, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = standing_preview(r->daemon->standing, want, d);
	struct diag before = {}, after = {};
	int err = p ? 0 : -EINVAL;
	size_t i, k;

	if (!p)
		return err;
	owns_warn(standing_live(r->daemon->standing), &before);
	owns_warn(p, &after);
	for (i = 0; i < after.count && !err; i++) {
		for (k = 0; k < before.count && strcmp(before.item[k].text, after.item[i].text); k++)
			;
		if (k < before.count)
			continue;
		diag_add(d, "%s; where that is meant, set it on this host", after.item[i].text);
		err = -EPERM;
	}
	diag_free(&before);
	diag_free(&after);
	return err;
}

static int setting_put(struct fleet_run *r, const struct fleet_word *w, struct diag *d)
{
	const struct override want = override_of(w);
	int err = strcmp(w->host, r->name) && override_wants_warning(&want) ? own_check(r, &want, d) : 0;

	return err ? err : standing_set_as(r->daemon->standing, &want, d);
}

/* In the journal, as an order; one that fails again for the same reason is not said again. */
static void heed_say(struct fleet_run *r, struct shared *one, int err, struct diag *d)
{
	const struct fleet_word *w = &one->word;
	const struct override o = override_of(w);
	_cleanup_free_ char *text = override_text(NULL, &o);
	const char *why = d->count ? d->item[d->count - 1].text : strerror(-err);
	char by[FLEET_NAME_MAX + 32];

	if (!err || !one->why || strcmp(one->why, why)) {
		snprintf(by, sizeof(by), "%s, for the fleet", w->host);
		trail_event(r->daemon, shared_stands(w, time(NULL)) ? "set" : "unset", by, err,
			    err	   ? why
			    : text ? text
				   : w->setting.key);
	}
	if (err)
		why_set(one, why);
	else
		settle(one);
}

/* Whether another policy is in force now. */
static bool word_heed(struct fleet_run *r, struct shared *one)
{
	const struct fleet_word *w = &one->word;
	const struct override *o = in_force(r, w);
	const bool over = !shared_stands(w, time(NULL) + NEAR_END);
	const struct scope where = scope_of(w);
	struct diag d = {};
	bool had;
	int err;

	/* what ends by itself in a moment is left to its own clock */
	if (over ? !o || (!w->taken && is_as_said(o, w)) : o && is_as_said(o, w)) {
		settle(one);
		return false;
	}
	if (over)
		err = standing_unset(r->daemon->standing, &where, w->setting.key, &had, &d);
	else
		err = setting_put(r, w, &d);
	heed_say(r, one, err, &d);
	diag_free(&d);
	return !err;
}

/* A file that was read again may say the same now: what was saved goes on to hold elsewhere. */
static bool file_says(const struct fleet_run *r, const struct fleet_word *w)
{
	const struct standing *s = r->daemon->standing;
	const struct override want = override_of(w);
	struct diag ignored = {};
	_cleanup_(policy_free) struct policy *p = standing_preview(s, &want, &ignored);
	_cleanup_free_ char *file = policy_get_value(standing_base(s), &want.scope, want.key);
	_cleanup_free_ char *said = p ? policy_get_value(p, &want.scope, want.key) : NULL;

	diag_free(&ignored);
	return file && said && !strcmp(file, said);
}

/* One that held here, and does not any more. */
static void setting_missed(struct fleet_run *r, struct shared *one)
{
	if (strcmp(one->word.host, r->name) || file_says(r, &one->word))
		one->settled = false;
	else
		fleet_word_take(r, &one->word);
}

/* What this host's operators did to settings since: a reload drops them, and an order for this host alone may have ended. */
static void settings_look(struct fleet_run *r)
{
	const struct override *o;
	struct shared *one;

	for (one = LIST_FIRST(&r->shared.all); one; one = LIST_NEXT(one, all)) {
		if (one->word.kind != FLEET_WORD_SETTING || !shared_stands(&one->word, time(NULL) + NEAR_END))
			continue;
		o = in_force(r, &one->word);
		if (one->here && !o) {
			one->here = one->settled = false;
			r->file.dirty = true;
		} else if (!one->here && one->settled && (!o || strcmp(o->value, one->word.setting.value))) {
			setting_missed(r, one);
		}
	}
}

/* Until a policy on trial is settled, and an earlier one goes, all waits; what is in force then is told by fleet_follow(). */
static bool waits(struct fleet_run *r)
{
	const struct standing *s = r->daemon->standing;
	struct shared *one;

	if (!standing_awaited(s) && !standing_held(s))
		return false;
	for (one = LIST_FIRST(&r->shared.all); one; one = LIST_NEXT(one, all)) {
		if (one->word.kind == FLEET_WORD_SETTING && !one->settled && !one->here)
			why_set(one, standing_awaited(s) ? "a policy awaits its confirmation"
							 : "a policy was not confirmed in time: run sluicectl reload");
	}
	return true;
}

bool fleet_settings_look(struct fleet_run *r)
{
	if (!r->helper || waits(r))
		return false;
	settings_look(r);
	return true;
}

/*
 * One that leans on another one is tried again when that is in force. Each that is put in force takes a transition of the policy: a host that catches
 * up on many does a few of them at a time, so that the store hears of it meanwhile.
 */
static void settings_heed(struct fleet_run *r)
{
	struct shared *one;
	int done = 0;

	for (one = LIST_FIRST(&r->shared.all); one && done < TURN; one = LIST_NEXT(one, all)) {
		if (one->word.kind == FLEET_WORD_SETTING && !one->settled && !one->here)
			done += word_heed(r, one);
	}
	if (done)
		fleet_heed_soon(r);
}

void fleet_settings_heed(struct fleet_run *r)
{
	if (fleet_settings_look(r))
		settings_heed(r);
}
