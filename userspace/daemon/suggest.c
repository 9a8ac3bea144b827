/* SPDX-License-Identifier: BSD-2-Clause */
/* suggest: limits that fit what was seen. */
#include <errno.h>
#include <string.h>

#include "clone.h"
#include "dump.h"
#include "suggest.h"
#include "json_text.h"
#include "tables.h"
#include "value.h"
#include "verbs.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct snapshot *, snapshot_free);

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
		a->data = json_pack("{s:O, s:o}", "services", list, "policy", json_lines(text));
	json_decref(list);
	return err ? err : a->data ? 0 : -ENOMEM;
}
