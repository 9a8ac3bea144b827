/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports errors on standard error and, with --json, as one object on standard output when the command has ended. Every file of sluicectl
 * calls complain(); main.c calls failure_show() once.
 */
#include <stdarg.h>

#include "cli.h"

static json_t *errors; /* as in answers.def; NULL: none yet */
static bool shown; /* JSON was printed already: it is the answer, whatever the exit status is */

static void say_list(const char *fmt, va_list ap)
{
	fputs("sluicectl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_list(fmt, ap);
	va_end(ap);
}

static void error_add(json_t *error)
{
	errors = errors ?: json_array();
	json_array_append_new(errors, error);
}

static json_t *error_of(const char *text)
{
	return json_pack("{s:s, s:i, s:i, s:s, s:o, s:s}", "file", "", "line", 0, "column", 0, "key", "", "text",
			 json_line(text), "hint", "");
}

int complain(int status, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	say_list(fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		error_add(error_of(text));
	va_end(ap);
	return status;
}

void complain_answer(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "errors");
	const char *text = json_string_value(json_object_get(answer, "error"));
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) error_add(json_incref(one));
	if (!json_array_size(list))
		error_add(error_of(text ? text : "failed"));
}

void show_json(const json_t *data)
{
	shown = true;
	json_dumpf(data, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

/* "TEXT: HINT", one per line. */
static json_t *errors_text(void)
{
	_cleanup_free_ char *text = NULL;
	const char *hint;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);
	json_t *e;

	json_array_foreach(errors, i, e)
	{
		hint = json_string_value(json_object_get(e, "hint"));
		if (out)
			fprintf(out, "%s%s%s%s", i ? "\n" : "", json_string_value(json_object_get(e, "text")),
				hint && *hint ? ": " : "", hint ? hint : "");
	}
	return out && !fclose(out) ? json_lines(text) : NULL;
}

void failure_show(int status)
{
	json_t *answer;

	if (shown)
		return;
	if (!errors)
		error_add(error_of("this is not a command: sluicectl help lists them"));
	answer = json_pack("{s:b, s:o, s:O, s:i}", "ok", 0, "error", errors_text(), "errors", errors, "exit", status);
	show_json(answer);
	json_decref(answer);
}
