/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the content of the tables as JSON: see report.h. */
#include <errno.h>
#include <string.h>

#include "answers.h"
#include "cleanup.h"
#include "country.h"
#include "json_text.h"
#include "reason.h"
#include "redact.h"
#include "report.h"
#include "sums.h"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

static json_t *service_json(const struct service_status *s)
{
	struct sum_refusals not_admitted = sum_refusals(s->stats);
	json_t *ports = json_array();
	unsigned int i;

	for (i = 0; i < s->row.ports_count && i < SLUICE_SERVICE_PORTS; i++)
		json_array_append_new(ports, json_integer(s->row.ports[i]));
	return json_pack("{s:s, s:o, s:b, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", s->row.name, "ports",
			 ports, "pressure", s->pressure, "connections", s->held - s->reserved, "reserved", s->reserved,
			 "waiting", (json_int_t)s->waiting, "max_connections", (json_int_t)s->row.total.connections,
			 "max_connections_per_source", (json_int_t)s->row.source.connections,
			 "max_connections_per_network", (json_int_t)s->row.network.connections, "admitted",
			 (json_int_t)sum_admitted(s->stats), "refused", (json_int_t)not_admitted.refused, "observed",
			 (json_int_t)not_admitted.observed);
}

static json_t *tables_json(const struct snapshot *s)
{
	json_t *tables = json_array();
	size_t i;

	for (i = 0; i < MAP_USAGES; i++)
		json_array_append_new(tables, json_pack("{s:s, s:I, s:I, s:I}", "name", s->usage[i].name, "entries",
							(json_int_t)s->usage[i].entries, "capacity",
							(json_int_t)s->usage[i].capacity, "turned_away",
							(json_int_t)s->usage[i].turned_away));
	return tables;
}

/* null, or what became of a policy that was to be confirmed: {"state", "seconds", "policy"}. */
static json_t *confirm_json(const struct snapshot *s)
{
	if (s->trial == TRIAL_AWAITED)
		return json_pack("{s:s, s:I, s:o}", "state", "awaited", "seconds",
				 (json_int_t)((s->trial_ms + 999) / 1000), "policy", json_line(s->policy));
	if (s->trial == TRIAL_OVER || s->reverted_s)
		return json_pack("{s:s, s:o}", "state", "reverted", "policy", json_line(s->other_policy));
	return json_null();
}

/* "namespaces" is null if nobody has looked. */
static json_t *containers_json(const struct snapshot *s)
{
	const struct container_status *c;
	json_t *list = json_array();

	for (c = s->containers; c < s->containers + s->containers_count; c++)
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "name", c->name, "namespaces",
						      c->namespaces < 0 ? json_null() : json_integer(c->namespaces),
						      "why", json_line(c->why)));
	return list;
}

static const char *mode_text(const struct sluice_generation *g)
{
	if (!g->number)
		return "starting"; /* no policy was put in force yet */
	return g->observe ? "observe" : "enforce";
}

/* "answers" says who answers SYNs by cookies and refusals by RSTs there; "why" is given if the host does. */
static json_t *interface_json(const struct interface_status *i)
{
	if (!strcmp(i->xdp_mode, "detached"))
		return json_pack("{s:o, s:s}", "name", json_line(i->name), "xdp_mode", i->xdp_mode);
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:I, s:I}", "name", json_line(i->name), "xdp_mode", i->xdp_mode,
			 "mode_why", i->mode_why, "answers", i->why == SLUICE_ANSWERS_XDP ? "xdp" : "host", "why",
			 answers_why_text(i->why), "cookies_sent", (json_int_t)i->cookies_sent, "cookies_returned",
			 (json_int_t)i->cookies_returned);
}

/* Returns false if no packet is judged. */
static bool is_attached(const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->interfaces.count && !strcmp(s->interfaces.item[i].xdp_mode, "detached"); i++)
		;
	return i < s->interfaces.count;
}

json_t *status_json(const struct snapshot *s, const char *daemon, long drift)
{
	json_t *interfaces = json_array(), *services = json_array();
	size_t i;

	for (i = 0; i < s->interfaces.count; i++)
		json_array_append_new(interfaces, interface_json(&s->interfaces.item[i]));
	for (i = 0; i < s->services_count; i++) {
		if (s->services[i].id)
			json_array_append_new(services, service_json(&s->services[i]));
	}
	return json_pack("{s:s, s:s, s:I, s:o, s:o, s:b, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:o}", "daemon",
			 daemon, "mode", mode_text(&s->generation), "generation", (json_int_t)s->generation.number,
			 "policy", json_line(s->policy), "confirm", confirm_json(s), "attached", is_attached(s),
			 "interfaces", interfaces, "services", services, "tables", tables_json(s), "stands_open",
			 s->stands_open, "sources_tracked", (json_int_t)s->sources_tracked, "reservations",
			 (json_int_t)s->reservations, "drift", (json_int_t)drift, "healed", (json_int_t)s->healed,
			 "containers", containers_json(s));
}

static json_t *countries_json(const struct country_counts *counts)
{
	json_t *list = json_array();
	char text[3];
	int i;

	for (i = 0; i < SLUICE_COUNTRIES; i++) {
		if (counts->admitted[i] || counts->refused[i])
			json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "country", country_text(i, text),
							      "admitted", (json_int_t)counts->admitted[i], "refused",
							      (json_int_t)counts->refused[i]));
	}
	return list;
}

/* Adds "countries" of each service; null if no database is in force. */
static int services_locate(const struct engine *e, const struct snapshot *s, json_t *services)
{
	struct country_counts counts = {};
	size_t i, next = 0;
	int err = 0;

	for (i = 0; i < s->services_count && !err; i++) {
		if (!s->services[i].id)
			continue;
		err = countries_read(e, s, s->services[i].id, &counts);
		json_object_set_new(json_array_get(services, next++), "countries",
				    generation_knows_countries(&s->generation) ? countries_json(&counts) : json_null());
	}
	return err;
}

int report_status(const struct engine *e, const char *daemon, long drift, json_t **out)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	int err = snapshot_take(e, &s);

	if (err)
		return err;
	*out = status_json(s, daemon, drift);
	return *out ? services_locate(e, s, json_object_get(*out, "services")) : -ENOMEM;
}

json_t *report_starting(void)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:[], s:[], s:I}", "daemon", "starting", "mode", "starting",
			 "generation", (json_int_t)0, "policy", "", "interfaces", "services", "sources_tracked",
			 (json_int_t)0);
}

json_t *counters_json(const struct snapshot *s)
{
	json_t *list = json_array();
	const struct sluice_stat *c;
	size_t i, why;

	for (i = 0; i < s->services_count; i++) {
		for (why = 0; why < SLUICE_REASONS; why++) {
			c = &s->services[i].stats[why];
			if (!c->packets && !c->observed)
				continue;
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "service", s->services[i].row.name,
						"reason", reason_label(why), "refusal", reason_refuses(why), "packets",
						(json_int_t)c->packets, "connections", (json_int_t)c->connections,
						"observed", (json_int_t)c->observed));
		}
	}
	return list;
}

int report_counters(const struct engine *e, json_t **out)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	int err = snapshot_take(e, &s);

	if (err)
		return err;
	*out = counters_json(s);
	return *out ? 0 : -ENOMEM;
}

static const char *service_name(const struct snapshot *s, unsigned int id)
{
	size_t i;

	for (i = 0; i < s->services_count; i++) {
		if (s->services[i].id == id)
			return s->services[i].row.name;
	}
	return "(retired)";
}

static int service_id(const struct snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->services_count && *name; i++) {
		if (!strcmp(s->services[i].row.name, name))
			return s->services[i].id;
	}
	return *name ? -ENOENT : 0;
}

/* Returns NULL without memory. */
static json_t *source_json(const struct snapshot *s, const struct privacy *eyes, const struct source_status *of)
{
	const struct prefix p = { of->addr, of->prefix_len };
	uint64_t since = of->since_ns ? (of->since_ns + clock_shift()) / 1000000000 : 0;
	char text[ADDR_TEXT_LEN], country[3];

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "source", privacy_show(eyes, &p, text), "service",
			 service_name(s, of->service), "connections", (json_int_t)of->connections, "reserved",
			 (json_int_t)of->reserved, "peak", (json_int_t)of->peak, "limit", (json_int_t)of->limit,
			 "country",
			 s->generation.geo_built ? json_string(country_text(of->country, country)) : json_null(),
			 "since", json_time(since));
}

int report_sources(const struct engine *e, const struct privacy *eyes, const char *service, size_t top, json_t **out)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	_cleanup_free_ struct source_status *list = NULL;
	size_t count = 0, i;
	int err, id;

	err = snapshot_take(e, &s);
	if (err)
		return err;
	id = service_id(s, service);
	if (id < 0)
		return id;
	err = sources_read(e, id, &list, &count);
	count = !top || count < top ? count : top;
	if (!err)
		err = sources_date(e, list, count);
	if (err)
		return err;
	*out = json_array();
	for (i = 0; i < count; i++)
		json_array_append_new(*out, source_json(s, eyes, &list[i]));
	return 0;
}

int report_allows(const struct engine *e, const struct privacy *eyes, json_t **out)
{
	_cleanup_free_ struct live_status *list = NULL;
	char text[ADDR_TEXT_LEN];
	size_t count = 0, i;
	json_t *expires;
	int err;

	err = allows_read(e, &list, &count);
	if (err)
		return err;
	*out = json_array();
	for (i = 0; i < count; i++) {
		expires = list[i].expires_in ? json_integer(list[i].expires_in) : json_null();
		json_array_append_new(*out,
				      json_pack("{s:s, s:o, s:o}", "source", privacy_show(eyes, &list[i].prefix, text),
						"expires_in", expires, "reason", redact_json(eyes, list[i].text)));
	}
	return 0;
}

static json_t *ban_json(const struct ban *b, const struct privacy *eyes)
{
	json_t *expires = b->expires_in ? json_integer(b->expires_in) : json_null();
	char text[ADDR_TEXT_LEN];

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:I, s:I}", "source",
			 privacy_show(eyes, &b->prefix, text), "expires_in", expires, "reason",
			 redact_json(eyes, b->text), "ends", json_time(b->ends), "owner", redact_json(eyes, b->owner),
			 "since", json_time(b->since), "observe", b->observe, "in_force", b->leads, "packets",
			 (json_int_t)b->packets, "connections", (json_int_t)b->connections);
}

static void origin_add(json_t *one, const struct ban_origins *origins, const struct ban *b)
{
	const char *host = origins->of(origins->arg, b);

	if (host)
		json_object_set_new(one, "host", json_line(host));
}

int report_bans(const struct engine *e, const struct privacy *eyes, const struct bans_wanted *want,
		const struct ban_origins *origins, json_t **out)
{
	struct bans all = {};
	int err = bans_read(e, want, &all);
	json_t *one;
	size_t i;

	*out = err ? NULL : json_array();
	for (i = 0; i < all.count && !err; i++) {
		one = ban_json(&all.item[i], eyes);
		if (origins)
			origin_add(one, origins, &all.item[i]);
		json_array_append_new(*out, one);
	}
	free(all.item);
	return err;
}
