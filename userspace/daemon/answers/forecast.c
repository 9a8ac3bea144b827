/* SPDX-License-Identifier: BSD-2-Clause */
/* Says what a wanted policy would change, judged by what is connected and remembered now: see forecast.h. */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "forecast.h"
#include "impact.h"
#include "observed.h"
#include "reason.h"
#include "tables.h"

#define ROWS 1000

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

/* Added up, the parts may be slightly more than the whole. */
static double percent(double share)
{
	return share < 1 ? 100 * share : 100;
}

/* The shares of each family's address space, in percent. */
static json_t *shares_json(const struct impact *i)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "ipv4_refused", percent(i->refused.share[SLUICE_IPV4]),
			 "ipv4_admitted", percent(i->admitted.share[SLUICE_IPV4]), "ipv6_refused",
			 percent(i->refused.share[SLUICE_IPV6]), "ipv6_admitted",
			 percent(i->admitted.share[SLUICE_IPV6]));
}

static json_t *service_json(const struct forecast *f, const struct snapshot *s, const char *name)
{
	const struct sluice_service *row = &f->want->services[registry_service(f->registry, name)];
	const struct service_status *now = service_now(s, name);
	struct impact i = forecast_impact(f, name);

	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:o, s:I, s:I}", "name", name, "ipv4_refused",
		(json_int_t)i.refused.count[SLUICE_IPV4], "ipv4_admitted", (json_int_t)i.admitted.count[SLUICE_IPV4],
		"ipv6_refused", (json_int_t)i.refused.count[SLUICE_IPV6], "ipv6_admitted",
		(json_int_t)i.admitted.count[SLUICE_IPV6], "shares", shares_json(&i), "connections",
		(json_int_t)(now ? now->held - now->reserved : 0), "limit", (json_int_t)row->total.connections);
}

/* Returns why a source would be refused its next connection, or one that it had; SLUICE_UNDECIDED if it would not. */
static enum sluice_reason refusal_of(const struct sluice_rule *rule, const struct source_status *s)
{
	uint32_t limit = rule ? rule->source.connections : 0;

	if (!rule || rule->action == SLUICE_ACTION_ALLOW)
		return SLUICE_UNDECIDED;
	if (rule->action == SLUICE_ACTION_DENY)
		return SLUICE_DENIED;
	if (rule->action == SLUICE_ACTION_COUNTRY)
		return SLUICE_COUNTRY;
	return limit && (s->connections >= limit || s->peak > limit) ? SLUICE_SOURCE_CONNECTIONS : SLUICE_UNDECIDED;
}

static json_t *source_json(const struct source_status *s, const char *service, uint32_t limit, enum sluice_reason why)
{
	struct prefix p = { s->addr, s->prefix_len };
	char text[ADDR_TEXT_LEN];

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "source", prefix_format(&p, text), "service", service,
			 "connections", (json_int_t)s->connections, "peak", (json_int_t)s->peak, "limit",
			 (json_int_t)limit, "reason", reason_label(why));
}

/* All sources that are tracked, as the future policy would judge them. */
struct judged {
	size_t sources;
	size_t refused; /* a connection that they had, or their next one */
	size_t next; /* of these: those that are connected, and would be refused the next connection */
	size_t above; /* of these: hold more than their limit */
	json_t *rows; /* those refused with the most connections, at most ROWS */
	json_t *observed; /* those that observe mode would have refused */
};

static void source_judge(const struct forecast *f, const struct source_status *s, const char *service,
			 struct judged *out)
{
	const struct sluice_rule *rule = forecast_rule(f, &s->addr, service);
	enum sluice_reason why = refusal_of(rule, s);
	uint32_t limit = why == SLUICE_SOURCE_CONNECTIONS ? rule->source.connections : 0;

	out->sources++;
	if (why == SLUICE_UNDECIDED)
		return;
	out->next += s->connections && s->connections >= limit;
	out->above += limit && s->connections > limit;
	if (out->refused++ < ROWS)
		json_array_append_new(out->rows, source_json(s, service, limit, why));
}

static void sources_judge(struct daemon *dm, const struct forecast *f, const struct source_status *list, size_t count,
			  struct judged *out)
{
	char service[SLUICE_NAME_LEN] = "";
	unsigned int named = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].service != named)
			service_name_read(dm->engine, list[i].service, service);
		named = list[i].service;
		source_judge(f, &list[i], service, out);
	}
}

static int senders_judge(struct daemon *dm, const struct forecast *f, struct judged *out)
{
	_cleanup_free_ struct source_status *list = NULL;
	size_t count = 0;
	int err = sources_tracked(dm->engine, &list, &count);

	if (err)
		return err;
	sources_judge(dm, f, list, count, out);
	out->observed = observed_json(dm, f, list, count);
	return out->observed ? 0 : -ENOMEM;
}

/* The table of the new policy's services cannot show those that it no longer has. */
static void unguarded_say(const struct policy *now, const struct policy *want, struct diag *d)
{
	size_t i;

	for (i = 0; i < now->services.count; i++)
		if (!policy_service_find(want, now->services.item[i].name))
			diag_add(d, "service %s is not in it: what it guards would have no limits",
				 now->services.item[i].name);
}

int forecast_json(struct daemon *dm, const struct policy *want, json_t **out, struct diag *d)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	struct judged judged = { .rows = json_array() };
	json_t *services = json_array();
	struct forecast f;
	size_t i;
	int err;

	unguarded_say(standing_live(dm->standing), want, d);
	err = forecast_make(standing_live(dm->standing), want, &f, d);
	if (!err)
		err = snapshot_take(dm->engine, &s);
	for (i = 0; i < want->services.count && !err; i++)
		json_array_append_new(services, service_json(&f, s, want->services.item[i].name));
	if (!err)
		err = senders_judge(dm, &f, &judged);
	forecast_free(&f);
	*out = json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o*}", "services", services, "sources", judged.rows,
			 "judged", (json_int_t)judged.sources, "refused", (json_int_t)judged.refused, "next",
			 (json_int_t)judged.next, "above", (json_int_t)judged.above, "retention",
			 (json_int_t)policy_retention(standing_live(dm->standing)), "observed", judged.observed);
	return err;
}
