/* SPDX-License-Identifier: BSD-2-Clause */
/* The order and the filter of what `top` shows, without any drawing. */
#include <string.h>

#include "show.h"
#include "top.h"

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[TOP_SORTS] = { "connections", "share of limit", "service", "source" };

	return names[sort];
}

static double share_of(const json_t *s)
{
	json_int_t limit = number_of(s, "limit");

	return limit ? (double)number_of(s, "connections") / limit : 0;
}

/* Returns non-zero if `a` comes before `b`. */
static int before(enum top_sort sort, const json_t *a, const json_t *b)
{
	if (sort == TOP_BY_SHARE)
		return share_of(a) > share_of(b);
	if (sort == TOP_BY_SERVICE)
		return strcmp(text_of(a, "service"), text_of(b, "service")) < 0;
	if (sort == TOP_BY_SOURCE)
		return strcmp(text_of(a, "source"), text_of(b, "source")) < 0;
	return number_of(a, "connections") > number_of(b, "connections");
}

/* Inserts a row into its place; equal ones stay in the order in which they came. */
static void row_insert(json_t *rows, json_t *row, int (*first)(enum top_sort, const json_t *, const json_t *),
		       enum top_sort sort)
{
	size_t i = json_array_size(rows);

	while (i && first(sort, row, json_array_get(rows, i - 1)))
		i--;
	json_array_insert(rows, i, row);
}

json_t *top_rows(const struct top *t)
{
	json_t *rows = json_array(), *s;
	size_t i;

	json_array_foreach(t->sources, i, s)
	{
		if (strstr(text_of(s, "source"), t->filter) || strstr(text_of(s, "service"), t->filter))
			row_insert(rows, s, before, t->sort);
	}
	return rows;
}

json_t *top_services(const struct top *t, int most)
{
	json_t *all = json_object_get(t->status, "services"), *rows, *s;
	size_t i;

	if ((int)json_array_size(all) <= most)
		return json_incref(all);
	rows = json_array();
	json_array_foreach(all, i, s) row_insert(rows, s, before, TOP_BY_CONNECTIONS);
	while ((int)json_array_size(rows) > most)
		json_array_remove(rows, json_array_size(rows) - 1);
	return rows;
}

static int more(enum top_sort sort, const json_t *a, const json_t *b)
{
	(void)sort;
	return json_number_value(json_object_get(a, "rate")) > json_number_value(json_object_get(b, "rate"));
}

/* Returns packets and observed refusals of a reason, of all services together. */
static json_int_t refused(const json_t *counters, const char *reason)
{
	json_int_t sum = 0;
	json_t *c;
	size_t i;

	json_array_foreach(counters, i, c)
	{
		if (!strcmp(text_of(c, "reason"), reason))
			sum += number_of(c, "packets") + number_of(c, "observed");
	}
	return sum;
}

/* In `refusal` the daemon says which reasons refuse. */
json_t *top_refusals(const struct top *t)
{
	json_t *rows = json_array(), *seen = json_object(), *c, *row;
	const char *reason;
	double rate;
	size_t i;

	json_array_foreach(t->counters, i, c)
	{
		reason = text_of(c, "reason");
		if (!json_is_true(json_object_get(c, "refusal")) || json_object_get(seen, reason))
			continue;
		json_object_set_new(seen, reason, json_true());
		rate = t->before && t->seconds > 0
			       ? (refused(t->counters, reason) - refused(t->before, reason)) / t->seconds
			       : 0;
		row = json_pack("{s:s, s:f, s:I}", "reason", reason, "rate", rate, "total",
				refused(t->counters, reason));
		row_insert(rows, row, more, TOP_BY_CONNECTIONS);
		json_decref(row);
	}
	json_decref(seen);
	return rows;
}

double top_admitted(const struct top *t, const json_t *service)
{
	json_t *was;
	size_t i;

	json_array_foreach(json_object_get(t->status_before, "services"), i, was)
	{
		if (!strcmp(text_of(was, "name"), text_of(service, "name")) && t->seconds > 0)
			return (number_of(service, "admitted") - number_of(was, "admitted")) / t->seconds;
	}
	return 0;
}
