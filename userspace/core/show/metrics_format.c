/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the two texts of metrics an HTTP client wants: called by the exporter. Pure. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "metrics.h"

#define OPENMETRICS "application/openmetrics-text"

/* Returns the weight of one element of an Accept header ("type/sub;version=1;q=0.5"), or 1 if it has none. */
static double weight_of(const char *element)
{
	const char *q = strcasestr(element, "q=");

	return q ? strtod(q + 2, NULL) : 1;
}

enum metrics_format metrics_format_of(const char *accept)
{
	_cleanup_free_ char *copy = strdup(accept ? accept : "");
	double open = 0, other = 0, *best;
	char *element, *save;

	if (!copy)
		return METRICS_TEXT;
	for (element = strtok_r(copy, ",", &save); element; element = strtok_r(NULL, ",", &save)) {
		best = strcasestr(element, OPENMETRICS) ? &open : &other;
		if (weight_of(element) > *best)
			*best = weight_of(element);
	}
	return open > 0 && open >= other ? METRICS_OPENMETRICS : METRICS_TEXT;
}

const char *metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS ? OPENMETRICS "; version=1.0.0; charset=utf-8"
					     : "text/plain; version=0.0.4; charset=utf-8";
}
