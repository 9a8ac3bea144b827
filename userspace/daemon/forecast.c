/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "forecast.h"
#include "impact.h"
#include "reason.h"
#include "tables.h"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

static const struct service_status *service_now(const struct snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->services_count; i++) {
		if (s->services[i].id && !strcmp(s->services[i].row.name, name))
			return &s->services[i];
	}
	return NULL;
}

static json_t *service_json(const struct forecast *f, const struct snapshot *s, const char *name)
{
	const struct sluice_service *row = &f->want->services[registry_service(f->registry, name)];
	const struct service_status *now = service_now(s, name);
	struct impact i = forecast_impact(f, name);

	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", name, "ipv4_refused", (json_int_t)i.refused[SLUICE_IPV4],
		"ipv4_admitted", (json_int_t)i.admitted[SLUICE_IPV4], "ipv6_refused",
		(json_int_t)i.refused[SLUICE_IPV6], "ipv6_admitted", (json_int_t)i.admitted[SLUICE_IPV6], "connections",
		(json_int_t)(now ? now->held - now->reserved : 0), "limit", (json_int_t)row->total.connections);
}

/* Why a source with so many connections would be refused the next; SLUICE_UNDECIDED: it would not. */
static enum sluice_reason refusal_of(const struct sluice_rule *rule, uint32_t connections)
{
	if (!rule || rule->action == SLUICE_ACTION_ALLOW)
		return SLUICE_UNDECIDED;
	if (rule->action == SLUICE_ACTION_DENY)
		return SLUICE_DENIED;
	if (rule->action == SLUICE_ACTION_COUNTRY)
		return SLUICE_COUNTRY;
	return rule->source.connections && connections >= rule->source.connections ? SLUICE_SOURCE_CONNECTIONS
										   : SLUICE_UNDECIDED;
}

static json_t *source_json(const struct forecast *f, const struct source_status *now, const char *service)
{
	const struct sluice_rule *rule = forecast_rule(f, &now->addr, service);
	enum sluice_reason why = refusal_of(rule, now->connections);
	struct prefix p = { now->addr, now->prefix_len };
	char text[ADDR_TEXT_LEN];

	if (why == SLUICE_UNDECIDED || !now->connections)
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:I, s:s}", "source", prefix_format(&p, text), "service", service,
			 "connections", (json_int_t)now->connections, "limit",
			 (json_int_t)(why == SLUICE_SOURCE_CONNECTIONS ? rule->source.connections : 0), "reason",
			 reason_label(why));
}

static int sources_forecast(struct daemon *dm, const struct forecast *f, json_t *out)
{
	_cleanup_free_ struct source_status *list = NULL;
	char service[SLUICE_NAME_LEN];
	size_t count = 0, i;
	json_t *row;
	int err;

	err = sources_read(dm->engine, 0, &list, &count);
	for (i = 0; i < count && !err; i++) {
		service_name_read(dm->engine, list[i].service, service);
		row = source_json(f, &list[i], service);
		if (row)
			json_array_append_new(out, row);
	}
	return err;
}

int forecast_json(struct daemon *dm, const struct policy *want, json_t **out, struct diag *d)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	json_t *services = json_array(), *sources = json_array();
	struct forecast f;
	size_t i;
	int err;

	err = forecast_make(dm->live, want, &f, d);
	if (!err)
		err = snapshot_take(dm->engine, &s);
	for (i = 0; i < want->services.count && !err; i++)
		json_array_append_new(services, service_json(&f, s, want->services.item[i].name));
	if (!err)
		err = sources_forecast(dm, &f, sources);
	forecast_free(&f);
	*out = json_pack("{s:o, s:o}", "services", services, "sources", sources);
	return err;
}
