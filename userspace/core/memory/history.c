/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings of minutes, one for each service: see history.h. Owns them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "reason.h"
#include "sums.h"

enum history_group history_group_of(enum sluice_reason why)
{
	switch (why) {
	case SLUICE_SOURCE_CONNECTIONS:
	case SLUICE_SET_CONNECTIONS:
	case SLUICE_NETWORK_CONNECTIONS:
	case SLUICE_SERVICE_CONNECTIONS:
		return HISTORY_LIMITS;
	case SLUICE_SOURCE_RATE:
	case SLUICE_SET_RATE:
	case SLUICE_NETWORK_RATE:
	case SLUICE_SERVICE_RATE:
		return HISTORY_RATES;
	case SLUICE_BANNED:
	case SLUICE_DENIED:
		return HISTORY_LISTS;
	case SLUICE_COUNTRY:
		return HISTORY_COUNTRY;
	case SLUICE_SYN_RATE:
	case SLUICE_COOKIE_FORGED:
	case SLUICE_TABLE_FULL:
		return HISTORY_FLOOD;
	default:
		return reason_refuses(why) ? HISTORY_INVALID : HISTORY_NONE;
	}
}

const char *history_group_name(enum history_group g)
{
	static const char *const names[] = { "limits", "rates", "lists", "country", "flood", "malformed" };

	return names[g];
}

void history_counts_add(struct history_counts *to, const struct sluice_stat stats[static SLUICE_REASONS])
{
	int why;

	to->admitted += sum_admitted(stats);
	to->observed += sum_refusals(stats).observed;
	for (why = 0; why < SLUICE_REASONS; why++) {
		if (history_group_of(why) != HISTORY_NONE)
			to->refused[history_group_of(why)] += stats[why].connections;
	}
}

struct history *history_new(void)
{
	return calloc(1, sizeof(struct history));
}

void history_free(struct history *h)
{
	size_t i;

	for (i = 0; h && i < h->lines; i++)
		free(h->line[i].row);
	free(h);
}

static void minute_clear(struct history *h, size_t at)
{
	size_t i;

	h->known[at] = false;
	for (i = 0; i < h->lines; i++)
		memset(&h->line[i].row[at], 0, sizeof(h->line[i].row[at]));
}

void history_reach(struct history *h, uint64_t minute)
{
	uint64_t first = minute > HISTORY_MINUTES ? minute - HISTORY_MINUTES + 1 : 0, m;

	for (m = h->minute + 1 > first ? h->minute + 1 : first; m <= minute; m++)
		minute_clear(h, m % HISTORY_MINUTES);
	if (minute > h->minute)
		h->minute = minute;
	h->looks++;
}

const struct history_line *history_find(const struct history *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->lines && strcmp(h->line[i].name, name); i++)
		;
	return i < h->lines ? &h->line[i] : NULL;
}

/* Returns the line that nobody has seen for longest, except for that of all, as an empty one. */
static struct history_line *line_reuse(struct history *h)
{
	struct history_line *oldest = h->line, *l;
	struct history_row *row;

	for (l = h->line; l < h->line + h->lines; l++) {
		if (*l->name && (!*oldest->name || l->look < oldest->look))
			oldest = l;
	}
	row = oldest->row;
	memset(row, 0, HISTORY_MINUTES * sizeof(*row));
	*oldest = (struct history_line){ .row = row };
	return oldest;
}

struct history_line *history_line(struct history *h, const char *name)
{
	const struct history_line *found = history_find(h, name);
	struct history_line *l = found ? &h->line[found - h->line] : NULL;

	if (l)
		return l;
	if (h->lines == HISTORY_LINES) {
		l = line_reuse(h);
	} else {
		l = &h->line[h->lines];
		l->row = calloc(HISTORY_MINUTES, sizeof(*l->row));
		if (!l->row)
			return NULL;
		h->lines++;
	}
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

struct history_row *history_row(struct history *h, struct history_line *line, uint64_t minute)
{
	h->known[minute % HISTORY_MINUTES] = true;
	return &line->row[minute % HISTORY_MINUTES];
}

/* Counters start again when a kernel side is loaded anew. */
static uint64_t growth(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

static void add(uint32_t *sum, uint64_t more)
{
	*sum = more > UINT32_MAX - *sum ? UINT32_MAX : *sum + more;
}

static void row_add(struct history_row *row, uint32_t connections, const struct history_counts *grown)
{
	int g;

	row->connections = connections;
	row->peak = connections > row->peak ? connections : row->peak;
	add(&row->admitted, grown->admitted);
	add(&row->observed, grown->observed);
	for (g = 0; g < HISTORY_GROUPS; g++)
		add(&row->refused[g], grown->refused[g]);
}

int history_look(struct history *h, const char *name, uint32_t connections, const struct history_counts *now,
		 struct history_counts *grown)
{
	struct history_line *l = history_line(h, name);
	struct history_counts more = {};
	int g;

	if (!l)
		return -ENOMEM;
	if (l->counted && h->minute - l->last <= HISTORY_GAP) {
		more.admitted = growth(l->counts.admitted, now->admitted);
		more.observed = growth(l->counts.observed, now->observed);
		for (g = 0; g < HISTORY_GROUPS; g++)
			more.refused[g] = growth(l->counts.refused[g], now->refused[g]);
	}
	row_add(history_row(h, l, h->minute), connections, &more);
	grown->admitted += more.admitted;
	grown->observed += more.observed;
	for (g = 0; g < HISTORY_GROUPS; g++)
		grown->refused[g] += more.refused[g];
	l->counts = *now;
	l->counted = true;
	l->last = h->minute;
	l->look = h->looks;
	return 0;
}

int history_sum(struct history *h, uint32_t connections, const struct history_counts *grown)
{
	struct history_line *l = history_line(h, "");

	if (!l)
		return -ENOMEM;
	row_add(history_row(h, l, h->minute), connections, grown);
	l->last = h->minute;
	l->look = h->looks;
	return 0;
}

const struct history_row *history_at(const struct history *h, const struct history_line *line, uint64_t minute)
{
	if (minute > h->minute || minute + HISTORY_MINUTES <= h->minute || !h->known[minute % HISTORY_MINUTES])
		return NULL;
	return &line->row[minute % HISTORY_MINUTES];
}

uint32_t history_peak(const struct history *h, const struct history_line *line)
{
	uint32_t peak = 0;
	size_t i;

	for (i = 0; i < HISTORY_MINUTES; i++)
		peak = h->known[i] && line->row[i].peak > peak ? line->row[i].peak : peak;
	return peak;
}
