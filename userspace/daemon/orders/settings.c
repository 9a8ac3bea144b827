/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that set something live, and end it: set, unset, mode, limit, unlimit, limits. standing_live.c puts them in force, save.c writes them. */
#include "settings_show.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

#include "fleet_settings.h"
#include "fleet_share.h"
#include "forecast.h"
#include "json_text.h"
#include "override.h"
#include "own.h"
#include "private.h"
#include "protocol.h"
#include "prove.h"
#include "reason.h"
#include "tables.h"
#include "utc.h"
#include "who.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct snapshot *, snapshot_free);

static int override_try(struct daemon *dm, const struct override *want, struct answer *a)
{
	_cleanup_(policy_free) struct policy *p = standing_preview(dm->standing, want, &a->diag);
	const struct prove how = { .now = standing_live(dm->standing), .instance = dm->instance };

	if (p && override_wants_warning(want))
		owns_warn(p, &a->diag);
	return p && !policy_stands(p, &how, &a->diag) ? forecast_json(dm, p, &a->data, &a->diag) : bad(a);
}

static int until_say(const struct daemon *dm, const struct override *want, bool shared, struct answer *a)
{
	const struct override *o = override_find(standing_settings(dm->standing), &want->scope, want->key);
	const char *where = fleet_reach(fleet_shares_settings(dm), !shared);
	uint64_t until = o ? override_until(o) : 0;
	char when[UTC_LEN];
	int n;

	n = until ? asprintf(&a->text, "in force%s until %s, or the next reload%s", where, utc_say(until, when),
			     shared ? " of this one" : "")
		  : asprintf(&a->text, "in force%s until the next reload%s", where, shared ? " of this one" : "");
	return n < 0 ? -ENOMEM : 0;
}

static int override_keep(struct daemon *dm, const struct override *want, bool shared, struct answer *a)
{
	_cleanup_free_ char *path = NULL;
	int err = setting_save(dm, want, &path, &a->diag);

	if (err) {
		diag_add(&a->diag, "it is in force until the next reload, but not saved");
		return err;
	}
	standing_saved(dm->standing, want, &(struct place){ path, SAVED_LINE });
	if (shared)
		diag_add(&a->diag, "the other hosts of the fleet have it live: save it there, too");
	return asprintf(&a->text, "in force, and saved in %s", path) < 0 ? -ENOMEM : 0;
}

static int override_put(struct daemon *dm, const struct override *want, const json_t *args, struct answer *a)
{
	bool shared = false;
	uint32_t seconds;
	int err = time_arg(args, "for", &seconds, a);

	if (!err && json_is_true(json_object_get(args, "dry_run")))
		return override_try(dm, want, a);
	if (!err)
		err = standing_set(dm->standing, want, seconds, &a->diag);
	if (err == -EINVAL)
		a->exit = EXIT_BAD;
	if (err)
		return err;
	if (!want->scope.is_sender && want->scope.section != SECTION_TOP)
		shared = fleet_say_setting(dm, &want->scope, want->key, json_is_true(json_object_get(args, "local")),
					   &a->diag);
	return json_is_true(json_object_get(args, "save")) ? override_keep(dm, want, shared, a)
							   : until_say(dm, want, shared, a);
}

/* Keys and values are only read, and copied when they are stored. */
static char *borrowed(const json_t *args, const char *name)
{
	return (char *)(uintptr_t)arg(args, name);
}

static int title_arg(const json_t *args, const char *name, struct scope *out, struct answer *a)
{
	if (strlen(arg(args, name)) >= sizeof(out->title)) {
		diag_add(&a->diag, "no %s '%s': a name has at most %d bytes", section_names[out->section],
			 arg(args, name), SLUICE_NAME_LEN - 1);
		return bad(a);
	}
	strcpy(out->title, arg(args, name));
	return 0;
}

/* A service or a set. */
static int section_arg(const json_t *args, const char *verb, const char *value, struct scope *out, struct answer *a)
{
	bool set = *arg(args, "set");

	if (set == !!*arg(args, "service")) {
		diag_add(&a->diag, "name a service or a set: %s service SERVICE KEY%s, or %s source-set NAME KEY%s",
			 verb, value, verb, value);
		return bad(a);
	}
	out->section = set ? SECTION_SET : SECTION_SERVICE;
	return title_arg(args, set ? "set" : "service", out, a);
}

int verb_set(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct override want = { .key = borrowed(args, "key"), .value = borrowed(args, "value"), .uid = a->uid };
	int err = section_arg(args, "set", " VALUE", &want.scope, a);

	return err ? err : override_put(dm, &want, args, a);
}

int verb_unset(struct daemon *dm, const json_t *args, struct answer *a)
{
	const char *key = arg(args, "key");
	char where[SCOPE_TEXT_LEN];
	struct scope what = {};
	_cleanup_free_ char *saved = NULL;
	bool had = false, shared;
	int err = section_arg(args, "unset", "", &what, a);

	if (!err)
		err = standing_unset(dm->standing, &what, key, &had, &a->diag);
	if (err)
		return err == -EINVAL ? bad(a) : err;
	saved = setting_saved(dm, &what, key);
	if (saved)
		diag_add(&a->diag,
			 "set --save wrote it to %s, which still counts: remove that, then run: sluicectl reload",
			 saved);
	shared = fleet_unsay_setting(dm, &what, key, &a->diag);
	if (!had && !shared) {
		diag_add(&a->diag, "%s is not set live at %s: `sluicectl status` lists what is", key,
			 scope_format(&what, "", where));
		return -ENOENT;
	}
	a->text = strdup(shared ? "ended on all hosts of the fleet: their policy files count again"
				: "ended: the policy file counts again");
	return a->text ? 0 : -ENOMEM;
}

int verb_mode(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct override want = { .value = borrowed(args, "mode"), .uid = a->uid };
	char key[] = "mode";

	want.key = key;
	return override_put(dm, &want, args, a);
}

/* Behind a translator's prefix, the sender is the IPv4 prefix inside. */
static int sender_arg(const struct daemon *dm, const json_t *args, struct scope *out, struct answer *a)
{
	const char *why = NULL;
	int err = prefix_parse(arg(args, "prefix"), &out->sender, &why);

	if (err == -EINVAL)
		diag_add(&a->diag, "'%s' %s", arg(args, "prefix"), why);
	if (err)
		return err == -EINVAL ? bad(a) : err;
	out->section = SECTION_SERVICE;
	out->is_sender = true;
	engine_who_prefix(dm->engine, &out->sender);
	return title_arg(args, "service", out, a);
}

/* Warns if the policy does more with this sender than limit it: nobody should expect a limit to help then. */
static int sender_say(const struct daemon *dm, const struct scope *who, struct answer *a)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	const char *nobody = prefix_without_senders(&who->sender);
	struct lookup_status look;
	int err = snapshot_take(dm->engine, &s);
	char text[ADDR_TEXT_LEN];
	size_t i;

	if (nobody)
		diag_add(&a->diag, "no connection comes from %s: %s", prefix_format(&who->sender, text), nobody);

	for (i = 0; !err && i < s->services_count; i++) {
		if (!s->services[i].id || (*who->title && strcmp(who->title, s->services[i].row.name)))
			continue;
		if (lookup_read(dm->engine, &who->sender.addr, s->services[i].id, &look))
			continue;
		if (reason_refuses(look.reason))
			diag_add(&a->diag, "%s refuses it all the same (%s): sluicectl explain names the rule",
				 s->services[i].row.name, reason_label(look.reason));
		else if (look.reason == SLUICE_ALLOWED)
			diag_add(&a->diag, "%s lets it in without any limit", s->services[i].row.name);
	}
	return err;
}

int verb_limit(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct override want = { .key = borrowed(args, "key"), .value = borrowed(args, "value"), .uid = a->uid };
	int err = sender_arg(dm, args, &want.scope, a);

	if (!err)
		err = override_put(dm, &want, args, a);
	return err || !a->text ? err : sender_say(dm, &want.scope, a);
}

int verb_unlimit(struct daemon *dm, const json_t *args, struct answer *a)
{
	unsigned int count = 0;
	struct scope who = {};
	int err = sender_arg(dm, args, &who, a);

	if (!err)
		err = standing_unlimit(dm->standing, &who.sender, who.title, &count, &a->diag);
	if (err)
		return err == -EINVAL ? bad(a) : err;
	if (!count) {
		diag_add(&a->diag, "%s has no limit of its own%s%s: `sluicectl limits` lists them", arg(args, "prefix"),
			 *who.title ? " at " : "", who.title);
		return -ENOENT;
	}
	return asprintf(&a->text, "%u limit%s ended", count, count == 1 ? "" : "s") < 0 ? -ENOMEM : 0;
}

int verb_limits(struct daemon *dm, const json_t *args, struct answer *a)
{
	json_t *all = settings_json(dm, eyes(dm, a), NULL), *one;
	size_t i;

	(void)args;
	a->data = json_array();
	json_array_foreach(all, i, one)
	{
		if (*json_string_value(json_object_get(one, "source")))
			json_array_append(a->data, one);
	}
	json_decref(all);
	return a->data ? 0 : -ENOMEM;
}
