/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks and runs requests from the control socket: finds the verb in the list (userspace/api/verbs.def), checks whether this client may run it and
 * whether the arguments match the list, runs it, and has the trail record an order. Every request gets an answer.
 */
#include <string.h>

#include "alike.h"
#include "api.h"
#include "geo_verbs.h"
#include "protocol.h"
#include "settings_show.h"
#include "trail.h"
#include "shield.h"
#include "verbs.h"

typedef int verb_fn(struct daemon *dm, const json_t *args, struct answer *a);

static verb_fn *run_of(const struct api_verb *v)
{
	static verb_fn *const runs[] = {
#define VERB(id, ...) verb_##id,
#define COMMAND(id, ...) NULL,
#include "verbs.def"
	};

	return runs[v - api_verbs];
}

/* A file of the client's choice would be opened with the daemon's rights. */
static bool is_permitted(const struct api_verb *v, const json_t *args, uid_t uid)
{
	return !uid || (v->right == API_READ && !api_names_a_file(v, args));
}

static void verb_try(struct daemon *dm, const struct api_verb *v, const json_t *args, struct answer *a)
{
	bool awaited;
	int err;

	if (!is_permitted(v, args, a->uid)) {
		diag_add(&a->diag, "permission denied: '%s' needs root", v->name);
		a->exit = EXIT_FAILED;
		return;
	}
	if (api_check(v, args, &a->diag)) {
		bad(a);
		return;
	}
	if (!dm->engine) {
		diag_add(&a->diag, "unloaded");
		a->exit = EXIT_FAILED;
		return;
	}
	awaited = standing_awaited(dm->standing);
	err = run_of(v)(dm, args, a);
	if (!err && v->right == API_WRITE && dm->engine)
		state_save(dm, &a->diag);
	if (awaited || !standing_awaited(dm->standing)) /* a client that begins a trial is told by its answer */
		standing_remind(dm->standing, &a->diag);
	if (err && !a->exit)
		a->exit = EXIT_FAILED;
	if (err && !a->diag.count)
		diag_add(&a->diag, "%s", strerror(-err));
}

void verb_run(struct daemon *dm, json_t *request, struct answer *a)
{
	const json_t *args = json_object_get(request, "args");
	const struct api_verb *v = api_find(arg(request, "verb"));

	if (!v || v->right == API_LOCAL) {
		diag_add(&a->diag, "unknown verb '%.*s'", ALIKE_LONGEST, arg(request, "verb"));
		a->exit = EXIT_BAD;
		return;
	}
	verb_try(dm, v, args, a);
	if (v->right == API_WRITE && !json_is_true(json_object_get(args, "dry_run")))
		trail_order(dm, v->name, args, a);
}
