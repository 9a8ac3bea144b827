/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the countries of senders: see origins.h. The kernel side counts by country only what it refuses, so the sources that it tracks are
 * looked through once an interval, in which none is forgotten. Owns the counts; lost with the daemon.
 */
#include "origins.h"

#include <errno.h>
#include <string.h>

#include "private.h"
#include "tables.h"

#define SECOND 1000000000ULL

struct origins {
	time_t since;
	uint64_t looked_ns; /* CLOCK_MONOTONIC: what was seen since then is not counted yet */
	struct {
		char service[SLUICE_NAME_LEN];
		uint64_t count[SLUICE_COUNTRIES];
	} of[SLUICE_MAX_SERVICES]; /* by the id of the kernel side */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* Ids change hands when a service goes. */
static void services_follow(struct daemon *dm, struct origins *o)
{
	char name[SLUICE_NAME_LEN];
	unsigned int i;

	for (i = 1; i < SLUICE_MAX_SERVICES; i++) {
		service_name_read(dm->engine, i, name);
		if (strcmp(name, o->of[i].service))
			memset(&o->of[i], 0, sizeof(o->of[i]));
		snprintf(o->of[i].service, sizeof(o->of[i].service), "%s", name);
	}
}

/* Private addresses that no database names are no country's, and allow-countries spares them. */
static void source_count(const struct spans *countries, const struct source_status *s, struct origins *o)
{
	uint32_t country = spans_find(countries, number_of(&s->addr));

	if (s->service < SLUICE_MAX_SERVICES && country < SLUICE_COUNTRIES && (country || !addr_is_private(&s->addr)))
		o->of[s->service].count[country]++;
}

/* Adds what was seen since the last look. */
static int origins_look(struct daemon *dm, struct origins *o)
{
	_cleanup_free_ struct source_status *list = NULL;
	uint64_t now = now_ns();
	size_t count = 0, i;
	int err = sources_tracked(dm->engine, &list, &count);

	if (err)
		return err;
	services_follow(dm, o);
	for (i = 0; i < count; i++) {
		if (list[i].connections || (list[i].peak && list[i].seen_ns >= o->looked_ns))
			source_count(&standing_live(dm->standing)->geo->by_kind[SLUICE_GEO_COUNTRY], &list[i], o);
	}
	o->looked_ns = now;
	return 0;
}

static bool is_due(const struct daemon *dm)
{
	uint32_t kept = policy_retention(standing_live(dm->standing));

	return now_ns() - dm->origins->looked_ns >= (kept < ORIGINS_INTERVAL ? kept : ORIGINS_INTERVAL) * SECOND;
}

void origins_tick(struct daemon *dm)
{
	if (!standing_live(dm->standing)->geo) {
		origins_free(dm);
		return;
	}
	if (!dm->origins) {
		dm->origins = calloc(1, sizeof(*dm->origins));
		if (dm->origins)
			*dm->origins = (struct origins){ .since = time(NULL), .looked_ns = now_ns() };
		return;
	}
	if (is_due(dm))
		origins_look(dm,
			     dm->origins); /* what fails now is counted the next time, as far as it is tracked then */
}

int origins_read(struct daemon *dm, const char *service, uint64_t out[static SLUICE_COUNTRIES])
{
	_cleanup_free_ struct origins *copy = dm->origins ? malloc(sizeof(*copy)) : NULL;
	unsigned int i;
	int err;

	memset(out, 0, SLUICE_COUNTRIES * sizeof(*out));
	if (!dm->origins || !standing_live(dm->standing)->geo)
		return 0;
	if (!copy)
		return -ENOMEM;
	*copy = *dm->origins;
	err = origins_look(dm, copy); /* the running interval counts, and is counted again when it ends */
	for (i = 1; i < SLUICE_MAX_SERVICES && !err; i++) {
		if (!strcmp(copy->of[i].service, service))
			memcpy(out, copy->of[i].count, sizeof(copy->of[i].count));
	}
	return err;
}

time_t origins_since(const struct daemon *dm)
{
	return dm->origins ? dm->origins->since : 0;
}

void origins_free(struct daemon *dm)
{
	free(dm->origins);
	dm->origins = NULL;
}
