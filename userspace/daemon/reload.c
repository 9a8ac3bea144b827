/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts policies in force: reload, apply, live settings and databases. Called by the verbs, signals and the clock; owns base, live
 * and overrides of the daemon. After a failure what was in force stays.
 */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "check.h"
#include "clone.h"
#include "daemon.h"
#include "data.h"
#include "exporter.h"
#include "geo_keep.h"
#include "hear.h"
#include "keeper.h"
#include "override.h"
#include "own.h"
#include "parse.h"
#include "plan.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct plan *, plan_free);

/* How a policy is put in force. */
struct how {
	bool force; /* also where its databases look torn */
	bool by_file; /* of a file that somebody names */
	unsigned int confirm; /* seconds in which it must be confirmed; 0: for good */
};

/* While it is on trial the interfaces of before stay: the kernel cannot attach by itself. */
static int kernel_enforce(struct daemon *dm, const struct policy *p, const struct how *how, struct diag *d)
{
	struct diag ignored = {};
	int err = trial_refuses(dm, how->by_file, d);

	if (!err && !how->force)
		err = engine_geo_check(dm->engine, p, d);
	if (err)
		return err;
	err = keeper_attach(dm, p, how->confirm ? dm->live : NULL, d);
	if (!err)
		err = how->confirm ? engine_try(dm->engine, p, how->confirm * 1000, d)
				   : engine_commit(dm->engine, p, d);
	if (err) {
		keeper_attach(dm, dm->live, NULL, &ignored);
		diag_free(&ignored);
	}
	return err;
}

/* Makes `p` the policy in force and takes it over; on failure interfaces and policy are what they were. */
static int policy_enforce(struct daemon *dm, struct policy *p, const struct how *how, struct diag *d)
{
	int err = kernel_enforce(dm, p, how, d);

	if (err)
		return err;
	if (how->confirm)
		trial_begin(dm);
	dm->held = false;
	dm->lists.others = true;
	policy_free(dm->live);
	dm->live = p;
	privacy_set(dm->privacy, p);
	exporter_follow(dm);
	refusals_follow(dm);
	return 0;
}

static char *summary_of(const struct plan *plan, size_t dropped)
{
	char *text = NULL;

	if (asprintf(&text, "%u added, %u changed, %u removed%s", plan->added, plan->changed, plan->removed,
		     dropped ? "; live settings dropped" : "") < 0)
		return NULL;
	return text;
}

/* Takes over `p` in any case. */
static int policy_replace(struct daemon *dm, struct policy *p, const struct how *how, char **summary, struct diag *d)
{
	_cleanup_(policy_free) struct policy *base = p, *live = policy_clone(p);
	_cleanup_(plan_free) struct plan *plan = NULL;
	int err;

	if (!live)
		return -ENOMEM;
	err = plan_diff(dm->live, p, &plan);
	if (!err)
		*summary = summary_of(plan, dm->overrides != NULL);
	if (!err)
		err = policy_enforce(dm, live, how, d);
	if (err)
		return err;
	live = NULL; /* the daemon's now */
	overrides_free(&dm->overrides);
	loop_expiry(dm);
	policy_free(dm->base);
	dm->base = TAKE_PTR(base);
	dm->applied_at = time(NULL);
	dm->reload_failed = false;
	return 0;
}

static int reload_as(struct daemon *dm, const char *path, const struct how *how, char **summary, struct diag *d)
{
	struct policy *p = NULL;
	int err;

	geo_keep_insist(how->force);
	err = policy_parse_file(path, how->force ? NULL : dm->live, &p, d);
	geo_keep_insist(false);
	if (!err)
		owns_warn(p, d);
	if (!err)
		err = policy_replace(dm, p, how, summary, d);
	if (err && path == dm->config) /* a slip in `apply FILE` is its user's to see */
		dm->reload_failed = true;
	return err;
}

int daemon_reload(struct daemon *dm, const char *path, unsigned int confirm, char **summary, struct diag *d)
{
	return reload_as(dm, path, &(const struct how){ .by_file = true, .confirm = confirm }, summary, d);
}

int daemon_insist(struct daemon *dm, char **summary, struct diag *d)
{
	return reload_as(dm, dm->config, &(const struct how){ .by_file = true, .force = true }, summary, d);
}

static int override_lay(struct policy *p, const struct override *o, struct diag *d)
{
	return policy_set_value(p, &o->scope, o->key, o->value, d);
}

/* The files' policy with all live settings on top, and `one` (NULL: none); NULL with a message. */
static struct policy *policy_with(const struct daemon *dm, const struct override *one, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = policy_clone(dm->base);
	struct override *o;

	for (o = dm->overrides; o && p; o = o->next) {
		if (override_lay(p, o, d))
			return NULL;
	}
	if (!p || (one && override_lay(p, one, d)) || policy_check(p, d) || lists_complete(p, dm->live, d) ||
	    databases_read(p, dm->live, d))
		return NULL;
	return TAKE_PTR(p);
}

struct policy *daemon_preview(const struct daemon *dm, const struct override *want, struct diag *d)
{
	return policy_with(dm, want, d);
}

/* What the list of live settings says now. */
static int overrides_enforce(struct daemon *dm, struct diag *d)
{
	struct policy *p = policy_with(dm, NULL, d);
	int err = p ? policy_enforce(dm, p, &(const struct how){}, d) : -EINVAL;

	if (err)
		policy_free(p);
	return err;
}

/* In front of the list. */
static void overrides_join(struct daemon *dm, struct override *list)
{
	struct override **end = &list;

	while (*end)
		end = &(*end)->next;
	*end = dm->overrides;
	dm->overrides = list;
}

int daemon_override(struct daemon *dm, const struct override *want, unsigned int seconds, struct diag *d)
{
	struct override *o = override_new(want, seconds), *old;
	int err;

	if (!o)
		return -ENOMEM;
	old = override_take(dm, &want->scope, want->key);
	overrides_join(dm, o);
	err = overrides_enforce(dm, d);
	if (!err && (want->scope.section == SECTION_SET || strstr(want->key, "countries")))
		owns_warn(dm->live, d);
	if (err) { /* as if nothing had been said */
		override_free(override_take(dm, &want->scope, want->key));
		overrides_join(dm, old);
	} else {
		overrides_free(&old);
	}
	loop_expiry(dm);
	return err;
}

int daemon_withdraw(struct daemon *dm, const struct prefix *sender, const char *service, unsigned int *count,
		    struct diag *d)
{
	struct override *gone = overrides_take_sender(dm, sender, service), *o;
	int err = gone ? overrides_enforce(dm, d) : 0;

	*count = 0;
	for (o = gone; o && !err; o = o->next)
		(*count)++;
	if (err)
		overrides_join(dm, gone);
	else
		overrides_free(&gone);
	loop_expiry(dm);
	return err;
}

int daemon_restore(struct daemon *dm, const struct override *was, unsigned int left)
{
	struct override *o = override_new(was, left);

	if (!o)
		return -ENOMEM;
	o->since = was->since;
	o->next = dm->overrides;
	dm->overrides = o;
	return 0;
}

/* Whether the setting can be in force with those in the list; then it is one of them. */
static bool override_join(struct daemon *dm, struct override *o, struct diag *why)
{
	struct policy *p;

	o->next = dm->overrides;
	dm->overrides = o;
	p = policy_with(dm, NULL, why);
	if (!p)
		dm->overrides = o->next;
	policy_free(p);
	return p;
}

static void override_drop(const struct daemon *dm, struct override *o, struct diag *d)
{
	_cleanup_free_ char *text = override_text(dm, o);

	diag_add(d, "the live setting of %s is dropped", text ? text : o->key);
	override_free(o);
}

/* The oldest first; who needs another that comes later is asked again after that. */
static void overrides_sift(struct daemon *dm, struct diag *d)
{
	struct override *waiting = overrides_reversed(dm->overrides), **at, *o;
	struct diag ignored = {};
	bool joined = true;

	dm->overrides = NULL;
	while (joined) {
		joined = false;
		for (at = &waiting; (o = *at);) {
			*at = o->next;
			joined |= override_join(dm, o, &ignored);
			if (dm->overrides == o)
				continue;
			o->next = *at;
			*at = o;
			at = &o->next;
		}
	}
	while ((o = waiting)) {
		waiting = o->next;
		if (!override_join(dm, o, d))
			override_drop(dm, o, d);
	}
	diag_free(&ignored);
}

/* Whether the files' policy is good by itself: where it is not (a database is away for a moment) no setting is to blame. */
static bool base_is_good(struct daemon *dm, struct diag *d)
{
	struct override *all = dm->overrides;
	struct policy *p;

	dm->overrides = NULL;
	p = policy_with(dm, NULL, d);
	dm->overrides = all;
	policy_free(p);
	return p;
}

/* The files' policy with those live settings that fit it; what does not is dropped and said. */
static struct policy *policy_that_fits(struct daemon *dm, struct diag *d)
{
	struct diag ignored = {};
	struct policy *p = policy_with(dm, NULL, &ignored);

	diag_free(&ignored);
	if (p || !base_is_good(dm, d))
		return p;
	overrides_sift(dm, d);
	dm->state.dirty = true;
	return policy_with(dm, NULL, d);
}

int daemon_restored(struct daemon *dm, struct diag *d)
{
	struct policy *p = policy_that_fits(dm, d);

	if (!p)
		return -EINVAL;
	policy_free(dm->live);
	dm->live = p;
	return 0;
}

int daemon_resume(struct daemon *dm, struct diag *d)
{
	struct policy *was = dm->base, *live;
	int err = policy_parse_file(dm->config, dm->live, &dm->base, d);

	if (err)
		return err;
	live = policy_that_fits(dm, d);
	err = live ? policy_enforce(dm, live, &(const struct how){ .by_file = true }, d) : -EINVAL;
	if (err) {
		policy_free(live);
		policy_free(dm->base);
		dm->base = was;
		return err;
	}
	policy_free(was);
	dm->applied_at = time(NULL);
	loop_expiry(dm);
	return 0;
}

/* While another policy awaits its confirmation, or one of before is held, the settings are not in force: only who comes back changes. */
void daemon_expire(struct daemon *dm)
{
	bool any = overrides_expire(dm), said = dm->overdue;
	struct diag d = {};
	struct policy *p;
	int err = 0;

	if (any && (dm->awaited || dm->held)) {
		daemon_restored(dm, &d);
	} else if (any || dm->overdue) {
		p = policy_that_fits(dm, &d);
		err = p ? policy_enforce(dm, p, &(const struct how){}, &d) : -ENOMEM;
		if (err)
			policy_free(p);
		if (err && !said)
			log_say(LOG_ERR, "a live setting is over and stays in force: %s: tried again until it goes",
				strerror(-err));
		dm->overdue = err;
	}
	if (!err || !said)
		log_diag(err ? LOG_ERR : LOG_WARNING, &d);
	diag_free(&d);
	loop_expiry(dm);
}

int daemon_geo(struct daemon *dm, struct geo *geo, bool force, struct diag *d)
{
	_cleanup_(policy_free) struct policy *live = policy_clone(dm->live);
	int err;

	if (!live)
		return -ENOMEM;
	geo_free(live->geo);
	live->geo = geo_hold(geo);
	owns_warn(live, d);
	err = policy_enforce(dm, live, &(const struct how){ .force = force }, d);
	if (err)
		return err;
	live = NULL; /* the daemon's now */
	geo_free(dm->base->geo);
	dm->base->geo = geo_hold(geo);
	return 0;
}

/* The databases of `p` anew. Those that cannot be used leave the ones in force where they are. */
static int databases_refresh(struct daemon *dm, struct policy *p, bool force, struct diag *d)
{
	int err;

	if (!p->geo)
		return 0;
	geo_free(p->geo);
	p->geo = NULL;
	geo_keep_insist(force);
	err = databases_read(p, force ? NULL : dm->live, d);
	geo_keep_insist(false);
	if (!err && !force)
		err = engine_geo_check(dm->engine, p, d);
	if (err != -EINVAL)
		return err;
	diag_add(d, "the databases in force stay: mend those files, then: sluicectl reload --lists");
	geo_free(p->geo);
	p->geo = geo_hold(dm->live->geo);
	return 0;
}

/* The files' policy as it was read, with its lists and databases anew; NULL with a message. */
static struct policy *base_refreshed(struct daemon *dm, bool force, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = policy_clone(dm->base);

	if (!p || lists_read(p, force ? NULL : dm->live, d) || databases_refresh(dm, p, force, d))
		return NULL;
	return TAKE_PTR(p);
}

/* With `p` as the files' policy and all live settings on top. Takes over `p` where that works. */
static int base_enforce(struct daemon *dm, struct policy *p, bool force, char **summary, struct diag *d)
{
	_cleanup_(plan_free) struct plan *plan = NULL;
	struct policy *was = dm->base, *live;
	int err = -EINVAL;

	dm->base = p;
	live = policy_with(dm, NULL, d);
	if (live)
		err = plan_diff(dm->live, live, &plan);
	if (!err)
		err = policy_enforce(dm, live, &(const struct how){ .force = force }, d);
	if (err) {
		policy_free(live);
		dm->base = was;
		return err;
	}
	policy_free(was);
	*summary = summary_of(plan, false);
	return 0;
}

int daemon_lists(struct daemon *dm, bool force, char **summary, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = NULL;
	int err = trial_refuses(dm, false, d);

	if (err)
		return err;
	p = base_refreshed(dm, force, d);
	err = p ? base_enforce(dm, p, force, summary, d) : -EINVAL;
	if (err)
		return err;
	p = NULL; /* the daemon's now */
	lists_say(dm->live, d);
	return 0;
}
