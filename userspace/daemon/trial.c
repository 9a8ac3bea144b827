/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Confirm or revert, the daemon's part: it follows what the kernel side does by its own clock (kern/policy/trial.c), and tidies up. A
 * daemon that starts while a policy awaits, or after one went and is still what its own file says, leaves in force what is.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <syslog.h>

#include "exporter.h"
#include "hear.h"
#include "keeper.h"
#include "tables.h"
#include "trail.h"
#include "verbs.h"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

#define SHIELD "shield of the session that ran apply --confirm"

static bool path_is_ours(const struct daemon *dm, const char *path)
{
	char real[PATH_MAX];

	return realpath(dm->config, real) && !strncmp(real, path, SLUICE_PATH_LEN - 1);
}

/* The policy that went, if one did and nothing was put in force since, came from our own file. */
static bool file_was_refused(const struct daemon *dm)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;

	return !snapshot_take(dm->engine, &s) && s->reverted_s && path_is_ours(dm, s->other_policy);
}

static void held_say(const struct daemon *dm)
{
	log_say(LOG_WARNING,
		"%s was not confirmed in time: the policy of before stays in force until `sluicectl -i %s reload`",
		dm->config, dm->instance);
}

void trial_resume(struct daemon *dm)
{
	struct diag d = {};

	if (engine_trial(dm->engine, NULL) == TRIAL_OVER)
		engine_revert(dm->engine, &d);
	log_diag(LOG_ERR, &d);
	dm->awaited = engine_trial(dm->engine, NULL) == TRIAL_AWAITED;
	dm->held = dm->awaited || file_was_refused(dm);
	if (dm->awaited)
		log_say(LOG_WARNING, "a policy awaits its confirmation: sluicectl -i %s confirm, or revert",
			dm->instance);
	else if (dm->held)
		held_say(dm);
}

void trial_remind(const struct daemon *dm, struct diag *d)
{
	if (dm->awaited)
		diag_add(d, "a policy awaits its confirmation: sluicectl confirm, or revert");
	else if (dm->held)
		diag_add(d, "%s was not confirmed in time: the policy of before is in force until `sluicectl reload`",
			 dm->config);
}

void trial_begin(struct daemon *dm)
{
	dm->before = (struct standing){ dm->base, dm->live, dm->overrides, dm->applied_at };
	dm->base = dm->live = NULL;
	dm->overrides = NULL;
	dm->awaited = true;
	trial_watch(dm);
}

void trial_free(struct daemon *dm)
{
	policy_free(dm->before.base);
	policy_free(dm->before.live);
	overrides_free(&dm->before.overrides);
	dm->before = (struct standing){};
}

int trial_refuses(const struct daemon *dm, bool by_file, struct diag *d)
{
	if (dm->awaited)
		diag_add(d, "a policy awaits its confirmation: sluicectl confirm, or revert, then this");
	else if (dm->held && !by_file)
		diag_add(d, "%s was not confirmed in time and is not in force: sluicectl reload, then this",
			 dm->config);
	else
		return 0;
	return -EBUSY;
}

bool trial_is_shield(const char *text)
{
	return !strcmp(text, SHIELD);
}

void trial_unshield(struct daemon *dm)
{
	_cleanup_free_ struct live_status *list = NULL;
	size_t count = 0, i;

	if (allows_read(dm->engine, &list, &count))
		return;
	for (i = 0; i < count; i++) {
		if (trial_is_shield(list[i].text))
			live_clear(dm->engine, LIVE_ALLOW, &list[i].prefix);
	}
}

/* An allow of somebody's that lasts as long stands as it is. */
void trial_shield(struct daemon *dm, const char *address, unsigned int seconds, uid_t uid, struct diag *d)
{
	struct prefix p = { .len = 128 };
	struct live_status now;

	if (!*address)
		return;
	if (addr_parse(address, &p.addr)) {
		diag_add(d, "SSH_CONNECTION names no address ('%s'): your session is not shielded", address);
		return;
	}
	if (!allow_find(dm->engine, &p.addr, &now) && (!now.expires_in || now.expires_in >= seconds))
		return;
	if (live_set(dm->engine, LIVE_ALLOW, &p, seconds, uid, SHIELD))
		diag_add(d, "%s could not be shielded: the table of allows is full", address);
}

/* What a settled trial leaves to do, either way. */
static void trial_settle(struct daemon *dm)
{
	dm->awaited = false;
	if (dm->deadline)
		event_del(dm->deadline);
	trial_unshield(dm);
	dm->state.dirty = true;
}

/* The daemon's own memory of what stood before is in force again. */
static void standing_restore(struct daemon *dm, struct diag *d)
{
	policy_free(dm->base);
	policy_free(dm->live);
	overrides_free(&dm->overrides);
	dm->base = dm->before.base;
	dm->live = dm->before.live;
	dm->overrides = dm->before.overrides;
	dm->applied_at = dm->before.applied_at;
	dm->before = (struct standing){};
	keeper_attach(dm, dm->live, NULL, d);
	privacy_set(dm->privacy, dm->live);
	exporter_follow(dm);
	refusals_follow(dm);
	loop_expiry(dm);
}

static int trial_revert(struct daemon *dm, struct diag *d)
{
	char refused[SLUICE_PATH_LEN] = "";
	int err = engine_revert(dm->engine, d);

	if (err)
		return err;
	trial_settle(dm);
	engine_policy_path(dm->engine, true, refused);
	log_say(LOG_WARNING, "%s was not confirmed: the policy of before is in force again", refused);
	if (dm->before.live)
		standing_restore(dm, d);
	else if (path_is_ours(dm, refused))
		held_say(dm);
	else
		err = daemon_resume(dm, d);
	return err;
}

static int trial_confirm(struct daemon *dm, struct diag *d)
{
	_cleanup_free_ char *summary = NULL;
	char path[SLUICE_PATH_LEN] = "";
	int err = engine_confirm(dm->engine, d);

	if (err)
		return err;
	trial_settle(dm);
	if (dm->before.live) {
		trial_free(dm);
		return keeper_attach(dm, dm->live, NULL, d);
	}
	err = engine_policy_path(dm->engine, false, path);
	return err ? err : daemon_reload(dm, path, 0, &summary, d);
}

static void on_deadline(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;
	struct diag d = {};
	int err = 0;

	(void)number;
	(void)what;
	if (!dm->engine || !dm->awaited)
		return;
	if (engine_trial(dm->engine, NULL) == TRIAL_AWAITED)
		trial_watch(dm);
	else
		err = trial_revert(dm, &d);
	if (!dm->awaited)
		trail_event(dm, "revert", "the kernel's clock", err, "a policy that was not confirmed in time");
	if (err)
		log_say(LOG_ERR, "cannot tidy up after the policy that was not confirmed: %s", strerror(-err));
	log_diag(LOG_ERR, &d);
}

/* The kernel has gone back by then: late is only late in tidying up. */
void trial_watch(struct daemon *dm)
{
	unsigned int ms = 0;
	struct timeval wait;

	if (!dm->deadline)
		dm->deadline = event_new(dm->loop, -1, 0, on_deadline, dm);
	if (!dm->deadline || !dm->awaited)
		return;
	engine_trial(dm->engine, &ms);
	wait = (struct timeval){ (ms + 1) / 1000, (ms + 1) % 1000 * 1000 };
	event_add(dm->deadline, &wait);
}

int verb_confirm(struct daemon *dm, const json_t *args, struct answer *a)
{
	char path[SLUICE_PATH_LEN] = "";
	int err = trial_confirm(dm, &a->diag);

	(void)args;
	if (!err)
		err = engine_policy_path(dm->engine, false, path);
	if (!err)
		a->data = kept_json(dm);
	return err ? err : asprintf(&a->text, "confirmed: %s stays in force%s", path, kept_say(dm)) < 0 ? -ENOMEM : 0;
}

int verb_revert(struct daemon *dm, const json_t *args, struct answer *a)
{
	char path[SLUICE_PATH_LEN] = "";
	int err = trial_revert(dm, &a->diag);

	(void)args;
	if (!err)
		err = engine_policy_path(dm->engine, false, path);
	return err ? err : asprintf(&a->text, "%s is in force again", path) < 0 ? -ENOMEM : 0;
}
