/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs for a policy on trial: confirm and revert. standing_trial.c does the work. */
#include "verbs.h"

int verb_confirm(struct daemon *dm, const json_t *args, struct answer *a)
{
	char path[SLUICE_PATH_LEN] = "";
	int err = standing_confirm(dm->standing, &a->diag);

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
	int err = standing_revert(dm->standing, &a->diag);

	(void)args;
	if (!err)
		err = engine_policy_path(dm->engine, false, path);
	return err ? err : asprintf(&a->text, "%s is in force again", path) < 0 ? -ENOMEM : 0;
}
