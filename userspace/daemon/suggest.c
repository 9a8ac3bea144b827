/* SPDX-License-Identifier: BSD-2-Clause */
/* suggest: limits that fit what was seen. --dry-run: what other limits would refuse of what is there now. */
#include <errno.h>
#include <string.h>

#include "clone.h"
#include "compile.h"
#include "dump.h"
#include "parse.h"
#include "reason.h"
#include "suggest.h"
#include "tables.h"
#include "value.h"
#include "verbs.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct snapshot *, snapshot_free);
DEFINE_CLEANUP(struct compiled *, compiled_free);

static json_t *steps_json(const struct suggestion *s)
{
	json_t *list = json_array();
	unsigned int k;

	for (k = 0; k <= s->highest && s->sources; k++)
		json_array_append_new(list, json_pack("{s:I, s:I}", "limit", (json_int_t)(1U << k), "refused",
						      (json_int_t)s->refused[k]));
	return list;
}

static void steps_write(const char *key, const char *unit, const struct suggestion *s, FILE *out)
{
	unsigned int k;

	for (k = 0; k <= s->highest && s->sources; k++)
		fprintf(out, "#   %s = %u%s%*s would have refused %u of %u sources%s\n", key, 1U << k, unit,
			k < 10 ? 4 : 1, "", s->refused[k], s->sources, s->limit == 1U << k ? "   <- suggested" : "");
}

/* Comments, so that the whole text is a policy. */
static void service_write(const char *name, const struct sluice_peaks *p, const struct suggestion *connections,
			  const struct suggestion *rate, FILE *out)
{
	char unit[24] = "/", time[16];

	if (!connections->sources) {
		fprintf(out, "# service %s: no connection was seen yet: its limits are as they are\n", name);
		return;
	}
	strcat(unit, seconds_format(p->width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000, time));
	fprintf(out, "# service %s: at most %u connections at once, %u new in %s, all sources together\n", name,
		p->connections, p->rate,
		seconds_format(p->total_width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000, time));
	steps_write("max-connections-per-source", "", connections, out);
	steps_write("max-rate-per-source", unit, rate, out);
}

static int service_suggest(const struct daemon *dm, const struct service_status *s, struct policy *want, json_t *list,
			   FILE *out, struct diag *d)
{
	struct suggestion connections, rate;
	struct sluice_peaks p;
	int err = peaks_read(dm->engine, s->id, &p);

	if (err)
		return err;
	suggest_from(p.source_connections, &connections);
	suggest_from(p.source_rate, &rate);
	service_write(s->row.name, &p, &connections, &rate, out);
	json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "service", s->row.name, "sources",
					      (json_int_t)connections.sources, "peak_connections",
					      (json_int_t)p.connections, "peak_rate", (json_int_t)p.rate, "connections",
					      steps_json(&connections), "rates", steps_json(&rate)));
	return suggest_apply(want, s->row.name, &p, d);
}

static int suggest_write(const struct daemon *dm, json_t *list, FILE *out, struct diag *d)
{
	_cleanup_(policy_free) struct policy *want = policy_clone(dm->live);
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	int err = want ? snapshot_take(dm->engine, &s) : -ENOMEM;
	size_t i;

	if (err)
		return err;
	fputs("# What was seen since sluice was loaded. Sources in sets with limits of their own are not among it.\n",
	      out);
	if (!s->generation.observe)
		fputs("# The limits in force hide what they refused: mode = observe shows all.\n", out);
	for (i = 0; i < s->services_count && !err; i++) {
		if (s->services[i].id)
			err = service_suggest(dm, &s->services[i], want, list, out, d);
	}
	fputc('\n', out);
	return err ? err : policy_dump(want, out);
}

int verb_suggest(struct daemon *dm, const json_t *args, struct answer *a)
{
	_cleanup_free_ char *text = NULL;
	json_t *list = json_array();
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	(void)args;
	if (!out)
		return -ENOMEM;
	err = suggest_write(dm, list, out, &a->diag);
	if (fclose(out))
		err = -ENOMEM;
	if (!err)
		a->data = json_pack("{s:O, s:s}", "services", list, "policy", text);
	json_decref(list);
	return err ? err : a->data ? 0 : -ENOMEM;
}

struct tally {
	unsigned int full, over, denied; /* sources that hold their limit; of these, more than that; sources denied */
};

/* What a policy would say to the next connection of a source that holds some now; SLUICE_UNDECIDED: welcome. */
static enum sluice_reason source_judge(const struct compiled *c, const struct source_status *s, unsigned int id,
				       struct sluice_rule *rule)
{
	*rule = c->rules[c->classes[compiled_class(c, &s->addr)].rule[id]];
	if (rule->action == SLUICE_ACTION_DENY)
		return SLUICE_DENIED;
	if (rule->action == SLUICE_ACTION_LIMIT && rule->source.connections &&
	    s->connections >= rule->source.connections)
		return SLUICE_SOURCE_CONNECTIONS;
	return SLUICE_UNDECIDED;
}

static void tally_add(struct tally *t, enum sluice_reason why, const struct source_status *s, uint32_t limit)
{
	t->denied += why == SLUICE_DENIED;
	t->full += why == SLUICE_SOURCE_CONNECTIONS;
	t->over += why == SLUICE_SOURCE_CONNECTIONS && s->connections > limit;
}

static int sources_judge(const struct daemon *dm, const struct compiled *c, const struct registry *names, json_t *list,
			 struct tally *t)
{
	_cleanup_free_ struct source_status *now = NULL;
	char name[SLUICE_NAME_LEN], text[ADDR_TEXT_LEN];
	enum sluice_reason why;
	struct sluice_rule rule;
	struct prefix p;
	size_t count = 0, i;
	int err = sources_read(dm->engine, 0, &now, &count);

	for (i = 0; i < count && !err; i++) {
		service_name_read(dm->engine, now[i].service, name);
		if (!now[i].connections || !registry_service(names, name))
			continue;
		why = source_judge(c, &now[i], registry_service(names, name), &rule);
		if (why == SLUICE_UNDECIDED)
			continue;
		tally_add(t, why, &now[i], rule.source.connections);
		p = (struct prefix){ now[i].addr, now[i].prefix_len };
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I}", "service", name, "source",
						      prefix_format(&p, text), "reason", reason_label(why),
						      "connections", (json_int_t)now[i].connections, "limit",
						      (json_int_t)rule.source.connections));
	}
	return err;
}

static int services_judge(const struct daemon *dm, const struct compiled *c, const struct registry *names, json_t *list)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	int err = snapshot_take(dm->engine, &s);
	const struct service_status *now;
	uint32_t limit, held;
	size_t i;

	for (i = 0; i < (err ? 0 : s->services_count); i++) {
		now = &s->services[i];
		held = now->held - now->reserved;
		limit = c->services[registry_service(names, now->row.name)].total.connections;
		if (now->id && limit && held >= limit)
			json_array_append_new(list,
					      json_pack("{s:s, s:n, s:s, s:I, s:I}", "service", now->row.name, "source",
							"reason", reason_label(SLUICE_SERVICE_CONNECTIONS),
							"connections", (json_int_t)held, "limit", (json_int_t)limit));
	}
	return err;
}

int dry_run(struct daemon *dm, const struct policy *want, struct answer *a)
{
	_cleanup_free_ struct registry *names = calloc(1, sizeof(*names)); /* the engine's own stays as it is */
	_cleanup_(compiled_free) struct compiled *c = NULL;
	json_t *list = json_array();
	struct tally t = {};
	int err;

	err = names ? policy_compile(want, names, &c, &a->diag) : -ENOMEM;
	if (!err)
		err = services_judge(dm, c, names, list);
	if (!err)
		err = sources_judge(dm, c, names, list, &t);
	if (err) {
		json_decref(list);
		return err;
	}
	a->data = list;
	return asprintf(
		       &a->text,
		       "nothing is changed: the next connection of %u sources would be refused (%u of them hold more than "
		       "the limit), %u sources denied",
		       t.full, t.over, t.denied) < 0
		       ? -ENOMEM
		       : 0;
}
