/* SPDX-License-Identifier: BSD-2-Clause */
/* One function a verb. Arguments are a client's: nothing about them is believed. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "addr.h"
#include "alike.h"
#include "api.h"
#include "banfile.h"
#include "daemon.h"
#include "dump.h"
#include "explain.h"
#include "exporter.h"
#include "forecast.h"
#include "geo_verbs.h"
#include "hear.h"
#include "history_verb.h"
#include "json_text.h"
#include "keeper.h"
#include "lists.h"
#include "lookup.h"
#include "parse.h"
#include "plan.h"
#include "protocol.h"
#include "prove.h"
#include "report.h"
#include "section.h"
#include "settings.h"
#include "trail.h"
#include "trial.h"
#include "verbs.h"

#define CONFIRM_MAX 86400 /* seconds */

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct plan *, plan_free);

const char *arg(const json_t *args, const char *name)
{
	const char *text = json_string_value(json_object_get(args, name));

	return text ? text : "";
}

int bad(struct answer *a)
{
	a->exit = EXIT_BAD;
	return -EINVAL;
}

int time_arg(const json_t *args, const char *name, uint32_t *seconds, struct answer *a)
{
	const char *text = arg(args, name);

	*seconds = 0;
	if (!*text || !seconds_parse(text, seconds))
		return 0;
	diag_add(&a->diag, "--%s %s: write a time as 90, 90s, 5m, 2h or 1d", name, text);
	return bad(a);
}

const struct privacy *eyes(const struct daemon *dm, const struct answer *a)
{
	return a->uid ? dm->privacy : NULL;
}

int address_arg(const json_t *args, struct sluice_addr *out, struct answer *a)
{
	const char *why = NULL;
	int err = address_parse(arg(args, "address"), out, &why);

	if (err == -EINVAL)
		diag_add(&a->diag, "'%s' %s", arg(args, "address"), why);
	return err == -EINVAL ? bad(a) : err;
}

void reason_say(const json_t *args, struct answer *a)
{
	if (strlen(arg(args, "reason")) >= SLUICE_TEXT_LEN)
		diag_add(&a->diag, "the reason is longer than %d bytes: only what comes before is kept",
			 SLUICE_TEXT_LEN - 1);
}

int prefix_arg(const json_t *args, const char *name, struct prefix *out, struct answer *a)
{
	struct ban_lines named = {};
	const char *why = NULL;
	int err = ban_text_parse(&named, arg(args, name), 0, 0, &why);

	if (!err && named.count != 1)
		why = "is more than one prefix: ask about one of them";
	if (why)
		diag_add(&a->diag, "'%s' %s", arg(args, name), why);
	if (!err && !why)
		*out = named.item[0].prefix;
	free(named.item);
	return why ? bad(a) : err;
}

int verb_status(struct daemon *dm, const json_t *args, struct answer *a)
{
	char where[LISTEN_TEXT_LEN];
	int err;

	(void)args;
	engine_audit(dm->engine, &dm->drift, &a->diag);
	err = report_status(dm->engine, "running", dm->drift, &a->data);
	if (err)
		return err;
	json_object_set_new(a->data, "lists", lists_json(dm));
	json_object_set_new(a->data, "metrics", json_string(exporter_where(dm, where)));
	return json_object_set_new(a->data, "live", settings_json(dm, eyes(dm, a), NULL));
}

int verb_counters(struct daemon *dm, const json_t *args, struct answer *a)
{
	(void)args;
	return report_counters(dm->engine, &a->data);
}

int verb_sources(struct daemon *dm, const json_t *args, struct answer *a)
{
	json_int_t top = json_integer_value(json_object_get(args, "top"));
	int err = report_sources(dm->engine, eyes(dm, a), arg(args, "service"), top > 0 ? top : 0, &a->data);

	return err == -ENOENT
		       ? section_missing(standing_live(dm->standing), SECTION_SERVICE, arg(args, "service"), &a->diag)
		       : err;
}

static int file_forecast(struct daemon *dm, const char *path, struct answer *a)
{
	const struct prove how = { .now = standing_live(dm->standing), .instance = dm->instance, .warnings = &a->diag };
	_cleanup_(policy_free) struct policy *want = NULL;

	return policy_prove(path, &how, &want, &a->diag) ? bad(a) : forecast_json(dm, want, &a->data, &a->diag);
}

json_t *kept_json(const struct daemon *dm)
{
	return json_pack("{s:o, s:o}", "config", json_line(dm->config), "policy",
			 json_line(standing_live(dm->standing)->path));
}

const char *kept_say(const struct daemon *dm)
{
	char real[PATH_MAX];

	return realpath(dm->config, real) && !strcmp(real, standing_live(dm->standing)->path)
		       ? ""
		       : "; until the next start or reload: --save keeps it";
}

/* The shield stands before the policy does. */
static int file_apply(struct daemon *dm, const json_t *args, struct answer *a)
{
	_cleanup_free_ char *counts = NULL;
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
		n = asprintf(&a->text, "%s; goes back in %us unless you say: sluicectl confirm", counts, confirm);
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

int verb_diff(struct daemon *dm, const json_t *args, struct answer *a)
{
	static const char *const kinds[] = { "added", "changed", "removed" };
	const char *path = *arg(args, "path") ? arg(args, "path") : dm->config;
	_cleanup_(policy_free) struct policy *want = NULL;
	_cleanup_(plan_free) struct plan *plan = NULL;
	size_t i;
	int err;

	err = policy_parse_file(path, standing_live(dm->standing), &want, &a->diag);
	if (err)
		return bad(a);
	err = plan_diff(standing_live(dm->standing), want, &plan);
	if (err)
		return err;
	a->data = json_array();
	for (i = 0; i < plan->count; i++)
		json_array_append_new(a->data, json_pack("{s:s, s:o}", "change", kinds[plan->item[i].kind], "what",
							 json_line(plan->item[i].what)));
	return asprintf(&a->text, "%u added, %u changed, %u removed", plan->added, plan->changed, plan->removed) < 0
		       ? -ENOMEM
		       : 0;
}

int verb_dump(struct daemon *dm, const json_t *args, struct answer *a)
{
	size_t size;
	FILE *out = open_memstream(&a->text, &size);
	int err;

	(void)args;
	if (!out)
		return -ENOMEM;
	err = policy_dump(standing_live(dm->standing), out);
	return fclose(out) ? -ENOMEM : err;
}

int verb_lookup(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct prefix about;
	int err = prefix_arg(args, "address", &about, a);

	if (!err)
		err = lookup_json(dm->engine, standing_live(dm->standing), &about.addr, &a->data);
	if (err || (a->uid && !privacy_shows(dm->privacy, &about)))
		return err;
	return held_json(dm->engine, &about, a->data);
}

int verb_explain(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct question q = { .service = arg(args, "service") };
	int err = prefix_arg(args, "address", &q.about, a);

	q.port = json_integer_value(json_object_get(args, "port"));
	if (!err)
		err = explain_json(dm, &q, &a->data, &a->diag);
	return err == -EINVAL ? bad(a) : err;
}

int verb_watch(struct daemon *dm, const json_t *args, struct answer *a)
{
	(void)args;
	a->stream = true;
	return watch_begin(dm);
}

/* The pins go when the answer is on its way: see main.c. */
int verb_unload(struct daemon *dm, const json_t *args, struct answer *a)
{
	int err = keeper_ask(dm, &a->diag);

	(void)args;
	if (err)
		return err;
	hear_end(dm);
	loop_let_go(dm);
	engine_close(dm->engine);
	dm->engine = NULL;
	err = keeper_unload(dm, &a->diag);
	dm->unloaded = true;
	return err;
}

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
	err = run_of(v)(dm, args, a);
	if (!err && v->right == API_WRITE && dm->engine)
		state_save(dm, &a->diag);
	standing_remind(dm->standing, &a->diag);
	if (err && !a->exit)
		a->exit = EXIT_FAILED;
	if (err && !a->diag.count)
		diag_add(&a->diag, "%s: %s", v->name, strerror(-err));
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
