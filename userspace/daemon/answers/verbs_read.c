/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that only read, except those with files of their own. */
#include <string.h>

#include "dump.h"
#include "explain.h"
#include "exporter.h"
#include "fleet_host.h"
#include "hear.h"
#include "history.h"
#include "history_day.h"
#include "json_text.h"
#include "lists.h"
#include "lookup.h"
#include "parse.h"
#include "plan.h"
#include "report.h"
#include "section.h"
#include "settings_show.h"
#include "verbs.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct plan *, plan_free);

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

static int service_missing(const struct daemon *dm, const char *service, struct answer *a)
{
	section_missing(standing_live(dm->standing), SECTION_SERVICE, service, &a->diag);
	return bad(a);
}

static int sources_of_fleet(struct daemon *dm, const json_t *args, size_t top, struct answer *a)
{
	if (*arg(args, "service") && !policy_service_find(standing_live(dm->standing), arg(args, "service")))
		return service_missing(dm, arg(args, "service"), a);
	a->data = fleet_sources_json(dm, eyes(dm, a), arg(args, "service"), top, &a->later);
	return a->data ? 0 : no_fleet(a);
}

int verb_sources(struct daemon *dm, const json_t *args, struct answer *a)
{
	json_int_t top = json_integer_value(json_object_get(args, "top"));
	int err;

	if (json_is_true(json_object_get(args, "fleet")))
		return sources_of_fleet(dm, args, top > 0 ? top : 0, a);
	err = report_sources(dm->engine, eyes(dm, a), arg(args, "service"), top > 0 ? top : 0, &a->data);
	return err == -ENOENT ? service_missing(dm, arg(args, "service"), a) : err;
}

/* Live settings are no part of a file, so a policy that is put in force ends them. */
static int dropped_say(const struct override *settings, struct diag *d)
{
	_cleanup_free_ char *names = NULL;
	size_t len;
	FILE *out;

	if (!settings)
		return 0;
	out = open_memstream(&names, &len);
	if (!out)
		return -ENOMEM;
	overrides_list(settings, out);
	if (fclose(out))
		return -ENOMEM;
	diag_add(d, "reload and apply also end what is set live: %s", names);
	return 0;
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
	err = dropped_say(standing_settings(dm->standing), &a->diag);
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
	if (!err)
		err = asked_json(dm->engine, &about, a->data);
	if (err || (a->uid && !privacy_shows(dm->privacy, &about)))
		return err;
	return held_json(dm->engine, &about, a->data);
}

int verb_explain(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct question q = { .service = arg(args, "service"), .eyes = eyes(dm, a) };
	int err = prefix_arg(args, "address", &q.about, a);

	q.port = json_integer_value(json_object_get(args, "port"));
	if (!err)
		err = explain_json(dm, &q, &a->data, &a->later, &a->diag);
	return err == -EINVAL ? bad(a) : err;
}

int verb_watch(struct daemon *dm, const json_t *args, struct answer *a)
{
	(void)args;
	a->stream = true;
	return hear_watch(dm, true);
}

int verb_history(struct daemon *dm, const json_t *args, struct answer *a)
{
	const char *service = arg(args, "service");
	uint32_t seconds;
	int err = time_arg(args, "since", &seconds, a);

	if (!err && *service && !history_find(dm->history, service))
		err = service_missing(dm, service, a);
	if (err)
		return err;
	a->data = history_json(dm, service, seconds);
	return a->data ? 0 : -ENOMEM;
}
