/* SPDX-License-Identifier: BSD-2-Clause */
/* Gathers the figures that metrics and the page show: see figures.h. */
#include <errno.h>
#include <string.h>

#include "bans_owners.h"
#include "country.h"
#include "figures.h"
#include "fleet_host.h"
#include "geo_age.h"
#include "lists.h"
#include "overview.h"
#include "protocol.h"
#include "reason.h"
#include "refusals.h"
#include "report.h"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

/* A snapshot, and figures that point into it. */
struct figures {
	struct snapshot *snapshot;
	struct metrics metrics;
	struct metrics_service services[SLUICE_MAX_SERVICES];
	struct metrics_country *countries; /* for all services */
	struct metrics_database *databases;
	struct metrics_map maps[MAP_USAGES];
	struct metrics_interface *interfaces;
	struct metrics_owner owners[BAN_OWNERS_NAMED + 1];
	struct metrics_list *lists;
};

static void figures_free(struct figures *f)
{
	snapshot_free(f->snapshot);
	free(f->interfaces);
	free(f->lists);
	free(f->countries);
	free(f->databases);
	free(f);
}
DEFINE_CLEANUP(struct figures *, figures_free);

static void services_gather(const struct daemon *dm, struct figures *f)
{
	const struct service_status *s = f->snapshot->services;
	size_t i;

	for (i = 0; i < f->snapshot->services_count; i++)
		f->services[i] = (struct metrics_service){
			.name = s[i].row.name,
			.other = !s[i].id,
			.connections = s[i].held - s[i].reserved,
			.limit = s[i].row.total.connections,
			.pressure = s[i].pressure,
			.fleet = dm->fleet && s[i].row.fleet,
			.fleet_over = fleet_over(dm, &s[i].row),
			.stats = s[i].stats,
		};
	f->metrics.services = f->services;
	f->metrics.services_count = i;
}

/* Adds the countries that were let in or refused at one service. Returns how many. */
static int countries_gather(const struct engine *e, const struct snapshot *s, unsigned int service,
			    struct metrics_country *out)
{
	struct country_counts counts;
	int err = countries_read(e, s, service, &counts), country, n = 0;

	for (country = 0; country < SLUICE_COUNTRIES && !err; country++) {
		if (!counts.refused[country] && !counts.admitted[country])
			continue;
		country_text(country, out[n].code);
		out[n].refused = counts.refused[country];
		out[n++].admitted = counts.admitted[country];
	}
	return err ? err : n;
}

static int all_countries_gather(const struct engine *e, struct figures *f)
{
	struct metrics_country *next;
	size_t i;
	int n;

	f->countries = calloc(f->snapshot->services_count * SLUICE_COUNTRIES + 1, sizeof(*f->countries));
	if (!f->countries)
		return -ENOMEM;
	next = f->countries;
	for (i = 0; i < f->snapshot->services_count; i++) {
		n = countries_gather(e, f->snapshot, f->snapshot->services[i].id, next);
		if (n < 0)
			return n;
		f->services[i].countries = next;
		f->services[i].countries_count = n;
		next += n;
	}
	return 0;
}

static void geo_gather(const struct sluice_generation *g, struct metrics *m)
{
	m->geo_entries[SLUICE_IPV4] = g->geo_entries[SLUICE_GEO_COUNTRY][SLUICE_IPV4];
	m->geo_entries[SLUICE_IPV6] = g->geo_entries[SLUICE_GEO_COUNTRY][SLUICE_IPV6];
	m->geo_built = g->geo_built;
}

static int databases_gather(const struct geo *g, struct figures *f)
{
	const struct geo_file *file;
	size_t i;

	f->databases = calloc((g ? g->files : 0) + 1, sizeof(*f->databases));
	if (!f->databases)
		return -ENOMEM;
	for (i = 0; g && i < g->files; i++) {
		file = &g->file[i];
		f->databases[i] = (struct metrics_database){ file->path, file->built, file->pace->days * 86400ULL,
							     file->skipped, file->kept };
	}
	f->metrics.databases = f->databases;
	f->metrics.databases_count = i;
	return 0;
}

static void tables_gather(struct figures *f)
{
	const struct snapshot *s = f->snapshot;
	size_t i;

	for (i = 0; i < MAP_USAGES; i++)
		f->maps[i] = (struct metrics_map){ s->usage[i].name, s->usage[i].entries, s->usage[i].capacity };
	f->metrics.maps = f->maps;
	f->metrics.maps_count = i;
	for (i = 0; i < s->interfaces.count; i++)
		f->interfaces[i] =
			(struct metrics_interface){ s->interfaces.item[i].name, s->interfaces.item[i].xdp_mode };
	f->metrics.interfaces = f->interfaces;
	f->metrics.interfaces_count = i;
}

static void list_gather(void *arg, const struct policy_set *s, const char *key, struct list_file *l)
{
	const uint64_t now = time(NULL);
	struct figures *f = arg;

	f->lists[f->metrics.lists_count++] = (struct metrics_list){
		.set = s->name,
		.key = key,
		.entries = list_file_entries(l),
		.skipped = l->bad,
		.age = now > l->written ? now - l->written : 0,
		.known = l->state != LIST_NONE,
		.last_good = l->state == LIST_KEPT,
	};
}

static int lists_gather(const struct daemon *dm, struct figures *f)
{
	f->lists = calloc(standing_live(dm->standing)->sets.count * 2 + 1, sizeof(*f->lists));
	if (!f->lists)
		return -ENOMEM;
	lists_each(standing_live(dm->standing), list_gather, f);
	f->metrics.lists = f->lists;
	return 0;
}

static int figures_take(const struct daemon *dm, struct figures **out)
{
	_cleanup_(figures_free) struct figures *f = calloc(1, sizeof(*f));
	struct refusals_sums remembered;
	int err;

	if (!f)
		return -ENOMEM;
	err = dm->engine ? snapshot_take(dm->engine, &f->snapshot) : -ENODEV;
	if (err)
		return err;
	f->interfaces = calloc(f->snapshot->interfaces.count + 1, sizeof(*f->interfaces));
	if (!f->interfaces)
		return -ENOMEM;
	f->metrics = (struct metrics){
		.version = SLUICE_VERSION,
		.generation = f->snapshot->generation.number,
		.observe = f->snapshot->generation.observe,
		.unconfirmed = f->snapshot->trial == TRIAL_AWAITED,
		.reverts = f->snapshot->reverts,
		.applied_at = standing_applied_at(dm->standing),
		.reload_failed = standing_reload_failed(dm->standing),
		.drift = dm->drift,
		.sources_tracked = f->snapshot->sources_tracked,
	};
	remembered = refusals_sums(dm->refusals);
	f->metrics.remembered = remembered.entries;
	f->metrics.forgotten = remembered.forgotten;
	f->metrics.untold = remembered.untold;
	services_gather(dm, f);
	fleet_metrics(dm, &f->metrics.fleet);
	tables_gather(f);
	geo_gather(&f->snapshot->generation, &f->metrics);
	err = databases_gather(standing_live(dm->standing)->geo, f);
	if (!err)
		err = all_countries_gather(dm->engine, f);
	if (!err)
		err = lists_gather(dm, f);
	if (err)
		return err;
	*out = TAKE_PTR(f);
	return 0;
}

static int owners_gather(const struct daemon *dm, struct figures *f)
{
	const struct ban_owners *o = dm->ban_owners;
	int err = bans_owners(dm->engine, dm->ban_owners);
	size_t i;

	for (i = 0; i < o->count && !err; i++)
		f->owners[i] = (struct metrics_owner){ o->item[i].name, o->item[i].bans };
	f->metrics.owners = f->owners;
	f->metrics.owners_count = i;
	return err;
}

int figures_text(const struct daemon *dm, enum metrics_format format, FILE *out)
{
	_cleanup_(figures_free) struct figures *f = NULL;
	int err = figures_take(dm, &f);

	if (!err)
		err = owners_gather(dm, f);
	return err ? err : metrics_write(&f->metrics, format, out);
}

static json_t *countries_json(const struct metrics *m)
{
	json_t *list = json_array();
	const struct metrics_country *c;
	size_t i, n;

	for (i = 0; i < m->services_count; i++) {
		for (n = 0; n < m->services[i].countries_count; n++) {
			c = &m->services[i].countries[n];
			json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "service", m->services[i].name,
							      "country", c->code, "refused", (json_int_t)c->refused,
							      "admitted", (json_int_t)c->admitted));
		}
	}
	return list;
}

/* Maps each reason that refuses to the sentence that says what it means. */
static json_t *reasons_json(void)
{
	json_t *map = json_object();
	int why;

	for (why = 0; why < SLUICE_REASONS; why++) {
		if (reason_refuses(why))
			json_object_set_new(map, reason_label(why), json_string(reason_help(why)));
	}
	return map;
}

static json_t *maps_json(const struct metrics *m)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < m->maps_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", m->maps[i].name, "entries",
						      (json_int_t)m->maps[i].entries, "capacity",
						      (json_int_t)m->maps[i].capacity));
	return list;
}

int figures_json(const struct daemon *dm, FILE *out)
{
	_cleanup_(figures_free) struct figures *f = NULL;
	const struct metrics *m;
	json_t *all, *more;
	int err;

	err = figures_take(dm, &f);
	if (err)
		return err;
	m = &f->metrics;
	all = json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:{s:I, s:I, s:I}}", "time",
			(json_int_t)time(NULL), "version", m->version, "instance", dm->instance, "status",
			status_json(f->snapshot, "running", dm->drift), "counters", counters_json(f->snapshot),
			"countries", countries_json(m), "reasons", reasons_json(), "maps", maps_json(m), "applied_at",
			(json_int_t)m->applied_at, "reload_failed", m->reload_failed, "geoip", "ipv4",
			(json_int_t)m->geo_entries[0], "ipv6", (json_int_t)m->geo_entries[1], "built",
			(json_int_t)m->geo_built);
	more = overview_json(dm);
	err = !all || !more || json_object_update(all, more) ? -ENOMEM : json_dumpf(all, out, JSON_COMPACT) ? -EIO : 0;
	json_decref(more);
	json_decref(all);
	return err;
}

int figures_health(const struct daemon *dm, FILE *out, bool *healthy)
{
	_cleanup_(figures_free) struct figures *f = NULL;
	const struct metrics *m;
	size_t i;
	int err;

	err = figures_take(dm, &f);
	if (err)
		return err;
	m = &f->metrics;
	*healthy = m->interfaces_count;
	if (!*healthy)
		fputs("attached to nothing, no packet is judged\n", out);
	for (i = 0; i < m->interfaces_count; i++) {
		if (strcmp(m->interfaces[i].mode, "detached"))
			continue;
		fprintf(out, "interface %s: detached, nothing is judged there\n", m->interfaces[i].name);
		*healthy = false;
	}
	if (m->drift > 0) {
		fprintf(out, "counters differ from sockets by %ld\n", m->drift);
		*healthy = false;
	}
	if (*healthy)
		fputs("ok\n", out);
	return 0;
}
