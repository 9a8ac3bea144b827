/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs geo-status and geo-update, and keeping copies of what is in force: see geo_verbs.h. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "clone.h"
#include "data.h"
#include "forecast.h"
#include "geo_age.h"
#include "geo_diff.h"
#include "geo_keep.h"
#include "geo_verbs.h"
#include "instance.h"
#include "json_text.h"
#include "protocol.h"
#include "verbs.h"

#define GEO_CHANGES 10 /* most changes that are named */
#define KEEP_AGAIN 600 /* seconds until the next try after a copy that failed */

DEFINE_CLEANUP(struct policy *, policy_free);

static json_t *file_json(const struct geo_file *f, enum sluice_geo_kind kind)
{
	static const char *const kinds[SLUICE_GEO_KINDS] = { "country", "asn" };

	return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s, s:I, s:b}", "path", json_line(f->path), "kind",
			 kinds[kind], "format", f->format, "ipv4", (json_int_t)f->entries[kind][SLUICE_IPV4], "ipv6",
			 (json_int_t)f->entries[kind][SLUICE_IPV6], "built", (json_int_t)f->built, "skipped",
			 (json_int_t)f->skipped, "kept", f->kept, "published", f->pace->published, "old_after",
			 (json_int_t)f->pace->days * 86400, "old", geo_file_is_old(f, time(NULL)));
}

/* Adds a row for each kind of data in the file. */
static void file_rows(const struct geo_file *f, json_t *rows)
{
	int kind;

	for (kind = 0; kind < SLUICE_GEO_KINDS; kind++) {
		if (f->entries[kind][SLUICE_IPV4] || f->entries[kind][SLUICE_IPV6])
			json_array_append_new(rows, file_json(f, kind));
	}
}

int verb_geo_status(struct daemon *dm, const json_t *args, struct answer *a)
{
	const struct geo *g = standing_live(dm->standing)->geo;
	json_t *files = json_array();
	size_t i;

	(void)args;
	for (i = 0; g && i < g->files; i++)
		file_rows(&g->file[i], files);
	a->data = json_pack("{s:o, s:I}", "databases", files, "built", (json_int_t)(g ? g->built : 0));
	return a->data ? 0 : -ENOMEM;
}

/* Returns a copy of the policy with its databases read again, or NULL with a message. */
static struct policy *policy_refreshed(const struct policy *p, struct diag *d)
{
	_cleanup_(policy_free) struct policy *fresh = policy_clone(p);

	if (!fresh)
		return NULL;
	geo_free(fresh->geo);
	fresh->geo = NULL;
	return databases_read(fresh, NULL, d) ? NULL : TAKE_PTR(fresh);
}

/* Lists the countries that changed most, and how many did. */
static json_t *changes_json(const struct geo_change *changes, int count)
{
	json_t *list = json_array();
	const struct geo_change *c;
	char text[3];

	for (c = changes; c < changes + count && c < changes + GEO_CHANGES; c++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:I, s:I}", "country", country_text(c->country, text),
						"ipv4_gained", (json_int_t)c->gained[SLUICE_IPV4], "ipv4_lost",
						(json_int_t)c->lost[SLUICE_IPV4], "ipv6_gained",
						(json_int_t)c->gained[SLUICE_IPV6], "ipv6_lost",
						(json_int_t)c->lost[SLUICE_IPV6]));
	return list;
}

/* `before` was in force. Adds to the answer, and to the log, what an update has changed. */
static int changes_say(const struct geo *before, const struct geo *now, json_t *data)
{
	_cleanup_free_ struct geo_change *changes = calloc(SLUICE_COUNTRIES, sizeof(*changes));
	int count = changes ? geo_diff(before, now, changes) : -ENOMEM;
	char text[3];

	if (count < 0)
		return count;
	json_object_set_new(data, "changed_countries", json_integer(count));
	json_object_set_new(data, "changes", changes_json(changes, count));
	log_say(LOG_NOTICE, "databases read again: the address space of %d countries changed%s%s", count,
		count ? ", mostly of " : "", count ? country_text(changes->country, text) : "");
	return 0;
}

static int geo_replace(struct daemon *dm, struct policy *fresh, bool force, struct answer *a)
{
	struct geo *before = geo_hold(standing_live(dm->standing)->geo);
	int err = standing_geo(dm->standing, fresh->geo, force, &a->diag);

	if (err == -EINVAL)
		a->exit = EXIT_BAD;
	if (!err)
		err = verb_geo_status(dm, NULL, a);
	if (!err)
		err = changes_say(before, standing_live(dm->standing)->geo, a->data);
	geo_free(before);
	return err;
}

int verb_geo_update(struct daemon *dm, const json_t *args, struct answer *a)
{
	_cleanup_(policy_free) struct policy *fresh = NULL;
	bool force = json_is_true(json_object_get(args, "force"));

	geo_keep_insist(force);
	fresh = policy_refreshed(standing_live(dm->standing), &a->diag);
	geo_keep_insist(false);
	if (!fresh || geo_is_kept(fresh->geo)) { /* a caller who asks for new data must learn that there is none */
		a->exit = EXIT_BAD;
		return -EINVAL;
	}
	if (!fresh->geo) {
		diag_add(
			&a->diag,
			"nothing to update: the policy names no country and no database, and there is none of tor-geoipdb that it counts by");
		return -ENOENT;
	}
	if (json_is_true(json_object_get(args, "dry_run")))
		return forecast_json(dm, fresh, &a->data, &a->diag);
	return geo_replace(dm, fresh, force, a);
}

void geo_tick(struct daemon *dm)
{
	struct geo *geo = standing_live(dm->standing)->geo;
	struct timespec now;
	struct diag d = {};
	char dir[4096];

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!geo || dm->kept == geo || standing_awaited(dm->standing) || standing_held(dm->standing) ||
	    now.tv_sec < dm->keep_next)
		return;
	mkdir(state_dir(dir), 0700); /* the next line reports what is wrong with it */
	dm->keep_next = now.tv_sec + KEEP_AGAIN;
	if (!geo_keep(geo, &d)) {
		geo_free(dm->kept);
		dm->kept = geo_hold(geo);
		dm->keep_next = 0;
	}
	log_diag(LOG_ERR, &d);
}
