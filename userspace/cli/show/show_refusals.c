/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `watch` and `refusals` for people: who is refused now, one line each, and who was refused before. On a terminal both fit its width, and are
 * complete at 80 columns; cut text ends in '~'.
 */
#include <string.h>
#include <time.h>

#include "moment.h"
#include "screen.h"
#include "show.h"
#include "value.h"

#define ADDRESS_LEN 39 /* the longest IPv6 address */
#define NAME_LEN 31
#define TABLE_WIDTH 117 /* the width of `refusals` with all its columns */

struct layout {
	int source, service; /* columns */
	bool port; /* whether there is room for it */
};

/* Source and service get what the other columns leave: 80 have room for a /64 and 12 letters. */
static struct layout layout_of(int width, int others)
{
	int spare = width - others - 23 - 12;
	struct layout l;

	l.source = 23 + room_take(&spare, ADDRESS_LEN - 23);
	l.service = 12 + room_take(&spare, NAME_LEN - 12);
	l.port = spare >= 6;
	return l;
}

static const char *clock_text(const json_t *line, char buf[static 16])
{
	struct tm tm = moment_clock(json_real_value(json_object_get(line, "time")));

	strftime(buf, 16, "%H:%M:%S", &tm);
	return buf;
}

static const char *verdict_of(const json_t *line)
{
	return strcmp(text_of(line, "verdict"), "pass") ? text_of(line, "verdict") : "observed";
}

/* A line for a pipe, which may be of any length. */
static void refusal_write(const json_t *line)
{
	char clock[16];

	printf("%s  %-43s %-14s %-20s %-6s 1 in %lld\n", clock_text(line, clock), text_of(line, "source"),
	       text_of(line, "service"), text_of(line, "reason"),
	       strcmp(text_of(line, "verdict"), "pass") ? text_of(line, "verdict") : "only observed",
	       number_of(line, "sampled"));
}

/* Prints the titles once; the first is the clock's zone. */
static void refusal_title(const struct layout *l)
{
	static bool said;

	if (!said)
		printf("%-8.8s %-*s %-*s%s %-19s %-8s %5s\n", moment_zone(), l->source, "SOURCE", l->service, "SERVICE",
		       l->port ? "  PORT" : "", "REASON", "VERDICT", "1 IN");
	said = true;
}

void show_refusal(const json_t *line)
{
	const struct layout l = layout_of(screen_width(), 45);
	char clock[16], source[CUT_MOST], service[CUT_MOST], port[24], of[24];

	if (!screen_width()) {
		refusal_write(line);
		return;
	}
	refusal_title(&l);
	snprintf(port, sizeof(port), " %5lld", number_of(line, "port"));
	printf("%s %-*s %-*s%s %-19s ", clock_text(line, clock), l.source,
	       cut_to(text_of(line, "source"), l.source, source), l.service,
	       cut_to(text_of(line, "service"), l.service, service), l.port ? port : "", text_of(line, "reason"));
	word_print(verdict_of(line), 8);
	printf(" %5s\n", short_text(number_of(line, "sampled"), of));
}

static void show_memory(const json_t *data, size_t shown)
{
	char since[24], span[16];

	if (json_is_null(json_object_get(data, "since"))) {
		puts("nothing is remembered: log { refusals = none }");
		return;
	}
	if (number_of(data, "found") > (long long)shown)
		printf("... and %lld more\n", number_of(data, "found") - (long long)shown);
	if (!number_of(data, "found"))
		puts("no remembered refusal matches");
	printf("remembered: %lld of %lld since %s %s; addresses: %s\n", number_of(data, "remembered"),
	       number_of(data, "capacity"), moment_text(data, "since", "", since), moment_zone(),
	       text_of(data, "addresses"));
	printf("each is kept %s after its last refusal; forgotten for lack of room: %lld\n",
	       seconds_format(number_of(data, "retention"), span), number_of(data, "forgotten"));
	if (shown && !strcmp(text_of(data, "addresses"), "truncated"))
		puts("each line stands for a whole network, and may be of another address in it");
	if (number_of(data, "untold"))
		printf("when there are many, a sample is remembered: %lld packets were only counted\n",
		       number_of(data, "untold"));
}

static void row_wide(const json_t *r, const struct layout *l)
{
	char first[24], last[24], source[CUT_MOST], service[CUT_MOST];

	printf("%-*s %-*s %-20s ", l->source, cut_to(text_of(r, "source"), l->source, source), l->service,
	       cut_to(text_of(r, "service"), l->service, service), text_of(r, "reason"));
	word_print(verdict_of(r), 8);
	printf(" %-19s  %-19s %8lld", moment_text(r, "first", "", first), moment_text(r, "last", "", last),
	       number_of(r, "count"));
	if (number_of(r, "stands_for") > number_of(r, "count"))
		printf(", a sample of about %lld", number_of(r, "stands_for"));
	putchar('\n');
}

/* Shows the part of the moment that differs: 01-31 12:00:00. */
static void row_narrow(const json_t *r, const struct layout *l)
{
	char last[24], source[CUT_MOST], service[CUT_MOST], count[24];

	printf("%-*s %-*s %-19s %-14s %5s\n", l->source, cut_to(text_of(r, "source"), l->source, source), l->service,
	       cut_to(text_of(r, "service"), l->service, service), text_of(r, "reason"),
	       moment_text(r, "last", "", last) + 5, short_text(number_of(r, "count"), count));
	if (number_of(r, "stands_for") > number_of(r, "count"))
		printf("    a sample of about %lld packets\n", number_of(r, "stands_for"));
}

static void show_narrow(const json_t *list)
{
	const struct layout l = layout_of(screen_width(), 42);
	char last[32];
	json_t *r;
	size_t i;

	printf("%-*s %-*s %-19s %-14s %5s\n", l.source, "SOURCE", l.service, "SERVICE", "REASON",
	       zone_title("LAST", last), "PKTS");
	json_array_foreach(list, i, r) row_narrow(r, &l);
	printf("(verdict and first refusal: with %d columns, in a pipe, and with --json)\n", TABLE_WIDTH);
}

/* Shows whole names if output does not go to a terminal. */
static void show_wide(const json_t *list)
{
	const struct layout l = layout_of(screen_width() ? screen_width() : ADDRESS_LEN + NAME_LEN + TABLE_WIDTH, 82);
	char first[32], last[32];
	json_t *r;
	size_t i;

	printf("%-*s %-*s %-20s %-8s %-19s  %-19s %8s\n", l.source, "SOURCE", l.service, "SERVICE", "REASON", "VERDICT",
	       zone_title("FIRST", first), zone_title("LAST", last), "PACKETS");
	json_array_foreach(list, i, r) row_wide(r, &l);
}

void show_refusals(const json_t *data)
{
	const json_t *list = json_object_get(data, "refusals");

	if (json_array_size(list) && screen_width() && screen_width() < TABLE_WIDTH)
		show_narrow(list);
	else if (json_array_size(list))
		show_wide(list);
	show_memory(data, json_array_size(list));
}
