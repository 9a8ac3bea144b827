/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a trial: confirm, revert, and the deadline. The kernel side goes back by its own clock, daemon or not (kern/policy/trial.c); this follows
 * and tidies up. See standing.h.
 */
#include <string.h>
#include <syslog.h>

#include "log.h"
#include "standing_state.h"

/* Either way: removes what is left of the trial. */
static void trial_settle(struct standing *s)
{
	s->awaited = s->own = false;
	s->ops->settled(s->arg);
	s->ops->record(s->arg);
	s->ops->timers(s->arg);
}

/* A reload that was refused meanwhile still has to be done. */
static void trial_go_back(struct standing *s, struct diag *d)
{
	const bool failed = s->now.reload_failed;

	stand_free(&s->now);
	s->now = s->before;
	s->before = (struct stand){};
	s->now.reload_failed |= failed;
	standing_attach(s, d);
	if (s->now.held)
		standing_held_say(s);
	standing_tell(s);
}

int standing_revert(struct standing *s, struct diag *d)
{
	const bool own = s->own;
	char refused[SLUICE_PATH_LEN] = "";
	int err = s->ops->revert(s->arg, d);

	if (err)
		return err;
	trial_settle(s);
	s->ops->path(s->arg, true, refused);
	log_say(LOG_WARNING, "%s was not confirmed: the previous policy is in force again", refused);
	if (s->before.live) {
		trial_go_back(s, d);
		return 0;
	}
	if (own) {
		standing_held_say(s);
		return 0;
	}
	err = standing_resume(s, d);
	s->now.reload_failed |= err;
	return err;
}

int standing_confirm(struct standing *s, struct diag *d)
{
	char path[SLUICE_PATH_LEN] = "";
	int err = s->ops->confirm(s->arg, d);

	if (err)
		return err;
	trial_settle(s);
	if (s->before.live) {
		stand_free(&s->before);
		return standing_attach(s, d);
	}
	err = s->ops->path(s->arg, false, path);
	return err ? err : standing_reread(s, path, d);
}

/* The kernel side has gone back by then: if this is late, it is only late in cleaning up. */
void standing_deadline(struct standing *s)
{
	struct diag d = {};
	int err;

	if (!s->awaited)
		return;
	if (s->ops->trial(s->arg) == TRIAL_AWAITED) {
		s->ops->timers(s->arg);
		return;
	}
	err = standing_revert(s, &d);
	if (!s->awaited)
		s->ops->went_back(s->arg, err);
	if (err)
		log_say(LOG_ERR, "cannot tidy up after the policy that was not confirmed: %s", strerror(-err));
	log_diag(LOG_ERR, &d);
}
