/* SPDX-License-Identifier: BSD-2-Clause */
/* What the status page shows in addition to the figures: see overview.h. figures.c calls it. Owns nothing. */
#include "overview.h"

#include "bans_owners.h"
#include "fleet_host.h"
#include "history_day.h"
#include "redact.h"
#include "settings_show.h"

/* Readers of the page must not see addresses, whatever `privacy` says. */
static void address_hide(json_t *setting, const char *key)
{
	const char *text = json_string_value(json_object_get(setting, key));

	if (text && redact_finds(text))
		json_object_set_new(setting, key, json_null());
}

static json_t *live_json(const struct daemon *dm)
{
	json_t *list = settings_json(dm, NULL, NULL), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		json_object_del(one, "source");
		json_object_del(one, "what");
		address_hide(one, "value");
		address_hide(one, "file");
	}
	return list;
}

static json_t *bans_json(const struct daemon *dm)
{
	const struct ban_owners *o = dm->ban_owners;
	json_t *list = json_array();
	size_t i;

	if (bans_owners(dm->engine, dm->ban_owners))
		return list;
	for (i = 0; i < o->count; i++) {
		if (o->item[i].bans)
			json_array_append_new(list, json_pack("{s:s, s:I}", "owner", o->item[i].name, "bans",
							      (json_int_t)o->item[i].bans));
	}
	return list;
}

static json_t *changed_json(const struct daemon *dm)
{
	if (!dm->changed.at)
		return json_pack("{s:I, s:s, s:s}", "time", (json_int_t)dm->started, "what", "start", "by", "sluiced");
	return json_pack("{s:I, s:s, s:s}", "time", (json_int_t)dm->changed.at, "what", dm->changed.verb, "by",
			 dm->changed.by);
}

json_t *overview_json(const struct daemon *dm)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "started", (json_int_t)dm->started, "peaks",
			 history_peaks_json(dm), "live", live_json(dm), "bans", bans_json(dm), "changed",
			 changed_json(dm), "fleet", fleet_page_json(dm));
}
