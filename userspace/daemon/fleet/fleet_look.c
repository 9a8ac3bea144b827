/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds what of a limit, by name, for people: the store is asked when somebody asks here, and its answer is good for a second. Until it has
 * come whoever answers people waits (run/control.c), for 200 ms at most. Called by fleet_touch.c and by the verbs; see fleet_host.h.
 */
#include <string.h>

#include "fleet_inside.h"

#define LOOK_WAIT_MS 200
#define LOOK_GOOD_MS 1000
#define RECORD_SECONDS 180 /* a record no longer counts after that */

static struct fleet_looked *looked_find(struct fleet_run *r, uint64_t key)
{
	size_t i;

	for (i = 0; i < FLEET_LOOKED; i++) {
		if (r->looked[i].asked_ms && r->looked[i].key == key)
			return &r->looked[i];
	}
	return NULL;
}

/* If there is no room, it replaces the oldest. */
static struct fleet_looked *looked_add(struct fleet_run *r, uint64_t key)
{
	struct fleet_looked *l = &r->looked[r->looked_next++ % FLEET_LOOKED];

	json_decref(l->rows);
	*l = (struct fleet_looked){ .key = key };
	return l;
}

static bool is_member(const struct fleet_run *r, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(r->hosts, i, one)
	{
		if (!strcmp(json_string_value(json_object_get(one, "name")), name))
			return true;
	}
	return false;
}

/* Whether the row is of another host that is alive, and reported it recently. */
static bool row_counts(const struct fleet_run *r, const json_t *row, time_t now)
{
	const char *name = json_string_value(json_object_get(row, "name"));

	return name && strcmp(name, r->name) && is_member(r, name) &&
	       now - json_integer_value(json_object_get(row, "at")) <= RECORD_SECONDS;
}

static json_t *rows_of_others(const struct fleet_run *r, const json_t *rows)
{
	const time_t now = time(NULL) + r->told.clock_ms / 1000;
	json_t *list = json_array(), *row;
	json_int_t held, lease;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		held = json_integer_value(json_object_get(row, "held"));
		lease = json_integer_value(json_object_get(row, "lease"));
		if (row_counts(r, row, now))
			json_array_append_new(list, json_pack("{s:O, s:I, s:I}", "name", json_object_get(row, "name"),
							      "held", held, "lease", lease));
	}
	return list;
}

void fleet_held_heard(void *run, const char *text, size_t len)
{
	json_t *all = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *key = json_string_value(json_object_get(all, "key"));
	json_t *rows = json_object_get(all, "rows");
	struct fleet_run *r = run;
	struct fleet_looked *l = key ? looked_find(r, strtoull(key, NULL, 16)) : NULL;

	if (l && json_is_array(rows)) {
		json_decref(l->rows);
		l->rows = rows_of_others(r, rows);
		l->heard_ms = fleet_clock_ms();
	}
	r->refused_messages += !l;
	json_decref(all);
}

json_t *fleet_holders(struct daemon *dm, const struct fleet_counter *c, bool *awaited)
{
	struct fleet_run *r = dm->fleet;
	const uint64_t now = fleet_clock_ms();
	struct fleet_looked *l;
	__u64 key;

	if (!r || !r->tables || !r->told.connected || fleet_counter_key(r->tables, c, &key))
		return NULL;
	l = looked_find(r, key);
	if (l && l->rows && now - l->heard_ms < LOOK_GOOD_MS)
		return l->rows;
	if (!l || now - l->asked_ms >= LOOK_GOOD_MS) {
		l = l ? l : looked_add(r, key);
		l->asked_ms = now;
		r->look[r->looks++ % FLEET_LOOK_MAX] = (struct fleet_need){ key };
	}
	*awaited |= now - l->asked_ms < LOOK_WAIT_MS;
	return NULL;
}

bool fleet_looks(struct daemon *dm)
{
	struct fleet_run *r = dm->fleet;
	const uint64_t now = fleet_clock_ms();
	size_t i;

	if (!r || !r->helper)
		return false;
	if (r->looks)
		fleet_helper_look(r->helper, r->look, r->looks < FLEET_LOOK_MAX ? r->looks : FLEET_LOOK_MAX);
	r->looks = 0;
	for (i = 0; i < FLEET_LOOKED; i++) {
		if (r->looked[i].asked_ms > r->looked[i].heard_ms && now - r->looked[i].asked_ms < LOOK_WAIT_MS)
			return true;
	}
	return false;
}

void fleet_look_end(struct fleet_run *r)
{
	size_t i;

	for (i = 0; i < FLEET_LOOKED; i++)
		json_decref(r->looked[i].rows);
	memset(r->looked, 0, sizeof(r->looked));
}
