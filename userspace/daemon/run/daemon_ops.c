/* SPDX-License-Identifier: BSD-2-Clause */
/* What the owner of the policy in force (standing.h) calls in this daemon: the engine, the keeper, the clocks, and everything that follows the policy. */
#include <string.h>

#include "defaults.h"
#include "exporter.h"
#include "fleet_host.h"
#include "hear.h"
#include "refusals_memory.h"
#include "keeper.h"
#include "own.h"
#include "tables.h"
#include "trail.h"
#include "shield.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct snapshot *, snapshot_free);

static int ops_geo_check(void *arg, const struct policy *p, struct diag *d)
{
	return engine_geo_check(((struct daemon *)arg)->engine, p, d);
}

static int ops_attach(void *arg, const struct policy *p, const struct policy *also, struct diag *d)
{
	return keeper_attach(arg, p, also, d);
}

static int ops_commit(void *arg, const struct policy *p, struct diag *d)
{
	return engine_commit(((struct daemon *)arg)->engine, p, d);
}

static int ops_try(void *arg, const struct policy *p, unsigned int ms, struct diag *d)
{
	return engine_try(((struct daemon *)arg)->engine, p, ms, d);
}

static int ops_confirm(void *arg, struct diag *d)
{
	return engine_confirm(((struct daemon *)arg)->engine, d);
}

static int ops_revert(void *arg, struct diag *d)
{
	return engine_revert(((struct daemon *)arg)->engine, d);
}

static enum trial ops_trial(void *arg)
{
	return engine_trial(((struct daemon *)arg)->engine, NULL);
}

static int ops_path(void *arg, bool other, char path[static SLUICE_PATH_LEN])
{
	return engine_policy_path(((struct daemon *)arg)->engine, other, path);
}

static bool ops_went(void *arg, char path[static SLUICE_PATH_LEN])
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;

	if (snapshot_take(((struct daemon *)arg)->engine, &s) || !s->reverted_s)
		return false;
	memcpy(path, s->other_policy, SLUICE_PATH_LEN);
	return true;
}

static struct policy *ops_guarded(void *arg)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	_cleanup_(policy_free) struct policy *p = policy_new();
	size_t i;

	if (!p || snapshot_take(((struct daemon *)arg)->engine, &s))
		return NULL;
	for (i = 0; i < s->interfaces.count; i++) {
		if (strings_add(&p->interfaces, s->interfaces.item[i].name))
			return NULL;
	}
	return TAKE_PTR(p);
}

static void ops_clock(void *arg, clockid_t which, struct timespec *now)
{
	(void)arg;
	clock_gettime(which, now);
}

static void ops_warn(void *arg, const struct policy *p, struct diag *d)
{
	(void)arg;
	owns_warn(p, d);
	fleet_warn(p, d);
}

static void ops_tell(void *arg)
{
	struct daemon *dm = arg;

	privacy_set(dm->privacy, standing_live(dm->standing));
	exporter_follow(dm);
	refusals_follow(dm);
	hear_follow(dm);
	fleet_follow(dm);
	dm->lists.others = true;
}

static void ops_record(void *arg)
{
	((struct daemon *)arg)->state.dirty = true;
}

static void ops_timers(void *arg)
{
	loop_timers(arg);
}

static void ops_settled(void *arg)
{
	trial_unshield(arg);
	fleet_settled(arg);
}

static void ops_went_back(void *arg, int err)
{
	trail_event(arg, "revert", "the kernel's clock", err, "a policy that was not confirmed in time");
}

const struct standing_ops daemon_ops = {
	.geo_check = ops_geo_check,
	.attach = ops_attach,
	.commit = ops_commit,
	.try = ops_try,
	.confirm = ops_confirm,
	.revert = ops_revert,
	.trial = ops_trial,
	.path = ops_path,
	.went = ops_went,
	.guarded = ops_guarded,
	.clock = ops_clock,
	.warn = ops_warn,
	.tell = ops_tell,
	.record = ops_record,
	.timers = ops_timers,
	.settled = ops_settled,
	.went_back = ops_went_back,
};
