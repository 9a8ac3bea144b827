/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first transition, a start. A daemon that starts while a policy awaits its confirmation, or after its own file was reverted, leaves in
 * force what is in force. See standing.h.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <syslog.h>

#include "log.h"
#include "standing_state.h"

static bool path_is_ours(const struct standing *s, const char *path)
{
	char real[PATH_MAX];

	return realpath(s->config, real) && !strncmp(real, path, SLUICE_PATH_LEN - 1);
}

void standing_held_say(const struct standing *s)
{
	log_say(LOG_WARNING,
		"%s was not confirmed in time: the previous policy stays in force until `sluicectl -i %s reload`",
		s->config, s->instance);
}

/* We do not know which policy is in force, but we know on which interfaces. */
static int held_begin(struct standing *s, struct diag *d)
{
	s->now.held = true;
	s->now.guards = s->ops->guarded(s->arg);
	if (s->now.guards)
		return 0;
	diag_add(d, "not started: cannot find out which interfaces the previous policy guards");
	return -ENOMEM;
}

static int trial_find(struct standing *s, struct diag *d)
{
	char path[SLUICE_PATH_LEN] = "";

	if (s->ops->trial(s->arg) == TRIAL_OVER)
		s->ops->revert(s->arg, d);
	s->awaited = s->ops->trial(s->arg) == TRIAL_AWAITED;
	if (s->awaited) {
		s->own = !s->ops->path(s->arg, false, path) && path_is_ours(s, path);
		log_say(LOG_WARNING, "a policy awaits its confirmation: run sluicectl -i %s confirm, or revert",
			s->instance);
		return held_begin(s, d);
	}
	if (!s->ops->went(s->arg, path) || !path_is_ours(s, path))
		return 0;
	standing_held_say(s);
	return held_begin(s, d);
}

int standing_start(struct standing *s, struct diag *d)
{
	int err = trial_find(s, d);

	if (err || s->now.held)
		return err;
	/*
	 * Databases that look torn compared with those of the policy in force stop a start: this could not be told from an attack on them.
	 */
	if (s->ops->geo_check(s->arg, s->now.live, d)) {
		diag_add(
			d,
			"not started with these files while the previous policy is in force: put the old files back, or drop "
			"that policy first: sluicectl -i %s unload",
			s->instance);
		return -EINVAL;
	}
	err = s->ops->commit(s->arg, s->now.live, d);
	s->now.applied_at = standing_time(s);
	return err;
}
