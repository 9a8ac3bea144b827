/* SPDX-License-Identifier: BSD-2-Clause */
/* `watch` and `refusals` for people: who is refused now, a line each, and who was. */
#include <string.h>
#include <time.h>

#include "screen.h"
#include "show.h"

void show_refusal(const json_t *line)
{
	time_t when = json_real_value(json_object_get(line, "time"));
	const char *verdict = text_of(line, "verdict");
	char clock[16];
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&when, &tm));
	printf("%s  %-43s %-14.14s %-20s %-6s 1 in %lld\n", clock, text_of(line, "source"), text_of(line, "service"),
	       text_of(line, "reason"), strcmp(verdict, "pass") ? verdict : "only observed",
	       number_of(line, "sampled"));
}

static void show_memory(const json_t *data, size_t shown)
{
	char since[24];

	if (json_is_null(json_object_get(data, "since"))) {
		puts("nothing is remembered: log { refusals = none }");
		return;
	}
	if (number_of(data, "found") > (long long)shown)
		printf("... and %lld more\n", number_of(data, "found") - (long long)shown);
	if (!number_of(data, "found"))
		puts("none that is remembered");
	printf("remembered: %lld of %lld since %s UTC; addresses: %s\n", number_of(data, "remembered"),
	       number_of(data, "capacity"), moment_text(data, "since", "", since), text_of(data, "addresses"));
	printf("each for %llds after its last refusal; forgotten for want of room: %lld\n",
	       number_of(data, "retention"), number_of(data, "forgotten"));
	if (number_of(data, "untold"))
		printf("of many at once a sample is remembered: %lld packets were only counted\n",
		       number_of(data, "untold"));
}

void show_refusals(const json_t *data)
{
	const json_t *list = json_object_get(data, "refusals");
	char first[24], last[24];
	json_t *r;
	size_t i;

	if (json_array_size(list))
		printf("%-24s %-12s %-20s %-8s %-19s  %-19s %8s\n", "SOURCE", "SERVICE", "REASON", "VERDICT",
		       "FIRST (UTC)", "LAST (UTC)", "PACKETS");
	json_array_foreach(list, i, r)
	{
		printf("%-24s %-12.12s %-20s %-8s %-19s  %-19s %8lld", text_of(r, "source"), text_of(r, "service"),
		       text_of(r, "reason"), strcmp(text_of(r, "verdict"), "pass") ? text_of(r, "verdict") : "observed",
		       moment_text(r, "first", "", first), moment_text(r, "last", "", last), number_of(r, "count"));
		if (number_of(r, "stands_for") > number_of(r, "count"))
			printf(", a sample of about %lld", number_of(r, "stands_for"));
		putchar('\n');
	}
	show_memory(data, json_array_size(list));
}
