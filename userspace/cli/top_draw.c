/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen of `top`. Nothing on it needs colour: bars carry their numbers, the selected row has a mark. */
#include <string.h>

#include <curses.h>

#include "top.h"

#define REASONS_SHOWN 5
#define BAR 24

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "-";
}

static long long number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* "[#####     ]  12/20", or "12/-" where there is no limit. */
static void bar_draw(long long n, long long limit)
{
	char bar[BAR + 1];
	int full = limit ? n >= limit ? BAR : (int)(n * BAR / limit) : 0;

	memset(bar, ' ', BAR);
	memset(bar, '#', full);
	bar[BAR] = 0;
	if (limit)
		printw("[%s] %lld/%lld", bar, n, limit);
	else
		printw(" %*s  %lld/-", BAR, "", n);
}

static int head_draw(const struct top *t)
{
	mvprintw(0, 0, "sluice %s   mode %s   generation %lld   %lld sources   %lld handshakes", t->call->instance,
		 text_of(t->status, "mode"), number_of(t->status, "generation"),
		 number_of(t->status, "sources_tracked"), number_of(t->status, "reservations"));
	return 2;
}

static int services_draw(const struct top *t, int y)
{
	json_t *s;
	size_t i;

	attron(A_BOLD);
	mvprintw(y++, 0, "%-16s %-34s %10s %10s %8s", "SERVICE", "CONNECTIONS", "ADMITTED", "REFUSED", "EACH");
	attroff(A_BOLD);
	json_array_foreach(json_object_get(t->status, "services"), i, s)
	{
		if (y >= LINES - 8)
			break;
		mvprintw(y, 0, "%-16.16s ", text_of(s, "name"));
		bar_draw(number_of(s, "connections"), number_of(s, "max_connections"));
		mvprintw(y++, 52, "%10lld %10lld %8lld", number_of(s, "admitted"),
			 number_of(s, "refused") + number_of(s, "observed"),
			 number_of(s, "max_connections_per_source"));
	}
	return y + 1;
}

static int refusals_draw(const struct top *t, int y)
{
	json_t *rows = top_refusals(t), *r;
	size_t i;

	attron(A_BOLD);
	mvprintw(y++, 0, "%-24s %12s %12s", "REFUSED FOR", "A SECOND", "TOTAL");
	attroff(A_BOLD);
	json_array_foreach(rows, i, r)
	{
		if (i == REASONS_SHOWN || y >= LINES - 5)
			break;
		mvprintw(y++, 0, "%-24.24s %12.1f %12lld", text_of(r, "reason"),
			 json_number_value(json_object_get(r, "rate")), number_of(r, "total"));
	}
	json_decref(rows);
	return y + 1;
}

static void sources_draw(struct top *t, int y)
{
	json_t *rows = top_rows(t), *s;
	int count = json_array_size(rows), room = LINES - y - 3, first;
	int i;

	if (t->selected >= count)
		t->selected = count ? count - 1 : 0;
	attron(A_BOLD);
	mvprintw(y++, 0, "  %-40s %-16s %s   (by %s%s%s)", "SOURCE", "SERVICE", "CONNECTIONS", top_sort_name(t->sort),
		 *t->filter ? ", with " : "", t->filter);
	attroff(A_BOLD);
	first = room > 0 && t->selected >= room ? t->selected - room + 1 : 0;
	for (i = first; i < count && i < first + room; i++) {
		s = json_array_get(rows, i);
		if (i == t->selected)
			attron(A_REVERSE);
		mvprintw(y++, 0, "%c %-40.40s %-16.16s ", i == t->selected ? '>' : ' ', text_of(s, "source"),
			 text_of(s, "service"));
		bar_draw(number_of(s, "connections"), number_of(s, "limit"));
		attroff(A_REVERSE);
	}
	json_decref(rows);
}

void top_draw(struct top *t)
{
	int y;

	erase();
	y = head_draw(t);
	y = services_draw(t, y);
	y = refusals_draw(t, y);
	sources_draw(t, y);
	mvprintw(LINES - 2, 0, "%.*s", COLS - 1, t->message);
	mvprintw(LINES - 1, 0, "%.*s", COLS - 1, "q quit  s sort  / filter  arrows select  b ban");
	refresh();
}
