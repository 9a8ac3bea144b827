/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources that this host has a record of at the store, for `sources --fleet`: see fleet_host.h. Changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "fleet_inside.h"
#include "privacy.h"
#include "tables.h"

#define ASKED_MOST \
	FLEET_LOOK_MAX /* sources whose holders the store is asked for; for the others it says how many hold something */

struct shown {
	const struct fleet_entry *e;
	uint32_t held;
};

static int most_first(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	const uint64_t in_x = (uint64_t)x->held + x->e->others, in_y = (uint64_t)y->held + y->e->others;

	return in_x != in_y ? (in_x < in_y ? 1 : -1) : memcmp(&x->e->counter, &y->e->counter, sizeof(x->e->counter));
}

static bool is_wanted(const struct fleet_entry *e, const char *name, const char *service)
{
	return e->counter.level == SLUICE_FLEET_SOURCE && !e->counter.rate && e->limit && e->recorded &&
	       (!*service || !strcmp(name, service));
}

/* Returns how many; *out is freed with free(). */
static size_t shown_gather(const struct fleet_run *r, const char *service, struct shown **out)
{
	char name[SLUICE_NAME_LEN];
	struct fleet_entry *e;
	size_t n = 0;

	*out = calloc(r->keys.count + 1, sizeof(**out));
	if (!*out)
		return 0;
	for (e = LIST_FIRST(&r->keys.all); e; e = LIST_NEXT(e, all)) {
		service_name_read(r->daemon->engine, e->counter.of.service, name);
		if (is_wanted(e, name, service))
			(*out)[n++] = (struct shown){ e, fleet_counter_held(r->tables, &e->counter) };
	}
	qsort(*out, n, sizeof(**out), most_first);
	return n;
}

static json_int_t sum_of(const json_t *rows, const char *field)
{
	const json_t *row;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach(rows, i, row) sum += json_integer_value(json_object_get(row, field));
	return sum;
}

/* `rows` are those of the other hosts; NULL: they are not known, and the store's last answer has to do. */
static json_t *source_json(const struct fleet_run *r, const struct privacy *eyes, const struct shown *s, json_t *rows)
{
	const struct prefix p = { s->e->counter.of.addr, s->e->counter.of.bits };
	char text[ADDR_TEXT_LEN], name[SLUICE_NAME_LEN];
	json_t *out;

	service_name_read(r->daemon->engine, s->e->counter.of.service, name);
	out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "source", privacy_show(eyes, &p, text), "service", name,
			"held", (json_int_t)s->held, "lease", (json_int_t)s->e->lease, "limit", (json_int_t)s->e->limit,
			"elsewhere", rows ? sum_of(rows, "held") : (json_int_t)s->e->others, "elsewhere_hosts",
			(json_int_t)s->e->others_hosts);
	if (!rows)
		return out;
	json_object_set_new(out, "elsewhere_lease", json_integer(sum_of(rows, "lease")));
	json_object_set(out, "on", rows);
	return out;
}

json_t *fleet_sources_json(struct daemon *dm, const struct privacy *eyes, const char *service, size_t top,
			   bool *awaited)
{
	struct fleet_run *r = dm->fleet;
	_cleanup_free_ struct shown *shown = NULL;
	json_t *list, *rows;
	size_t count, i;

	if (!r)
		return NULL;
	list = json_array();
	count = r->tables ? shown_gather(r, service, &shown) : 0;
	for (i = 0; i < count && (!top || i < top); i++) {
		rows = i < ASKED_MOST ? fleet_holders(dm, &shown[i].e->counter, awaited) : NULL;
		json_array_append_new(list, source_json(r, eyes, &shown[i], rows));
	}
	return list;
}
