/* SPDX-License-Identifier: BSD-2-Clause */
/* `history` for people: sums the daemon's minutes up into one line per hour. */
#include <string.h>

#include "moment.h"
#include "show.h"

/* Groups of reasons as the daemon names them, and as the columns do. */
static const struct {
	const char *name, *title;
	int width;
} columns[] = {
	{ "limits", "LIMITS", 6 },   { "rates", "RATES", 5 }, { "lists", "LISTS", 5 },
	{ "country", "COUNTRY", 7 }, { "flood", "FLOOD", 5 }, { "malformed", "BROKEN", 6 },
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))

/* For an hour: the last number of connections, the highest peak, the sum of everything else. */
struct hour {
	char text[16]; /* "01-31 12:00", in the reader's zone */
	long long connections, peak, admitted, observed, refused[COLUMNS];
};

static void number_say(long long n, int width)
{
	char text[24];

	printf(" %*s", width, short_text(n, text));
}

static void hour_say(const struct hour *h)
{
	size_t i;

	if (!*h->text)
		return;
	printf("%s", h->text);
	number_say(h->connections, 5);
	number_say(h->peak, 5);
	number_say(h->admitted, 8);
	for (i = 0; i < COLUMNS; i++)
		number_say(h->refused[i], columns[i].width);
	number_say(h->observed, 7);
	putchar('\n');
}

static void minute_add(struct hour *h, const json_t *row)
{
	const json_t *refused = json_object_get(row, "refused");
	size_t i;

	h->connections = number_of(row, "connections");
	h->peak = number_of(row, "peak") > h->peak ? number_of(row, "peak") : h->peak;
	h->admitted += number_of(row, "admitted");
	h->observed += number_of(row, "observed");
	for (i = 0; i < COLUMNS; i++)
		h->refused[i] += number_of(refused, columns[i].name);
}

static void head_say(void)
{
	char title[32];
	size_t i;

	printf("%-11s %5s %5s %8s", zone_title("HOUR", title), "CONNS", "PEAK", "ADMITTED");
	for (i = 0; i < COLUMNS; i++)
		printf(" %*s", columns[i].width, columns[i].title);
	printf(" %7s\n", "COUNTED");
}

static const char *hour_of(const json_t *row, char buf[static 16])
{
	time_t at = 0;
	struct tm tm;

	moment_read(text_of(row, "time"), &at);
	tm = moment_clock(at);
	strftime(buf, 16, "%m-%d %H:00", &tm);
	return buf;
}

void show_history(const json_t *data)
{
	const json_t *rows = json_object_get(data, "rows"), *row;
	struct hour hour = {};
	char text[16];
	size_t i;

	head_say();
	json_array_foreach(rows, i, row)
	{
		if (strcmp(hour.text, hour_of(row, text))) {
			hour_say(&hour);
			hour = (struct hour){};
			strcpy(hour.text, text);
		}
		minute_add(&hour, row);
	}
	hour_say(&hour);
	printf("\n%zu minute%s of %s %s known. CONNS: open at the end of the hour.\n"
	       "LIMITS to BROKEN: connections refused; COUNTED: those that observe mode would.\n",
	       json_array_size(rows), json_array_size(rows) == 1 ? "" : "s",
	       has_text(data, "service") ? text_of(data, "service") : "all services",
	       json_array_size(rows) == 1 ? "is" : "are");
}
