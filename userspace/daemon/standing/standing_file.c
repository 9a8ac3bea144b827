/* SPDX-License-Identifier: BSD-2-Clause */
/* Transitions that begin with files: a start, reload, apply, and fresh lists and databases under the same policy. See standing.h. */
#include <errno.h>

#include "clone.h"
#include "data.h"
#include "geo_keep.h"
#include "parse.h"
#include "plan.h"
#include "standing_state.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct plan *, plan_free);

static int summary_make(const struct policy *now, const struct policy *want, const struct override *dropped,
			char **summary)
{
	_cleanup_(plan_free) struct plan *plan = NULL;
	int err = plan_diff(now, want, &plan);
	size_t len;
	FILE *out;

	if (err)
		return err;
	out = open_memstream(summary, &len);
	if (!out)
		return -ENOMEM;
	fprintf(out, "%u added, %u changed, %u removed", plan->added, plan->changed, plan->removed);
	if (dropped)
		fputs("; live settings dropped: ", out);
	overrides_list(dropped, out);
	if (now->mode != want->mode)
		fprintf(out, "; the mode is %s now", want->mode == POLICY_OBSERVE ? "observe" : "enforce");
	return fclose(out) ? -ENOMEM : 0;
}

/* Builds a stand without live settings, from the file. */
static int file_build(const struct standing *s, const char *path, bool force, struct stand *next, struct diag *d)
{
	int err;

	geo_keep_insist(force);
	err = policy_parse_file(path, force ? NULL : s->now.live, &next->base, d);
	geo_keep_insist(false);
	if (err)
		return err;
	s->ops->warn(s->arg, next->base, d);
	next->live = policy_clone(next->base);
	next->applied_at = standing_time(s);
	return next->live ? 0 : -ENOMEM;
}

static int file_enforce(struct standing *s, const char *path, const struct standing_how *how, char **summary,
			struct diag *d)
{
	struct stand next = {};
	int err = file_build(s, path, how->force, &next, d);

	if (!err)
		err = summary_make(s->now.live, next.live, s->now.settings, summary);
	if (!err)
		err = standing_enforce(s, next.live, how, d);
	if (err) {
		stand_free(&next);
		return err;
	}
	standing_adopt_all(s, &next, how->confirm);
	s->ops->record(s->arg);
	standing_tell(s);
	return 0;
}

/* A refused one counts, too: what the file says is not in force. */
int standing_reload(struct standing *s, bool force, char **summary, struct diag *d)
{
	int err = standing_door(s, EVENT_RELOAD, d);

	if (!err)
		err = file_enforce(s, s->config, &(const struct standing_how){ .force = force }, summary, d);
	if (err)
		s->now.reload_failed = true;
	return err;
}

int standing_apply(struct standing *s, const char *path, unsigned int confirm, char **summary, struct diag *d)
{
	int err = standing_door(s, confirm ? EVENT_TRY : EVENT_APPLY, d);

	return err ? err : file_enforce(s, path, &(const struct standing_how){ .confirm = confirm }, summary, d);
}

int standing_reread(struct standing *s, const char *path, struct diag *d)
{
	_cleanup_free_ char *summary = NULL;

	return file_enforce(s, path, &(const struct standing_how){}, &summary, d);
}

/* Reads the databases of `p` again. Those that cannot be used leave the ones in force in place. */
static int databases_refresh(const struct standing *s, struct policy *p, bool force, struct diag *d)
{
	int err;

	geo_free(p->geo);
	p->geo = NULL;
	geo_keep_insist(force);
	err = databases_read(p, force ? NULL : s->now.live, d);
	geo_keep_insist(false);
	if (!err && !force)
		err = s->ops->geo_check(s->arg, p, d);
	if (err != -EINVAL)
		return err;
	diag_add(d, "the databases in force stay: fix those files, then run: sluicectl reload --lists");
	geo_free(p->geo);
	p->geo = geo_hold(s->now.live->geo);
	return 0;
}

/* Returns the files' policy as it was read, with its lists and databases read again, or NULL with a message. */
static struct policy *base_refresh(const struct standing *s, bool force, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = policy_clone(s->now.base);

	if (!p || lists_read(p, force ? NULL : s->now.live, d) || databases_refresh(s, p, force, d))
		return NULL;
	return TAKE_PTR(p);
}

static int lists_enforce(struct standing *s, bool force, char **summary, struct diag *d)
{
	_cleanup_(policy_free) struct policy *base = NULL, *live = NULL;
	int err;

	base = base_refresh(s, force, d);
	live = base ? standing_lay(s, base, s->now.settings, NULL, d) : NULL;
	if (!live)
		return -EINVAL;
	err = summary_make(s->now.live, live, false, summary);
	if (!err)
		err = standing_enforce(s, live, &(const struct standing_how){ .force = force }, d);
	if (err)
		return err;
	policy_free(s->now.base);
	s->now.base = TAKE_PTR(base);
	standing_adopt(s, TAKE_PTR(live));
	standing_tell(s);
	lists_say(s->now.live, d);
	return 0;
}

/* A refused one counts as a refused reload: what the files say is not in force, and the next start would fail. */
int standing_lists(struct standing *s, bool force, char **summary, struct diag *d)
{
	int err = standing_door(s, EVENT_LISTS, d);

	if (err)
		return err;
	err = lists_enforce(s, force, summary, d);
	s->now.lists_failed = err != 0;
	return err;
}

static void geo_put(struct policy *p, struct geo *geo)
{
	geo_free(p->geo);
	p->geo = geo_hold(geo);
}

int standing_geo(struct standing *s, struct geo *geo, bool force, struct diag *d)
{
	_cleanup_(policy_free) struct policy *live = NULL;
	const bool overdue = s->now.overdue; /* the rest of the policy is as it was */
	int err = standing_door(s, EVENT_GEO, d);

	if (err)
		return err;
	live = policy_clone(s->now.live);
	if (!live)
		return -ENOMEM;
	geo_put(live, geo);
	s->ops->warn(s->arg, live, d);
	err = standing_enforce(s, live, &(const struct standing_how){ .force = force }, d);
	if (err)
		return err;
	geo_put(s->now.base, geo);
	standing_adopt(s, TAKE_PTR(live));
	s->now.overdue = overdue;
	standing_tell(s);
	return 0;
}

/* Does what a start does, except for who is told. */
int standing_resume(struct standing *s, struct diag *d)
{
	struct policy *was = s->now.base, *live;
	int err = policy_parse_file(s->config, s->now.live, &s->now.base, d);

	if (err)
		return err;
	live = standing_lay_what_fits(s, d);
	err = live ? standing_enforce(s, live, &(const struct standing_how){}, d) : -EINVAL;
	if (err) {
		policy_free(live);
		policy_free(s->now.base);
		s->now.base = was;
		return err;
	}
	policy_free(was);
	standing_adopt(s, live);
	s->now.applied_at = standing_time(s);
	s->now.reload_failed = false;
	standing_tell(s);
	return 0;
}
