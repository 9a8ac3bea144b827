/* SPDX-License-Identifier: BSD-2-Clause */
/* The live tables as JSON, for the daemon and for a CLI without one. */
#ifndef SLUICE_KERN_REPORT_H
#define SLUICE_KERN_REPORT_H

#include <jansson.h>

#include "bans.h"
#include "privacy.h"
#include "tables.h"

/* Makes this from a snapshot; NULL without memory. drift < 0: it is not known. */
json_t *status_json(const struct snapshot *s, const char *daemon, long drift);
json_t *counters_json(const struct snapshot *s);

/* Each returns 0 or -errno; *out is the caller's reference. */
json_t *report_starting(void); /* of a kernel side that is not whole yet */
int report_status(const struct engine *e, const char *daemon, long drift, json_t **out);
int report_counters(const struct engine *e, json_t **out);
/* Shows addresses as `eyes` may see them. service "": all; top 0: all. Returns -ENOENT if there is no such service. */
int report_sources(const struct engine *e, const struct privacy *eyes, const char *service, size_t top, json_t **out);
int report_allows(const struct engine *e, const struct privacy *eyes, json_t **out);
/* A row for each owner of each prefix. */
/* Knows which host of a fleet gave a ban; NULL: it is not shared. */
struct ban_origins {
	const char *(*of)(const void *arg, const struct ban *b);
	const void *arg;
};
/* `origins` NULL: nobody knows, and no ban has a "host". */
int report_bans(const struct engine *e, const struct privacy *eyes, const struct bans_wanted *want,
		const struct ban_origins *origins, json_t **out);

#endif
