/* SPDX-License-Identifier: BSD-2-Clause */
/* The last day: reads the services' counters once a second, makes one row per minute, and keeps INSTANCE.history in the state directory. */
#include "history.h"

#include <errno.h>
#include <string.h>

#include "history_keep.h"
#include "history_day.h"
#include "json_text.h"
#include "keep.h"
#include "tables.h"

#define MINUTE (60 * KEEP_SECOND)
#define DAY 86400

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

/* A host whose clock is not set yet still has a day before the present. */
static int file_write(const struct daemon *dm, char **text)
{
	const struct keep *file = &dm->history_file;
	uint64_t saved = (keep_now(file) + keep_real_shift(file)) / KEEP_SECOND;

	return history_write(dm->history, saved > 2 * DAY ? saved : 2 * DAY, text);
}

/* If anything is wrong with a file, nothing of it is used. */
static int file_read(struct daemon *dm, const char *text, uint64_t *saved, const char **why)
{
	int err = history_parse(text, dm->history, saved, why);

	if (err != -EINVAL)
		return err;
	history_free(dm->history);
	dm->history = history_new();
	return dm->history ? err : -ENOMEM;
}

static const struct keep_kind kind = {
	.ending = "history",
	.what = "the history of the last day",
	.limit = HISTORY_BYTES,
	.seconds = 300,
	.write = file_write,
	.read = file_read,
};

int history_load(struct daemon *dm)
{
	dm->started = time(NULL);
	dm->history = history_new();
	if (dm->history)
		keep_load(dm, &dm->history_file, &kind);
	return dm->history ? 0 : -ENOMEM;
}

static int services_look(struct daemon *dm, const struct snapshot *s)
{
	struct history_counts counts, grown = {};
	const struct service_status *one;
	uint32_t connections = 0;
	int err = 0;

	for (one = s->services; one < s->services + s->services_count && !err; one++) {
		if (!one->id)
			continue;
		counts = (struct history_counts){};
		history_counts_add(&counts, one->stats);
		err = history_look(dm->history, one->row.name, one->held - one->reserved, &counts, &grown);
		connections += one->held - one->reserved;
	}
	return err ? err : history_sum(dm->history, connections, &grown);
}

void history_tick(struct daemon *dm)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;

	history_reach(dm->history, keep_now(&dm->history_file) / MINUTE);
	if (snapshot_services(dm->engine, &s) || services_look(dm, s))
		return; /* the next call reports what this one would have */
	dm->history_file.dirty = true;
	keep_tick(dm, &dm->history_file, &kind);
}

void history_save(struct daemon *dm)
{
	dm->history_file.next = 0;
	if (dm->engine)
		history_tick(dm);
	else
		keep_tick(dm, &dm->history_file, &kind);
}

static json_t *row_json(const struct history_row *r, uint64_t when)
{
	json_t *refused = json_object();
	int g;

	for (g = 0; g < HISTORY_GROUPS; g++)
		json_object_set_new(refused, history_group_name(g), json_integer(r->refused[g]));
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o}", "time", json_time(when), "connections",
			 (json_int_t)r->connections, "peak", (json_int_t)r->peak, "admitted", (json_int_t)r->admitted,
			 "observed", (json_int_t)r->observed, "refused", refused);
}

static json_t *rows_json(const struct daemon *dm, const struct history_line *line, unsigned int minutes)
{
	const int64_t shift = keep_real_shift(&dm->history_file) / (int64_t)KEEP_SECOND;
	const struct history *h = dm->history;
	const struct history_row *row;
	json_t *list = json_array();
	unsigned int ago;

	for (ago = minutes; ago-- > 0;) {
		row = history_at(h, line, h->minute - ago);
		if (row)
			json_array_append_new(list, row_json(row, (h->minute - ago) * 60 + shift));
	}
	return list;
}

json_t *history_json(const struct daemon *dm, const char *service, uint32_t seconds)
{
	const struct history_line *line = history_find(dm->history, service);
	unsigned int minutes = seconds && seconds < DAY ? (seconds + 59) / 60 : HISTORY_MINUTES;
	json_t *groups = json_array();
	int g;

	for (g = 0; g < HISTORY_GROUPS; g++)
		json_array_append_new(groups, json_string(history_group_name(g)));
	if (line)
		return json_pack("{s:o, s:o, s:o}", "service", *service ? json_string(service) : json_null(), "groups",
				 groups, "rows", rows_json(dm, line, minutes));
	json_decref(groups);
	return NULL;
}

json_t *history_peaks_json(const struct daemon *dm)
{
	json_t *all = json_object();
	size_t i;

	for (i = 0; i < dm->history->lines; i++)
		json_object_set_new(all, dm->history->line[i].name,
				    json_integer(history_peak(dm->history, &dm->history->line[i])));
	return all;
}
