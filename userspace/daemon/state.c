/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file. The kernel's tables are the truth while they live: the file is what a host has after a reboot, and where live
 * settings are while no daemon is.
 */
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "daemon.h"
#include "list.h"
#include "protocol.h"
#include "tables.h"
#include "text.h"

#define DEAR_MS 50 /* a write that took longer is not repeated at once */
#define AGAIN_SECONDS 10 /* after one that failed */

DEFINE_CLEANUP(struct state *, state_free);

const char *state_dir(char buf[static 4096])
{
	const char *from = getenv("STATE_DIRECTORY");

	if (!from || *from != '/')
		from = SLUICE_STATE;
	snprintf(buf, 4096, "%.*s", (int)strcspn(from, ":"), from);
	return buf;
}

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

static int lives_gather(const struct daemon *dm, enum live_kind kind, struct state *s)
{
	_cleanup_free_ struct live_status *list = NULL;
	struct state_live *more;
	size_t count = 0, i;
	int err = live_read(dm->engine, kind, &list, &count);

	if (err)
		return err;
	for (i = 0; i < count; i++) {
		if (trial_is_shield(list[i].text))
			continue;
		more = LIST_ADD(&s->lives);
		if (!more)
			return -ENOMEM;
		*more = (struct state_live){ kind == LIVE_BAN, list[i].prefix, 0, list[i].since, list[i].uid, "" };
		more->until = list[i].expires_in ? s->saved + list[i].expires_in : 0;
		memcpy(more->text, list[i].text, sizeof(more->text));
	}
	return 0;
}

/* While a policy is on trial, those to go back to. */
static int settings_gather(const struct daemon *dm, struct state *s)
{
	const struct override *list = dm->before.live ? dm->before.overrides : dm->overrides, *o;
	const struct timespec now = clock_now();
	struct state_setting *set;

	for (o = list; o; o = o->next) {
		set = LIST_ADD(&s->settings);
		if (!set)
			return -ENOMEM;
		*set = (struct state_setting){ .uid = o->uid, .since = o->since };
		set->until = o->until.tv_sec ? s->saved + o->until.tv_sec - now.tv_sec : 0;
		snprintf(set->service, sizeof(set->service), "%s", o->service);
		snprintf(set->key, sizeof(set->key), "%s", o->key);
		set->value = strdup(o->value);
		if (!set->value)
			return -ENOMEM;
	}
	return 0;
}

/* A file only where there is something to keep. */
static int state_store(const struct daemon *dm, struct diag *d)
{
	_cleanup_(state_free) struct state *s = calloc(1, sizeof(*s));
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX], dir[PATH_MAX];
	int err;

	if (!s)
		return -ENOMEM;
	s->saved = time(NULL);
	err = lives_gather(dm, LIVE_BAN, s);
	if (!err)
		err = lives_gather(dm, LIVE_ALLOW, s);
	if (!err)
		err = settings_gather(dm, s);
	if (err)
		return err;
	state_path(dm, path);
	if (!s->lives.count && !s->settings.count)
		return access(path, F_OK) ? 0 : text_remove(path, d);
	err = state_write(s, &text);
	if (err)
		return err;
	mkdir(state_dir(dir), 0700); /* what is wrong with it the next line says */
	return text_replace(path, text, 0600, d);
}

void state_save(struct daemon *dm, struct diag *d)
{
	static const char lost[] =
		"bans and live settings hold, but are lost at a reboot until this can be written: make room";
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

/* What goes wrong here is in the log. */
void state_tick(struct daemon *dm)
{
	struct diag d = {};

	if (dm->state.dirty && clock_now().tv_sec >= dm->state.next)
		state_save(dm, &d);
	diag_free(&d);
}

static void lives_restore(struct daemon *dm, const struct state *s, uint64_t now)
{
	const struct state_live *live;
	struct live_status was;
	unsigned int back = 0;
	int64_t left;

	for (live = s->lives.item; live < s->lives.item + s->lives.count; live++) {
		left = state_left(s, live->until, now);
		if (left < 0)
			continue;
		was = (struct live_status){ live->prefix, left, live->uid, live->since, "" };
		memcpy(was.text, live->text, sizeof(was.text));
		back += !live_restore(dm->engine, live->ban ? LIVE_BAN : LIVE_ALLOW, &was);
	}
	if (s->lives.count)
		log_say(LOG_NOTICE, "%u of %zu bans and allows are back, the others are over", back, s->lives.count);
}

/* One that the policy file has no place for any more is left out, and said. */
static void settings_restore(struct daemon *dm, const struct state *s, uint64_t now)
{
	const struct state_setting *set;
	struct override was;
	struct diag d = {};
	int64_t left;
	size_t i;

	for (i = s->settings.count; i-- > 0;) { /* the newest is first, here and there */
		set = &s->settings.item[i];
		left = state_left(s, set->until, now);
		if (left < 0)
			continue;
		was = (struct override){ .value = set->value, .uid = set->uid, .since = set->since };
		memcpy(was.service, set->service, sizeof(was.service));
		was.key = (char *)(uintptr_t)set->key;
		if (!daemon_restore(dm, &was, left))
			log_say(LOG_NOTICE, "live setting of before: %s %s = %s", set->service, set->key, set->value);
	}
	if (dm->overrides)
		daemon_restored(dm, &d);
	log_diag(LOG_WARNING, &d);
}

static void set_aside(const char *path, const char *why)
{
	char torn[PATH_MAX + 8];

	snprintf(torn, sizeof(torn), "%s.torn", path);
	log_say(LOG_ERR, "%s: %s: %s %s; bans and live settings of before are not known", path, why,
		rename(path, torn) ? "it could not be moved to" : "set aside as", torn);
}

void state_load(struct daemon *dm, bool resumed)
{
	_cleanup_(state_free) struct state *s = NULL;
	_cleanup_free_ char *text = NULL;
	const char *why = "it is no text";
	const uint64_t now = time(NULL);
	char path[PATH_MAX];
	struct place at = { path, 0 };
	struct diag d = {};
	int err;

	if (access(state_path(dm, path), F_OK))
		return;
	err = text_read(path, STATE_BYTES, &at, &text, &d);
	if (!err)
		err = state_parse(text, &s, &why);
	log_diag(LOG_ERR, &d);
	if (err == -EINVAL)
		set_aside(path, why);
	if (err)
		return;
	if (!resumed)
		lives_restore(dm, s, now);
	settings_restore(dm, s, now);
}
