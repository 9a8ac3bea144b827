/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "scope.h"
#include "suggest.h"
#include "value.h"

#define ROOM 2 /* of what all sources together were seen to hold or open */

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

static uint32_t interval_of(uint64_t width_ns)
{
	return width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000;
}

static int value_set(struct policy *p, const char *service, const char *key, const char *text, struct diag *d)
{
	const struct scope where = scope_of_service(service);

	return policy_set_value(p, &where, key, text, d);
}

static int count_set(struct policy *p, const char *service, const char *key, uint32_t n, struct diag *d)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return n ? value_set(p, service, key, text, d) : 0;
}

static int rate_set(struct policy *p, const char *service, const char *key, uint32_t n, uint64_t width_ns,
		    struct diag *d)
{
	char text[40], time[16];

	snprintf(text, sizeof(text), "%u/%s", n, seconds_format(interval_of(width_ns), time));
	return n && interval_of(width_ns) ? value_set(p, service, key, text, d) : 0;
}

int suggest_apply(struct policy *p, const char *service, const struct sluice_peaks *peaks, struct diag *d)
{
	struct suggestion connections, rate;
	int err;

	suggest_from(peaks->source_connections, &connections);
	suggest_from(peaks->source_rate, &rate);
	err = count_set(p, service, "max-connections", peaks->connections * ROOM, d);
	if (!err)
		err = count_set(p, service, "max-connections-per-source", connections.limit, d);
	if (!err)
		err = rate_set(p, service, "max-rate", peaks->rate * ROOM, peaks->total_width_ns, d);
	if (!err)
		err = rate_set(p, service, "max-rate-per-source", rate.limit, peaks->width_ns, d);
	return err;
}
