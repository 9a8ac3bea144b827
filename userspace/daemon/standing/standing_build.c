/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the wanted policy from a file and live settings, and checks it. Puts nothing in force. See standing_state.h. */

#include "check.h"
#include "clone.h"
#include "data.h"
#include "standing_state.h"

DEFINE_CLEANUP(struct policy *, policy_free);

struct policy *standing_lay(const struct standing *s, const struct policy *base, const struct override *settings,
			    const struct override *last, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = policy_clone(base);
	const struct override *o;

	for (o = settings; o && p; o = o->next) {
		if (policy_set_value(p, &o->scope, o->key, o->value, d))
			return NULL;
	}
	if (p && last && policy_set_value(p, &last->scope, last->key, last->value, d))
		return NULL;
	if (!p || policy_check(p, d) || lists_complete(p, s->now.live, d) || databases_read(p, s->now.live, d))
		return NULL;
	return TAKE_PTR(p);
}

static bool is_good(const struct standing *s, const struct override *settings, struct diag *d)
{
	struct policy *p = standing_lay(s, s->now.base, settings, NULL, d);

	policy_free(p);
	return p;
}

/* Whether the setting can be in force together with those in the list; if so, adds it. */
static bool setting_join(const struct standing *s, struct override **list, struct override *o, struct diag *why)
{
	o->next = *list;
	if (!is_good(s, o, why))
		return false;
	*list = o;
	return true;
}

static void setting_drop(const struct standing *s, struct override *o, struct diag *d)
{
	_cleanup_free_ char *text = override_text(s->privacy, o);

	diag_add(d, "the live setting of %s is dropped", text ? text : o->key);
	override_free(o);
}

/* Makes one round through those that wait. Returns whether any of them has joined. */
static bool settings_join(const struct standing *s, struct override **list, struct override **waiting)
{
	struct override *left = NULL, *o;
	struct diag ignored = {};
	bool joined = false;

	while ((o = *waiting)) {
		*waiting = o->next;
		if (setting_join(s, list, o, &ignored)) {
			joined = true;
			continue;
		}
		o->next = left;
		left = o;
	}
	*waiting = overrides_reversed(left);
	diag_free(&ignored);
	return joined;
}

/* Tries the oldest first; a setting that needs a later one is tried again after that. */
static void settings_sift(struct standing *s, struct diag *d)
{
	struct override *waiting = overrides_reversed(s->now.settings), *o;

	s->now.settings = NULL;
	while (settings_join(s, &s->now.settings, &waiting))
		;
	while ((o = waiting)) {
		waiting = o->next;
		if (!setting_join(s, &s->now.settings, o, d))
			setting_drop(s, o, d);
	}
}

/* If the files' policy is bad by itself (a database is away for a moment), no setting is to blame. */
struct policy *standing_lay_what_fits(struct standing *s, struct diag *d)
{
	struct diag ignored = {};
	struct policy *p = standing_lay(s, s->now.base, s->now.settings, NULL, &ignored);

	diag_free(&ignored);
	if (p || !is_good(s, NULL, d))
		return p;
	settings_sift(s, d);
	s->ops->record(s->arg);
	return standing_lay(s, s->now.base, s->now.settings, NULL, d);
}
