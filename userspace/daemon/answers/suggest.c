/* SPDX-License-Identifier: BSD-2-Clause */
/* The verb suggest: limits that fit the observed traffic, as a file for conf.d, whose comments say what they are based on. */
#include "suggest.h"

#include <errno.h>
#include <string.h>

#include "json_text.h"
#include "report.h"
#include "suggest_countries.h"
#include "tables.h"
#include "utc.h"
#include "value.h"
#include "verbs.h"

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
			k < 10 ? 4 : 1, "", s->refused[k], s->sources,
			s->limit == 1U << k && s->sources >= SUGGEST_LEAST ? "   <- spares 99.9 %" : "");
}

static const char *interval_text(uint64_t width_ns, char buf[static 16])
{
	return seconds_format(width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000, buf);
}

/* Writes what the proposal rests on, or why there is none. */
static void reasons_write(const char *name, const struct sluice_peaks *peaks, const struct proposal *p, FILE *out)
{
	char unit[24] = "/", time[16];

	fprintf(out, "\n# service %s: %u sources; all together at most %u connections at once, %u new in %s\n", name,
		p->connections.sources, peaks->connections, peaks->rate, interval_text(peaks->total_width_ns, time));
	strcat(unit, interval_text(peaks->width_ns, time));
	steps_write("max-connections-per-source", "", &p->connections, out);
	steps_write("max-rate-per-source", unit, &p->rate, out);
	if (!p->max_connections)
		fprintf(out, "#   nothing is suggested: fewer than %d sources are too few\n", SUGGEST_LEAST);
	else if (p->client)
		fprintf(out, "#   mail clients connect there: at least %d for each source\n", SUGGEST_CLIENT);
}

static json_t *proposal_json(const struct proposal *p)
{
	char time[16], text[2][40] = { "", "" };
	const struct rate *rates[] = { &p->max_rate, &p->max_rate_per_source };
	json_t *out = json_object();
	int i;

	for (i = 0; i < 2; i++) {
		if (rates[i]->count)
			snprintf(text[i], sizeof(text[i]), "%u/%s", rates[i]->count,
				 seconds_format(rates[i]->seconds, time));
	}
	if (p->max_connections) {
		json_object_set_new(out, "max-connections", json_integer(p->max_connections));
		json_object_set_new(out, "max-connections-per-source", json_integer(p->max_connections_per_source));
	}
	if (*text[0])
		json_object_set_new(out, "max-rate", json_string(text[0]));
	if (*text[1])
		json_object_set_new(out, "max-rate-per-source", json_string(text[1]));
	return out;
}

static json_t *shares_json(const struct country_shares *s, time_t since)
{
	json_t *shares = json_array(), *proposed = json_array();
	char text[3];
	size_t i;

	for (i = 0; i < s->count; i++) {
		json_array_append_new(shares,
				      json_pack("{s:s, s:I, s:f}", "country", country_text(s->item[i].country, text),
						"admitted", (json_int_t)s->item[i].count, "percent",
						100.0 * s->item[i].count / s->sample));
		if (i < s->kept)
			json_array_append_new(proposed, json_string(text));
	}
	return json_pack("{s:o, s:I, s:o, s:o, s:I, s:s?}", "since", json_time(since), "admitted",
			 (json_int_t)s->sample, "shares", shares, "allow-countries", proposed, "would_refuse",
			 (json_int_t)(s->kept ? s->left : 0), "why_none", s->why);
}

/* *since is 0 if no database is in force. */
static int countries_suggest(struct daemon *dm, const struct service_status *of, bool located, struct proposal *p,
			     struct country_shares *out, time_t *since)
{
	const struct policy_service *s = policy_service_find(standing_live(dm->standing), of->row.name);
	struct admitted_from from = {};
	int err = located ? admitted_from_read(dm->engine, of->id, &from) : 0;

	suggest_countries(from.country, p->client, s && (s->allow_countries.count || s->deny_countries.count),
			  p->connections.sources >= SUGGEST_LEAST, out);
	p->countries = out;
	*since = from.since;
	return err;
}

static int service_suggest(struct daemon *dm, const struct service_status *s, bool located, json_t *list, FILE *out)
{
	struct sluice_peaks peaks;
	struct proposal p;
	struct country_shares shares;
	time_t since = 0;
	int err = peaks_read(dm->engine, s->id, &peaks);

	if (err)
		return err;
	suggest_service(&s->row, &peaks, &p);
	reasons_write(s->row.name, &peaks, &p, out);
	err = countries_suggest(dm, s, located, &p, &shares, &since);
	suggest_countries_write(&shares, time(NULL) - since, out);
	suggest_write(s->row.name, &p, out);
	json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:b, s:o, s:o}", "service", s->row.name,
					      "sources", (json_int_t)p.connections.sources, "peak_connections",
					      (json_int_t)peaks.connections, "peak_rate", (json_int_t)peaks.rate,
					      "connections", steps_json(&p.connections), "rates", steps_json(&p.rate),
					      "client", p.client, "proposed", proposal_json(&p), "countries",
					      since ? shares_json(&shares, since) : json_null()));
	return err;
}

/* Writes comments, so that the whole text is a policy file. */
static void head_write(const struct snapshot *s, time_t since, FILE *out)
{
	char when[UTC_LEN], span[16];

	fprintf(out,
		"# What was seen since %s, for %s (for a service added later, since then). A limit for a source is the lowest\n"
		"# power of two that would have refused at most one source in %d (the 99.9th percentile). For all together, twice the\n"
		"# highest peak, or twice the limit of one source if that is more. Sources in sets with limits of their own do not count.\n"
		"# Save this in conf.d, which the policy must include: include(conf.d/*.conf). Then: sluicectl diff, sluicectl reload.\n",
		utc_say(since, when), seconds_format(time(NULL) - since, span), SUGGEST_SPARES);
	if (time(NULL) - since < 86400)
		fputs("# That is less than a day: the busiest hour may be missing.\n", out);
	if (!s->generation.observe)
		fputs("# The limits in force hide what they refuse: use mode = observe to see everything.\n", out);
}

/* What the shares of countries rest on. */
static void origins_write(const struct daemon *dm, bool located, FILE *out)
{
	if (!located) {
		fputs("# Countries are not counted, since no country database is in force: install tor-geoipdb and reload, or name one:\n"
		      "# geoip { database = {...} }.\n",
		      out);
		return;
	}
	fprintf(out,
		"# Countries are those of connections that were let in, so frequent clients weigh more. Refusals do not count, and neither do\n"
		"# private addresses, which allow-countries lets in%s.\n",
		standing_live(dm->standing)->allow_private
			? ""
			: " only if geoip { allow-private } is not false, as it is now");
}

static int suggest_all(struct daemon *dm, time_t since, json_t *list, FILE *out)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	int err = snapshot_take(dm->engine, &s);
	bool located;
	size_t i;

	if (err)
		return err;
	located = generation_knows_countries(&s->generation);
	head_write(s, since, out);
	origins_write(dm, located, out);
	for (i = 0; i < s->services_count && !err; i++) {
		if (s->services[i].id)
			err = service_suggest(dm, &s->services[i], located, list, out);
	}
	return err;
}

int verb_suggest(struct daemon *dm, const json_t *args, struct answer *a)
{
	_cleanup_free_ char *text = NULL;
	json_t *list = json_array();
	time_t since = 0;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err = out ? peaks_since(dm->engine, &since) : -ENOMEM;

	(void)args;
	if (!err)
		err = suggest_all(dm, since, list, out);
	if (out && fclose(out))
		err = -ENOMEM;
	if (!err)
		a->data = json_pack("{s:O, s:o, s:o, s:I, s:f, s:i}", "services", list, "policy", json_lines(text),
				    "since", json_time(since), "seconds", (json_int_t)(time(NULL) - since),
				    "percentile", 100 - 100.0 / SUGGEST_SPARES, "least_sources", SUGGEST_LEAST);
	json_decref(list);
	return err ? err : a->data ? 0 : -ENOMEM;
}
