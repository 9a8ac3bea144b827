/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that put a policy in force, read it again, or end the instance. */
#include <errno.h>
#include <string.h>

#include "forecast.h"
#include "fleet_host.h"
#include "hear.h"
#include "keeper.h"
#include "lists.h"
#include "protocol.h"
#include "prove.h"
#include "shield.h"
#include "verbs.h"
#include "watched.h"

#define CONFIRM_MAX 86400 /* seconds */

DEFINE_CLEANUP(struct policy *, policy_free);

static int file_forecast(struct daemon *dm, const char *path, struct answer *a)
{
	const struct prove how = { .now = standing_live(dm->standing), .instance = dm->instance, .warnings = &a->diag };
	_cleanup_(policy_free) struct policy *want = NULL;

	return policy_prove(path, &how, &want, &a->diag) ? bad(a) : forecast_json(dm, want, &a->data, &a->diag);
}

/* The shield is in place before the policy is. */
static int file_apply(struct daemon *dm, const json_t *args, struct answer *a)
{
	_cleanup_free_ char *counts = NULL;
	char span[16];
	uint32_t confirm;
	int err = time_arg(args, "confirm", &confirm, a), n;

	if (!err && confirm > CONFIRM_MAX) {
		diag_add(&a->diag, "--confirm %s: at most 1d", arg(args, "confirm"));
		err = bad(a);
	}
	if (err)
		return err;
	if (confirm && !standing_awaited(dm->standing))
		trial_shield(dm, arg(args, "shield"), confirm, a->uid, &a->diag);
	err = standing_apply(dm->standing, arg(args, "path"), confirm, &counts, &a->diag);
	if (err && !standing_awaited(dm->standing))
		trial_unshield(dm);
	if (!err)
		lists_log(dm);
	if (err)
		return err;
	a->data = kept_json(dm);
	if (confirm)
		n = asprintf(&a->text, "%s; goes back in %s unless you run: sluicectl confirm", counts,
			     seconds_format(confirm, span));
	else
		n = asprintf(&a->text, "%s%s", counts, kept_say(dm));
	return n < 0 ? -ENOMEM : 0;
}

int verb_apply(struct daemon *dm, const json_t *args, struct answer *a)
{
	int err = json_is_true(json_object_get(args, "dry_run")) ? file_forecast(dm, arg(args, "path"), a)
								 : file_apply(dm, args, a);

	if (err == -EINVAL)
		a->exit = EXIT_BAD;
	return err;
}

int verb_reload(struct daemon *dm, const json_t *args, struct answer *a)
{
	bool force = json_is_true(json_object_get(args, "force"));
	int err;

	if (json_is_true(json_object_get(args, "lists")))
		err = standing_lists(dm->standing, force, &a->text, &a->diag);
	else
		err = standing_reload(dm->standing, force, &a->text, &a->diag);
	if (err == -EINVAL)
		a->exit = EXIT_BAD;
	if (!err)
		lists_log(dm);
	return err;
}

/* The pins are removed once the answer is on its way: see main.c. */
int verb_unload(struct daemon *dm, const json_t *args, struct answer *a)
{
	int err = keeper_ask(dm, &a->diag);

	(void)args;
	if (err)
		return err;
	state_flush(dm, &a->diag);
	hear_end(dm);
	fleet_end(dm);
	watched_let_go(dm);
	engine_close(dm->engine);
	dm->engine = NULL;
	err = keeper_unload(dm, &a->diag);
	dm->unloaded = true;
	return err;
}
