/* SPDX-License-Identifier: BSD-2-Clause */
/* What `top` shows, and how it is asked for. */
#ifndef SLUICE_CLI_TOP_H
#define SLUICE_CLI_TOP_H

#include "cli.h"

enum top_sort { TOP_BY_CONNECTIONS, TOP_BY_SHARE, TOP_BY_SERVICE, TOP_BY_SOURCE, TOP_SORTS };

/* What the keys mean now. The screen is updated meanwhile. */
enum top_asks { TOP_NOTHING, TOP_FILTER, TOP_BAN, TOP_HELP };

struct top {
	const struct call *call;
	json_t *status, *sources, *counters, *before; /* answers of the daemon; `before`: counters of the look before */
	json_t *status_before;
	double seconds; /* between these two */
	enum top_sort sort;
	enum top_asks asks;
	char filter[48]; /* "": all sources and services */
	char source[64]; /* for TOP_BAN: the source to ban */
	int selected; /* row of the sources shown */
	char message[160]; /* last line but one */
};

/* top_model.c: returns the sources that pass the filter, sorted; owned by the caller. */
json_t *top_rows(const struct top *t);
/* Returns the services, in the order of the policy if `most` has room for all of them, otherwise the busiest; owned by the caller. */
json_t *top_services(const struct top *t, int most);
/* Returns refusals per second by reason, of all services; only reasons that had any, most first: [{"reason", "rate", "total"}]. */
json_t *top_refusals(const struct top *t);
/* Returns how many connections a service admitted per second. */
double top_admitted(const struct top *t, const json_t *service);
const char *top_sort_name(enum top_sort sort);

/* top_draw.c */
void top_draw(struct top *t);

#endif
