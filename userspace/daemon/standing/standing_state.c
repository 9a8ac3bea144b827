/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy in force: what it consists of, in which state it is, and what others may ask about it. The transitions are in standing_start.c,
 * standing_file.c, standing_live.c and standing_trial.c. See standing.h.
 */
#include <errno.h>
#include <string.h>

#include "clone.h"
#include "standing_state.h"

DEFINE_CLEANUP(struct standing *, standing_free);

/* clang-format off */
#define COLUMN(outcome) OUTCOME_##outcome
#define EVENT(name, words, a, b, c, d, e, f, g, h, i, j) \
	[EVENT_##name] = { COLUMN(a), COLUMN(b), COLUMN(c), COLUMN(d), COLUMN(e), COLUMN(f), COLUMN(g), COLUMN(h), \
			   COLUMN(i), COLUMN(j) },
static const unsigned char outcomes[EVENTS][STATES] = {
#include "standing.def"
};
#undef EVENT
/* clang-format on */

enum standing_state standing_state(const struct standing *s)
{
	if (s->awaited && !s->before.live)
		return s->own ? STATE_TRIAL_OWN : STATE_TRIAL_FOUND;
	if (s->awaited && s->before.held)
		return STATE_TRIAL_HELD;
	if (s->awaited)
		return s->before.settings ? STATE_TRIAL_SETTINGS : STATE_TRIAL;
	if (s->now.held)
		return STATE_HELD;
	if (s->now.overdue)
		return STATE_OVERDUE;
	if (s->now.reload_failed)
		return STATE_FAILED;
	return s->now.settings ? STATE_SETTINGS : STATE_FILE;
}

enum standing_outcome standing_outcome(const struct standing *s, enum standing_event event)
{
	return outcomes[event][standing_state(s)];
}

int standing_door(const struct standing *s, enum standing_event event, struct diag *d)
{
	enum standing_outcome outcome = standing_outcome(s, event);

	if (outcome == OUTCOME_AWAITED)
		diag_add(d, "a policy awaits its confirmation: first run sluicectl confirm, or revert");
	else if (outcome == OUTCOME_HELD)
		diag_add(d, "%s was not confirmed in time and is not in force: first run sluicectl reload", s->config);
	else
		return 0;
	return -EBUSY;
}

struct standing *standing_new(const struct standing_ops *ops, void *arg, const char *config, const char *instance,
			      const struct privacy *privacy, struct policy *base)
{
	_cleanup_(standing_free) struct standing *s = calloc(1, sizeof(*s));

	if (!s) {
		policy_free(base);
		return NULL;
	}
	s->ops = ops;
	s->arg = arg;
	s->config = config;
	s->instance = instance;
	s->privacy = privacy;
	s->now.base = base;
	s->now.live = policy_clone(base);
	return s->now.live ? TAKE_PTR(s) : NULL;
}

void stand_free(struct stand *stand)
{
	policy_free(stand->base);
	policy_free(stand->live);
	policy_free(stand->guards);
	overrides_free(&stand->settings);
	*stand = (struct stand){};
}

void standing_free(struct standing *s)
{
	if (!s)
		return;
	stand_free(&s->now);
	stand_free(&s->before);
	free(s);
}

const struct policy *standing_live(const struct standing *s)
{
	return s->now.live;
}

const struct policy *standing_base(const struct standing *s)
{
	return s->now.base;
}

/* A policy on trial has none; those of a start that found it come back with our own file. */
const struct override *standing_settings(const struct standing *s)
{
	return s->awaited && !s->before.live ? NULL : s->now.settings;
}

const struct override *standing_settings_kept(const struct standing *s)
{
	return s->before.live ? s->before.settings : s->now.settings;
}

bool standing_awaited(const struct standing *s)
{
	return s->awaited;
}

bool standing_held(const struct standing *s)
{
	return s->now.held;
}

time_t standing_applied_at(const struct standing *s)
{
	return s->now.applied_at;
}

bool standing_reload_failed(const struct standing *s)
{
	return s->now.reload_failed || s->now.lists_failed;
}

void standing_remind(const struct standing *s, struct diag *d)
{
	if (s->awaited)
		diag_add(d, "a policy awaits its confirmation: sluicectl confirm, or revert");
	else if (s->now.held)
		diag_add(d, "%s was not confirmed in time: the previous policy is in force until `sluicectl reload`",
			 s->config);
}

const struct policy *stand_guards(const struct stand *stand)
{
	return stand->guards ? stand->guards : stand->live;
}

time_t standing_time(const struct standing *s)
{
	struct timespec now;

	s->ops->clock(s->arg, CLOCK_REALTIME, &now);
	return now.tv_sec;
}

struct timespec standing_clock(const struct standing *s)
{
	struct timespec now;

	s->ops->clock(s->arg, CLOCK_MONOTONIC, &now);
	return now;
}
