/* SPDX-License-Identifier: BSD-2-Clause */
/* Has a policy enforced, makes it the one in force, and tells everything that follows it. Every transition ends here. See standing_state.h. */
#include "standing_state.h"

int standing_attach(const struct standing *s, struct diag *d)
{
	return s->ops->attach(s->arg, stand_guards(&s->now), stand_guards(&s->before), d);
}

/* While it is on trial, the earlier interfaces stay: the kernel cannot attach by itself. */
int standing_enforce(struct standing *s, const struct policy *p, const struct standing_how *how, struct diag *d)
{
	const struct standing_ops *ops = s->ops;
	struct diag ignored = {};
	int err = how->force ? 0 : ops->geo_check(s->arg, p, d);

	if (err)
		return err;
	err = ops->attach(s->arg, p, how->confirm ? stand_guards(&s->now) : NULL, d);
	if (!err)
		err = how->confirm ? ops->try(s->arg, p, how->confirm * 1000, d) : ops->commit(s->arg, p, d);
	if (err)
		standing_attach(s, &ignored);
	diag_free(&ignored);
	return err;
}

void standing_adopt(struct standing *s, struct policy *live)
{
	policy_free(s->now.live);
	s->now.live = live;
	policy_free(s->now.guards);
	s->now.guards = NULL;
	s->now.held = s->now.overdue = false;
}

void standing_adopt_all(struct standing *s, struct stand *next, bool on_trial)
{
	if (on_trial)
		s->before = s->now;
	else
		stand_free(&s->now);
	s->awaited = on_trial;
	s->now = *next;
	*next = (struct stand){};
}

void standing_tell(struct standing *s)
{
	s->ops->tell(s->arg);
	s->ops->timers(s->arg);
}
