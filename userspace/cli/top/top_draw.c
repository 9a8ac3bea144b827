/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen of `top`, laid out to fit the terminal: complete at 80x24, with more columns on a wider one. It does not depend on colour,
 * although a bar that is nearly full is coloured: bars carry their numbers, the selected row has a mark, and cut text ends in '~'.
 */
#include <stdarg.h>
#include <string.h>

#include <curses.h>

#include "moment.h"
#include "screen.h"
#include "show.h"
#include "top.h"

#define REASONS_SHOWN 5
#define BAR_MOST 24
#define BODY_LINES 10 /* lines around the rows: head, three titles, blanks, the two last lines */

struct layout {
	int bar, source, name; /* columns */
	bool wide; /* room for country, peak, age and rates */
};

static struct layout layout_of(void)
{
	int spare = COLS - 61;
	struct layout l;

	l.bar = room_take(&spare, BAR_MOST);
	l.source = 26 + room_take(&spare, 17); /* an IPv6 address with its length */
	l.name = 16 + room_take(&spare, 15);
	l.wide = spare >= 26;
	return l;
}

/* Draws a row; what does not fit is left out. */
__attribute__((format(printf, 2, 3))) static void row_draw(int y, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	mvaddnstr(y, 0, line, COLS);
}

/* Returns "[#####     ] 12/20     ", or "12/-" if there is no limit: bar + 14 columns. */
static const char *bar_of(const struct layout *l, long long n, long long limit, char buf[static 64])
{
	int full = limit ? n >= limit ? l->bar : (int)(n * l->bar / limit) : 0;
	char bar[BAR_MOST + 1], part[40], held[24], whole[24];

	memset(bar, ' ', sizeof(bar) - 1);
	memset(bar, '#', full);
	bar[l->bar] = 0;
	snprintf(part, sizeof(part), "%s/%s", short_text(n, held), limit ? short_text(limit, whole) : "-");
	snprintf(buf, 64, limit ? "[%s] %-11s" : " %s  %-11s", bar, part);
	return buf;
}

static int head_draw(const struct top *t)
{
	row_draw(0, "sluice %s   mode %s   generation %lld   %lld sources   %lld handshakes", t->call->instance,
		 text_of(t->status, "mode"), number_of(t->status, "generation"),
		 number_of(t->status, "sources_tracked"), number_of(t->status, "reservations"));
	row_draw(1, "sources by %s%s%s", top_sort_name(t->sort), *t->filter ? ", with " : "", t->filter);
	return 3;
}

static void title_draw(int y, const char *title)
{
	attron(A_BOLD);
	mvaddnstr(y, 0, title, COLS);
	attroff(A_BOLD);
}

/* Colours the bar of a row that is drawn, if there are colours. */
static void bar_paint(const struct layout *l, int y, int x, long long n, long long limit, attr_t how)
{
	enum tone tone = tone_of_share(n, limit);

	if (tone != TONE_PLAIN && paint_is_on() && has_colors())
		mvchgat(y, x, l->bar + 14, how, tone, NULL);
}

static int services_draw(const struct top *t, const struct layout *l, int y, int room)
{
	json_t *rows = top_services(t, room), *s;
	int all = json_array_size(json_object_get(t->status, "services"));
	char name[CUT_MOST], bar[64], title[160], rate[24];
	size_t i;

	snprintf(title, sizeof(title), "%-*s %-*s %6s %10s %10s%s", l->name, "SERVICE", l->bar + 14, "CONNECTIONS",
		 "EACH", "ADMITTED", "REFUSED", l->wide ? "  A SECOND" : "");
	title_draw(y++, title);
	json_array_foreach(rows, i, s)
	{
		snprintf(rate, sizeof(rate), "%10.1f", top_admitted(t, s));
		row_draw(y++, "%-*s %s %6lld %10lld %10lld%s", l->name, cut_to(text_of(s, "name"), l->name, name),
			 bar_of(l, number_of(s, "connections"), number_of(s, "max_connections"), bar),
			 number_of(s, "max_connections_per_source"), number_of(s, "admitted"),
			 number_of(s, "refused") + number_of(s, "observed"), l->wide ? rate : "");
		bar_paint(l, y - 1, l->name + 1, number_of(s, "connections"), number_of(s, "max_connections"),
			  A_NORMAL);
	}
	if ((int)i < all)
		row_draw(y++, "... and %d less busy: sluicectl status", all - (int)i);
	json_decref(rows);
	return y + 1;
}

static int refusals_draw(json_t *rows, int y, int room)
{
	char title[64], reason[CUT_MOST];
	json_t *r;
	size_t i;

	snprintf(title, sizeof(title), "%-24s %12s %12s", "REFUSED FOR", "A SECOND", "TOTAL");
	title_draw(y++, title);
	json_array_foreach(rows, i, r)
	{
		if ((int)i == room)
			break;
		row_draw(y++, "%-24s %12.1f %12lld", cut_to(text_of(r, "reason"), 24, reason),
			 json_number_value(json_object_get(r, "rate")), number_of(r, "total"));
	}
	return y + 1;
}

/* Returns how long it has been connected; "-" if it has only handshakes. */
static const char *since_of(const json_t *source, char buf[static 32])
{
	time_t since;

	if (!moment_read(text_of(source, "since"), &since))
		return "-";
	return duration_text(time(NULL) - since, buf);
}

static void source_draw(const struct layout *l, const json_t *s, int y, bool selected)
{
	char source[CUT_MOST], name[CUT_MOST], bar[64], more[64], since[32];

	snprintf(more, sizeof(more), " %-7s %6lld  %s", text_of(s, "country"), number_of(s, "peak"),
		 since_of(s, since));
	if (selected)
		attron(A_REVERSE);
	row_draw(y, "%c %-*s %-*s %s%s", selected ? '>' : ' ', l->source,
		 cut_to(text_of(s, "source"), l->source, source), l->name, cut_to(text_of(s, "service"), l->name, name),
		 bar_of(l, number_of(s, "connections"), number_of(s, "limit"), bar), l->wide ? more : "");
	attroff(A_REVERSE);
	bar_paint(l, y, l->source + l->name + 4, number_of(s, "connections"), number_of(s, "limit"),
		  selected ? A_REVERSE : A_NORMAL);
}

static void sources_draw(struct top *t, const struct layout *l, json_t *rows, int y)
{
	int count = json_array_size(rows), room = LINES - y - 3, first, i;
	char title[160];

	if (t->selected >= count)
		t->selected = count ? count - 1 : 0;
	snprintf(title, sizeof(title), "  %-*s %-*s %-*s%s", l->source, "SOURCE", l->name, "SERVICE", l->bar + 14,
		 "CONNECTIONS", l->wide ? " COUNTRY   PEAK  SINCE" : "");
	title_draw(y++, title);
	first = room > 0 && t->selected >= room ? t->selected - room + 1 : 0;
	for (i = first; i < count && i < first + room; i++)
		source_draw(l, json_array_get(rows, i), y++, i == t->selected);
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Sources get what the others do not need, and at least a third of the screen. */
static void body_draw(struct top *t)
{
	json_t *sources = top_rows(t), *refusals = top_refusals(t);
	int reasons = least(json_array_size(refusals), REASONS_SHOWN);
	int services = json_array_size(json_object_get(t->status, "services")), room = LINES - BODY_LINES - reasons;
	const struct layout l = layout_of();
	int y = head_draw(t);

	room -= least(json_array_size(sources), LINES / 3);
	y = services_draw(t, &l, y, services <= room ? services : room > 2 ? room - 1 : 1);
	y = refusals_draw(refusals, y, reasons);
	sources_draw(t, &l, sources, y);
	json_decref(sources);
	json_decref(refusals);
}

static void help_draw(void)
{
	static const char *const lines[] = {
		"Keys",
		"  q            quit",
		"  s            sources by connections, share of limit, service, source",
		"  /            show only sources and services that contain a text; Escape: all",
		"  up, down     select a source (also k, j); page up, page down",
		"  b            ban the selected source for 1h, after a y",
		"  ?            this help; any key goes back",
		"",
		"EACH is max-connections-per-source. A bar is full when the limit is reached; - means no limit.",
		"REFUSED includes what observe mode would refuse. ~ marks text that is cut.",
		"SINCE is how long ago the oldest connection of a source was let in. A wide screen shows it.",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		row_draw(i, "%s", lines[i]);
}

static const char *asked_of(const struct top *t, char buf[static 128])
{
	if (t->asks == TOP_FILTER)
		snprintf(buf, 128, "show only: %s_", t->filter);
	else if (t->asks == TOP_BAN)
		snprintf(buf, 128, "ban %s for 1h? (y/n)", t->source);
	else
		return t->message;
	return buf;
}

void top_draw(struct top *t)
{
	char asked[128];

	erase();
	if (t->asks == TOP_HELP)
		help_draw();
	else
		body_draw(t);
	row_draw(LINES - 2, "%s", asked_of(t, asked));
	row_draw(LINES - 1, "q quit  s sort  / filter  arrows select  b ban  ? help");
	refresh();
}
