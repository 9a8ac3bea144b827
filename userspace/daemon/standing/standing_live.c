/* SPDX-License-Identifier: BSD-2-Clause */
/* Transitions of live settings: set, unlimit, the end of their time, and restoring them after a restart. See standing.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "log.h"
#include "standing_state.h"

#define OVERDUE_MS 5000 /* delay until a setting that could not be ended is tried again */

/* Has `live` (NULL: it could not be built) enforced, and makes it the one in force. Takes it over in any case. */
static int live_enforce(struct standing *s, struct policy *live, struct diag *d)
{
	int err = live ? standing_enforce(s, live, &(const struct standing_how){}, d) : -EINVAL;

	if (err)
		policy_free(live);
	else
		standing_adopt(s, live);
	return err;
}

/* Records the settings, and tells those who follow them. */
static void settings_done(struct standing *s)
{
	s->ops->record(s->arg);
	standing_tell(s);
}

int standing_set(struct standing *s, const struct override *want, unsigned int seconds, struct diag *d)
{
	struct override timed = *want;

	timed.since = standing_time(s);
	timed.until = (struct timespec){};
	if (seconds) {
		timed.until = standing_clock(s);
		timed.until.tv_sec += seconds;
	}
	return standing_set_as(s, &timed, d);
}

int standing_set_as(struct standing *s, const struct override *want, struct diag *d)
{
	struct override *o, *old;
	int err = standing_door(s, EVENT_SET, d);

	if (err)
		return err;
	o = override_copy(want);
	if (!o)
		return -ENOMEM;
	err = live_enforce(s, standing_preview(s, o, d), d);
	if (err) {
		override_free(o);
		return err;
	}
	old = override_take(&s->now.settings, &want->scope, want->key);
	overrides_free(&old);
	overrides_join(&s->now.settings, o);
	if (override_wants_warning(want))
		s->ops->warn(s->arg, s->now.live, d);
	settings_done(s);
	return 0;
}

struct policy *standing_preview(const struct standing *s, const struct override *want, struct diag *d)
{
	return standing_lay(s, s->now.base, s->now.settings, want, d);
}

/* Notes in a policy that a file, which it may not have read, says this. */
static int file_note(struct policy *p, const struct override *said, const struct place *at)
{
	size_t i;

	for (i = 0; i < p->files.count && strcmp(p->files.item[i], at->file); i++)
		;
	if (i == p->files.count && strings_add(&p->files, at->file))
		return -ENOMEM;
	return policy_note(p, scope_key(&said->scope, said->key), said->scope.title,
			   &(struct place){ p->files.item[i], at->line, at->column });
}

/* If the rest of the file was edited meanwhile, so that the policy as it was read does not go with this, it stays for a reload. */
void standing_saved(struct standing *s, const struct override *said, const struct place *at)
{
	struct diag ignored = {};
	struct policy *base;
	char real[PATH_MAX];

	if (!realpath(s->config, real) || strcmp(real, s->now.base->path))
		return;
	base = standing_lay(s, s->now.base, NULL, said, &ignored);
	diag_free(&ignored);
	if (!base || file_note(base, said, at)) {
		policy_free(base);
		return;
	}
	policy_free(s->now.base);
	s->now.base = base;
}

/* Has those in force that are left. Takes over the list in any case. */
static int settings_leave(struct standing *s, struct override *left, struct diag *d)
{
	int err = live_enforce(s, standing_lay(s, s->now.base, left, NULL, d), d);

	if (err) {
		overrides_free(&left);
		return err;
	}
	overrides_free(&s->now.settings);
	s->now.settings = left;
	settings_done(s);
	return 0;
}

int standing_unlimit(struct standing *s, const struct prefix *sender, const char *service, unsigned int *count,
		     struct diag *d)
{
	struct override *left = NULL;
	int err = standing_door(s, EVENT_UNLIMIT, d);

	*count = 0;
	if (!err)
		err = overrides_without_sender(s->now.settings, sender, service, &left, count);
	if (!err && *count)
		return settings_leave(s, left, d);
	overrides_free(&left);
	return err;
}

int standing_unset(struct standing *s, const struct scope *where, const char *key, bool *had, struct diag *d)
{
	struct override *left = NULL, *gone;
	int err = standing_door(s, EVENT_UNSET, d);

	*had = !err && override_find(s->now.settings, where, key);
	if (!*had)
		return err;
	err = overrides_copy(s->now.settings, &left);
	if (err)
		return err;
	gone = override_take(&left, where, key);
	overrides_free(&gone);
	return settings_leave(s, left, d);
}

int standing_restore(struct standing *s, const struct override *was)
{
	struct override *o = override_copy(was);

	if (!o)
		return -ENOMEM;
	overrides_join(&s->now.settings, o);
	return 0;
}

int standing_restored(struct standing *s, struct diag *d)
{
	struct policy *p = standing_lay_what_fits(s, d);

	if (!p)
		return -EINVAL;
	policy_free(s->now.live);
	s->now.live = p;
	return 0;
}

/* Removes it from the policy that is not in force now. */
static void settings_forget(struct standing *s)
{
	struct diag d = {};

	standing_restored(s, &d);
	log_diag(LOG_WARNING, &d);
}

/* Settings that depend on one that is over go with it. What the kernel side refuses is tried again, and reported once. */
static void settings_end(struct standing *s)
{
	const bool said = s->now.overdue;
	struct diag d = {};
	int err = live_enforce(s, standing_lay_what_fits(s, &d), &d);

	s->now.overdue = err;
	if (err && !said)
		log_say(LOG_ERR, "a live setting has ended but stays in force: %s: sluiced keeps trying to remove it",
			strerror(-err));
	if (!err || !said)
		log_diag(err ? LOG_ERR : LOG_WARNING, &d);
	diag_free(&d);
	if (!err)
		s->ops->tell(s->arg);
}

/* The time of those on the way back from a trial ends when they are back. */
void standing_expire(struct standing *s)
{
	const struct timespec now = standing_clock(s);
	const bool any = overrides_expire(&s->now.settings, &now);

	if (any)
		s->ops->record(s->arg);
	if (any && s->now.held)
		settings_forget(s);
	else if (any || s->now.overdue)
		settings_end(s);
	s->ops->timers(s->arg);
}

int64_t standing_expires_in(const struct standing *s)
{
	const struct timespec now = standing_clock(s);
	int64_t first = s->now.overdue ? OVERDUE_MS : -1, left;
	const struct override *o;

	for (o = s->now.settings; o; o = o->next) {
		left = (o->until.tv_sec - now.tv_sec) * 1000 + (o->until.tv_nsec - now.tv_nsec) / 1000000 + 1;
		left = left > 0 ? left : 1;
		if (o->until.tv_sec && (first < 0 || left < first))
			first = left;
	}
	return first;
}
