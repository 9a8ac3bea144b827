/* SPDX-License-Identifier: BSD-2-Clause */
/* What `top` shows, and how it is asked for. */
#ifndef SLUICE_CLI_TOP_H
#define SLUICE_CLI_TOP_H

#include "cli.h"

enum top_sort { TOP_BY_CONNECTIONS, TOP_BY_SHARE, TOP_BY_SERVICE, TOP_BY_SOURCE, TOP_SORTS };

struct top {
	const struct call *call;
	json_t *status, *sources, *counters, *before; /* answers of the daemon; counters of the look before */
	double seconds; /* between the two */
	enum top_sort sort;
	char filter[48]; /* "": all sources and services */
	int selected; /* row of the sources shown */
	char message[160]; /* last line */
};

/* top_model.c: sources that pass the filter, in order; owned by the caller. */
json_t *top_rows(const struct top *t);
/* Refusals of a reason at all services per second; the reasons that had any, most first: [{"reason", "rate"}]. */
json_t *top_refusals(const struct top *t);
const char *top_sort_name(enum top_sort sort);

/* top_draw.c */
void top_draw(struct top *t);

#endif
