/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "addr.h"
#include "forecast.h"
#include "impact.h"
#include "reason.h"
#include "tables.h"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

static json_t *impact_json(const struct forecast *f, const char *service)
{
	struct impact i = forecast_impact(f, service);

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", service, "ipv4_refused",
			 (json_int_t)i.refused[SLUICE_IPV4], "ipv4_admitted", (json_int_t)i.admitted[SLUICE_IPV4],
			 "ipv6_refused", (json_int_t)i.refused[SLUICE_IPV6], "ipv6_admitted",
			 (json_int_t)i.admitted[SLUICE_IPV6]);
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
	return rule->source.connections && connections > rule->source.connections ? SLUICE_SOURCE_CONNECTIONS
										  : SLUICE_UNDECIDED;
}

static const char *name_of(const struct snapshot *s, unsigned int id)
{
	size_t i;

	for (i = 0; i < s->services_count; i++) {
		if (s->services[i].id == id)
			return s->services[i].row.name;
	}
	return "";
}

static int sources_forecast(struct daemon *dm, const struct forecast *f, json_t *out)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	_cleanup_free_ struct source_status *list = NULL;
	char text[ADDR_TEXT_LEN];
	enum sluice_reason why;
	const char *service;
	size_t count = 0, i;
	struct prefix p;
	int err;

	err = snapshot_take(dm->engine, &s);
	if (!err)
		err = sources_read(dm->engine, 0, &list, &count);
	for (i = 0; i < count && !err; i++) {
		service = name_of(s, list[i].service);
		why = refusal_of(forecast_rule(f, &list[i].addr, service), list[i].connections);
		if (why == SLUICE_UNDECIDED)
			continue;
		p = (struct prefix){ list[i].addr, list[i].prefix_len };
		json_array_append_new(out, json_pack("{s:s, s:s, s:I, s:s}", "source", prefix_format(&p, text),
						     "service", service, "connections", (json_int_t)list[i].connections,
						     "reason", reason_label(why)));
	}
	return err;
}

int forecast_json(struct daemon *dm, const struct policy *want, json_t **out, struct diag *d)
{
	json_t *services = json_array(), *sources = json_array();
	struct forecast f;
	size_t i;
	int err;

	err = forecast_make(dm->live, want, &f, d);
	for (i = 0; i < want->services_count && !err; i++)
		json_array_append_new(services, impact_json(&f, want->services[i].name));
	if (!err)
		err = sources_forecast(dm, &f, sources);
	forecast_free(&f);
	*out = json_pack("{s:o, s:o}", "services", services, "sources", sources);
	return err;
}
