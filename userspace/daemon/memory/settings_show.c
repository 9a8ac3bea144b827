/* SPDX-License-Identifier: BSD-2-Clause */
/* Live settings as data: for status, limits, export and the page. */
#include "settings_show.h"

#include <string.h>

#include "fleet_settings.h"
#include "json_text.h"
#include "override.h"
#include "redact.h"
#include "who.h"

static json_t *setting_json(const struct daemon *dm, const struct override *o, const struct privacy *eyes)
{
	_cleanup_free_ char *file = policy_get_value(standing_base(dm->standing), &o->scope, o->key);
	_cleanup_free_ char *value = policy_get_value(standing_live(dm->standing), &o->scope, o->key);
	char source[ADDR_TEXT_LEN] = "", what[SCOPE_TEXT_LEN], user[USER_TEXT_LEN];
	const struct scope *s = &o->scope;

	if (s->is_sender)
		privacy_show(eyes, &s->sender, source);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s, s:o, s:o, s:s*}", "what",
			 scope_format(s, source, what), "section", s->is_sender ? "sender" : section_names[s->section],
			 "name", s->title, "source", source, "key", o->key, "value",
			 redact_json(eyes, s->is_sender ? o->value : value ?: ""), "file",
			 s->is_sender ? json_null() : redact_json(eyes, file ?: ""), "uid", (json_int_t)o->uid, "user",
			 user_name(o->uid, user), "since", json_time(o->since), "until", json_time(override_until(o)),
			 "host", fleet_setting_origin(dm, o));
}

json_t *settings_json(const struct daemon *dm, const struct privacy *eyes, const struct sluice_addr *about)
{
	json_t *list = json_array();
	const struct override *o;

	for (o = standing_settings(dm->standing); o; o = o->next) {
		if (!about || (o->scope.is_sender && prefix_holds(&o->scope.sender, about)))
			json_array_append_new(list, setting_json(dm, o, eyes));
	}
	return list;
}
