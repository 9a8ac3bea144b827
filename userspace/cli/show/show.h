/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files show*.c share to read the daemon's answers and print them. */
#ifndef SLUICE_CLI_SHOW_H
#define SLUICE_CLI_SHOW_H

#include "cli.h"
#include "paint.h"

/* Returns "-" if there is none. */
static inline const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "-";
}

/* Whether it is there, and says something: callers need not ask for what text_of() shows as "-". */
static inline bool has_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text && *text;
}

static inline long long number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Prints a word in its colour, in this many columns. */
void word_print(const char *word, int width);
/* Prints "   warning: ..." at the end of a line. */
__attribute__((format(printf, 1, 2))) void warning_print(const char *fmt, ...);
/* show_next.c: the last lines of `explain` */
void show_next(const json_t *data);
/* Prints the last part of a row that has `before` columns; on a line of its own if a terminal has no room for it. */
void rest_print(const char *text, int before);
/* show_fleet.c: writes "mx2, mx4", the hosts in `on` that hold something, or "mx2, mx4 and 3 more". Returns buf. */
const char *hosts_text(const json_t *on, char buf[static 96]);
/* Writes "12/20", or "12" if there is no limit. */
const char *part_of(long long n, long long limit, char buf[static 48]);
/* Writes at most five characters: 12345, 1234k, 1234M. Returns buf. */
const char *short_text(long long n, char buf[static 24]);
/* Writes "3d 4h" for a number of seconds: the two highest units. Returns buf. */
const char *duration_text(long long seconds, char buf[static 32]);
/* Writes "2026-01-31 12:00:00" for 2026-01-31T12:00:00Z, or `otherwise` if there is no moment. */
const char *moment_text(const json_t *o, const char *key, const char *otherwise, char buf[static 24]);
/* "ENDS (CET)": the title of a column of such moments. */
const char *zone_title(const char *title, char buf[static 32]);

#endif
