/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file. The kernel's tables are the truth while they live. The file restores them after a reboot, and holds live
 * settings while no daemon runs.
 */
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "bans.h"
#include "daemon.h"
#include "instance.h"
#include "keep.h"
#include "list.h"
#include "tables.h"
#include "text_file.h"
#include "shield.h"

#define DEAR_MS 50 /* a write that took longer is not repeated at once */
#define AGAIN_SECONDS 10 /* delay after a write that failed */
#define STEP_MS 1500 /* a step of the wall clock, no rounding */

DEFINE_CLEANUP(struct state *, state_free);

static const char *state_path(const struct daemon *dm, char buf[static PATH_MAX])
{
	size_t n = strlen(state_dir(buf));

	snprintf(buf + n, PATH_MAX - n, "/%s.state", dm->instance);
	return buf;
}

static struct timespec clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

static int64_t milliseconds(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * The file has ends by the wall clock, and orders end by another one. If the wall clock is set (a host without a battery has a wrong one until it
 * finds a time server), the file is wrong until it is written again.
 */
static bool clock_was_set(struct daemon *dm)
{
	const int64_t shift = milliseconds(CLOCK_REALTIME) - milliseconds(CLOCK_MONOTONIC);
	const bool was_set = llabs(shift - dm->state.shift_ms) > STEP_MS;

	if (was_set)
		dm->state.shift_ms = shift;
	return was_set;
}

static int bans_gather(const struct daemon *dm, struct state *s)
{
	const struct bans_wanted all = { .bare = true };
	struct bans list = {};
	struct state_live *more;
	const struct ban *b;
	int err = bans_read(dm->engine, &all, &list);

	for (b = list.item; b < list.item + list.count && !err; b++) {
		more = LIST_ADD(&s->lives);
		if (!more) {
			err = -ENOMEM;
			break;
		}
		*more = (struct state_live){
			.ban = true, .prefix = b->prefix, .since = b->since, .uid = b->uid, .observe = b->observe
		};
		more->until = b->expires_in ? s->saved + b->expires_in : 0;
		memcpy(more->owner, b->owner, sizeof(more->owner));
		memcpy(more->text, b->text, sizeof(more->text));
	}
	free(list.item);
	return err;
}

static int allows_gather(const struct daemon *dm, struct state *s)
{
	_cleanup_free_ struct live_status *list = NULL;
	struct state_live *more;
	size_t count = 0, i;
	int err = allows_read(dm->engine, &list, &count);

	if (err)
		return err;
	for (i = 0; i < count; i++) {
		if (trial_is_shield(list[i].text))
			continue;
		more = LIST_ADD(&s->lives);
		if (!more)
			return -ENOMEM;
		*more = (struct state_live){ .prefix = list[i].prefix, .since = list[i].since, .uid = list[i].uid };
		more->until = list[i].expires_in ? s->saved + list[i].expires_in : 0;
		memcpy(more->text, list[i].text, sizeof(more->text));
	}
	return 0;
}

/* While a policy is on trial, gathers those to go back to. */
static int settings_gather(const struct daemon *dm, struct state *s)
{
	const struct override *o;
	struct state_setting *set;

	for (o = standing_settings_kept(dm->standing); o; o = o->next) {
		set = LIST_ADD(&s->settings);
		if (!set)
			return -ENOMEM;
		*set = (struct state_setting){ .scope = o->scope, .uid = o->uid, .since = o->since };
		set->until = override_until(o);
		snprintf(set->key, sizeof(set->key), "%s", o->key);
		set->value = strdup(o->value);
		if (!set->value)
			return -ENOMEM;
	}
	return 0;
}

/* Writes a file only if there is something to keep. */
static int state_store(const struct daemon *dm, struct diag *d)
{
	_cleanup_(state_free) struct state *s = calloc(1, sizeof(*s));
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX], dir[PATH_MAX];
	int err;

	if (!s)
		return -ENOMEM;
	s->saved = time(NULL);
	err = bans_gather(dm, s);
	if (!err)
		err = allows_gather(dm, s);
	if (!err)
		err = settings_gather(dm, s);
	if (err)
		return err;
	state_path(dm, path);
	if (!s->lives.count && !s->settings.count)
		return access(path, F_OK) ? 0 : text_file_remove(path, d);
	err = state_write(s, &text);
	if (err)
		return err;
	mkdir(state_dir(dir), 0700); /* the next line reports what is wrong with it */
	return text_file_replace(path, text, 0600, d);
}

void state_save(struct daemon *dm, struct diag *d)
{
	static const char lost[] =
		"bans and live settings are in force, but would be lost at a reboot until this can be written: make room";
	struct timespec began = clock_now(), ended;
	size_t said = d->count;
	long ms;
	int err;

	dm->state.dirty = true;
	if (began.tv_sec < dm->state.next && dm->state.failed)
		diag_add(d, "%s", lost);
	if (began.tv_sec < dm->state.next)
		return;
	err = state_store(dm, d);
	if (err)
		diag_add(d, "%s", lost);
	if (err && !dm->state.failed)
		log_say(LOG_ERR, "%s; %s", d->item[said].text, lost);
	else if (!err && dm->state.failed)
		log_say(LOG_NOTICE, "bans and live settings are saved again");
	ended = clock_now();
	ms = (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
	dm->state.dirty = dm->state.failed = err;
	dm->state.next = err ? ended.tv_sec + AGAIN_SECONDS : ms > DEAR_MS ? ended.tv_sec + 1 + ms / 100 : 0;
}

void state_later(struct daemon *dm)
{
	time_t soon = clock_now().tv_sec + 1;

	dm->state.dirty = true;
	if (dm->state.next < soon)
		dm->state.next = soon;
}

/* Failures are in the log. */
void state_tick(struct daemon *dm)
{
	struct diag d = {};

	dm->state.dirty |= clock_was_set(dm);
	if (dm->state.dirty && clock_now().tv_sec >= dm->state.next)
		state_save(dm, &d);
	diag_free(&d);
}

void state_flush(struct daemon *dm, struct diag *d)
{
	dm->state.dirty |= clock_was_set(dm);
	dm->state.next = 0;
	if (dm->state.dirty)
		state_save(dm, d);
}

static bool allow_back(struct daemon *dm, const struct state_live *live, int64_t left)
{
	struct live_status was = { live->prefix, left, live->uid, live->since, "" };

	memcpy(was.text, live->text, sizeof(was.text));
	return !allow_restore(dm->engine, &was);
}

static void ban_back(const struct state_live *live, int64_t left, struct ban *b)
{
	*b = (struct ban){ .prefix = live->prefix,
			   .expires_in = left,
			   .since = live->since,
			   .uid = live->uid,
			   .observe = live->observe };
	memcpy(b->owner, live->owner, sizeof(b->owner));
	memcpy(b->text, live->text, sizeof(b->text));
}

/* Restores all bans in one go: there may be hundreds of thousands. */
static void lives_restore(struct daemon *dm, const struct state *s, uint64_t now)
{
	_cleanup_free_ struct ban *bans = calloc(s->lives.count + 1, sizeof(*bans));
	const struct state_live *live;
	unsigned int back = 0;
	size_t n = 0, i;
	int64_t left;

	for (i = 0; i < s->lives.count && bans; i++) {
		live = &s->lives.item[i];
		left = state_left(s, live->until, now);
		if (left >= 0 && live->ban)
			ban_back(live, left, &bans[n++]);
		else if (left >= 0)
			back += allow_back(dm, live, left);
	}
	if (!bans || bans_put(dm->engine, bans, n, NULL))
		log_say(LOG_ERR, "earlier bans could not be put back in force");
	else
		back += n;
	if (s->lives.count)
		log_say(LOG_NOTICE, "%u of %zu bans and allows are back in force, the others have ended", back,
			s->lives.count);
}

static void setting_say(const struct daemon *dm, const struct override *o)
{
	_cleanup_free_ char *text = override_text(dm->privacy, o);

	log_say(LOG_NOTICE, "earlier live setting: %s", text ? text : o->key);
}

/* A setting that the policy file has no place for any more is left out, and reported. */
static void settings_restore(struct daemon *dm, const struct state *s, uint64_t now)
{
	const struct state_setting *set;
	struct override was;
	struct diag d = {};
	int64_t left;
	size_t i;

	for (i = s->settings.count; i-- > 0;) { /* the newest is first in both */
		set = &s->settings.item[i];
		left = state_left(s, set->until, now);
		if (left < 0)
			continue;
		was = (struct override){
			.scope = set->scope, .value = set->value, .uid = set->uid, .since = set->since
		};
		was.key = (char *)(uintptr_t)set->key;
		if (left) {
			was.until = clock_now();
			was.until.tv_sec += left;
		}
		if (!standing_restore(dm->standing, &was))
			setting_say(dm, &was);
	}
	if (standing_settings(dm->standing))
		standing_restored(dm->standing, &d);
	log_diag(LOG_WARNING, &d);
}

void state_load(struct daemon *dm, bool resumed)
{
	_cleanup_(state_free) struct state *s = NULL;
	_cleanup_free_ char *text = NULL;
	const char *why = "it is not text";
	const uint64_t now = time(NULL);
	char path[PATH_MAX];
	struct place at = { path, 0 };
	struct diag d = {};
	int err;

	clock_was_set(dm);
	if (access(state_path(dm, path), F_OK))
		return;
	err = text_file_read_own(path, STATE_BYTES, &at, &text, &d);
	if (!err)
		err = state_parse(text, &s, &why);
	log_diag(LOG_ERR, &d);
	if (err) {
		file_set_aside(path, err, why, "earlier bans and live settings are lost");
		return;
	}
	if (!resumed)
		lives_restore(dm, s, now);
	settings_restore(dm, s, now);
}
