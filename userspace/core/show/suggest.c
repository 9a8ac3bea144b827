/* SPDX-License-Identifier: BSD-2-Clause */
/* Derives limits from histograms of peaks. The daemon's verb calls it; pure. */
#include <string.h>

#include "suggest.h"
#include "value.h"

/* POP3, IMAP, submission, sieve: clients are people, who have many connections each and often share an address. */
static const uint16_t client_ports[] = { 110, 143, 465, 587, 993, 995, 4190 };

void suggest_from(const uint32_t histogram[static SLUICE_PEAKS], struct suggestion *out)
{
	unsigned int k;

	memset(out, 0, sizeof(*out));
	for (k = SLUICE_PEAKS - 1; k; k--)
		out->refused[k - 1] = out->refused[k] + histogram[k];
	out->sources = out->refused[0] + histogram[0];
	while (out->refused[out->highest])
		out->highest++;
	if (!out->sources)
		return;
	for (k = 0; out->refused[k] > out->sources / SUGGEST_SPARES; k++)
		;
	out->limit = 1U << k;
}

static bool is_for_clients(const struct sluice_service *s)
{
	unsigned int i, k;

	for (i = 0; i < s->ports_count; i++) {
		for (k = 0; k < sizeof(client_ports) / sizeof(*client_ports); k++) {
			if (s->ports[i] == client_ports[k])
				return true;
		}
	}
	return false;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Returns the limit for each source; 0: too few were seen. */
static uint32_t source_limit(const struct suggestion *s, bool client)
{
	if (s->sources < SUGGEST_LEAST)
		return 0;
	return client ? larger(s->limit, SUGGEST_CLIENT) : s->limit;
}

/* Returns the limit for all of them, which must leave room for more than one source that uses all it may. */
static uint32_t total_limit(uint32_t peak, uint32_t of_each)
{
	return of_each ? larger(peak, of_each) * SUGGEST_ROOM : 0;
}

static uint32_t interval_of(uint64_t width_ns)
{
	return width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000;
}

static struct rate rate_of(uint32_t count, uint64_t width_ns)
{
	uint32_t seconds = interval_of(width_ns);

	return (struct rate){ .count = seconds ? count : 0, .seconds = seconds };
}

void suggest_service(const struct sluice_service *s, const struct sluice_peaks *peaks, struct proposal *out)
{
	uint32_t each;

	*out = (struct proposal){ .client = is_for_clients(s) };
	suggest_from(peaks->source_connections, &out->connections);
	suggest_from(peaks->source_rate, &out->rate);
	out->max_connections_per_source = source_limit(&out->connections, out->client);
	out->max_connections = total_limit(peaks->connections, out->max_connections_per_source);
	each = source_limit(&out->rate, out->client);
	out->max_rate_per_source = rate_of(each, peaks->width_ns);
	out->max_rate = rate_of(total_limit(peaks->rate, each), peaks->total_width_ns);
}

static void count_write(const char *key, uint32_t n, FILE *out)
{
	if (n)
		fprintf(out, "    %s = %u\n", key, n);
}

static void rate_write(const char *key, const struct rate *r, FILE *out)
{
	char time[16];

	if (r->count)
		fprintf(out, "    %s = %u/%s\n", key, r->count, seconds_format(r->seconds, time));
}

void suggest_write(const char *service, const struct proposal *p, FILE *out)
{
	if (!p->max_connections && !p->max_rate.count && !p->max_rate_per_source.count)
		return;
	fprintf(out, "service %s {\n", service);
	count_write("max-connections", p->max_connections, out);
	count_write("max-connections-per-source", p->max_connections_per_source, out);
	rate_write("max-rate", &p->max_rate, out);
	rate_write("max-rate-per-source", &p->max_rate_per_source, out);
	if (p->countries)
		suggest_countries_key(p->countries, out);
	fputs("}\n", out);
}
