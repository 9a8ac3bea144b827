/* SPDX-License-Identifier: BSD-2-Clause */
/* The full-screen live view: asks the daemon once a second. */
#include <string.h>
#include <time.h>

#include <curses.h>

#include "top.h"

#define TICK_MS 1000
#define BAN_TIME "1h"

static int fetch(const struct top *t, const char *verb, json_t **out)
{
	json_t *answer = NULL;
	int status = ask(t->call, verb, NULL, &answer);

	if (status == EXIT_DONE) {
		json_decref(*out);
		*out = json_incref(json_object_get(answer, "data"));
	}
	json_decref(answer);
	return status;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The counters of the last look become those of the look before. */
static int look(struct top *t)
{
	static double last;
	double moment = now();
	int status;

	json_decref(t->before);
	t->before = t->counters;
	t->counters = NULL;
	t->seconds = moment - last;
	last = moment;
	status = fetch(t, "status", &t->status);
	if (status == EXIT_DONE)
		status = fetch(t, "sources", &t->sources);
	return status == EXIT_DONE ? fetch(t, "counters", &t->counters) : status;
}

/* What is typed after `prompt`, until Enter; "" after Escape. */
static void line_ask(struct top *t, const char *prompt, char *out, size_t size)
{
	size_t n = 0;
	int key;

	*out = 0;
	timeout(-1);
	for (;;) {
		snprintf(t->message, sizeof(t->message), "%s%s_", prompt, out);
		top_draw(t);
		key = getch();
		if (key == '\n' || key == KEY_ENTER || key == ERR)
			break;
		if (key == 27)
			n = 0;
		else if ((key == KEY_BACKSPACE || key == 127) && n)
			n--;
		else if (key > ' ' && key < 127 && n + 1 < size)
			out[n++] = key;
		out[n] = 0;
		if (key == 27)
			break;
	}
	timeout(TICK_MS);
	*t->message = 0;
}

static const char *selected_source(const json_t *rows, const struct top *t)
{
	const char *source = json_string_value(json_object_get(json_array_get(rows, t->selected), "source"));

	return source ? source : "";
}

/* Only after a "y" to the question. */
static void ban(struct top *t)
{
	json_t *rows = top_rows(t), *answer = NULL;
	const char *source = selected_source(rows, t);
	char prompt[128], said[8];

	if (!*source) {
		snprintf(t->message, sizeof(t->message), "no source is selected");
	} else {
		snprintf(prompt, sizeof(prompt), "ban %s for " BAN_TIME "? (y/n) ", source);
		line_ask(t, prompt, said, sizeof(said));
		if (strcmp(said, "y"))
			snprintf(t->message, sizeof(t->message), "not banned");
		else if (ask(t->call, "ban",
			     json_pack("{s:s, s:s, s:s}", "prefix", source, "for", BAN_TIME, "reason", "top"), &answer))
			snprintf(t->message, sizeof(t->message), "%s could not be banned: are you root?", source);
		else
			snprintf(t->message, sizeof(t->message), "%s is banned for " BAN_TIME, source);
	}
	clearok(stdscr, TRUE); /* what the daemon complained of stands across the screen */
	json_decref(answer);
	json_decref(rows);
}

/* Not 0: the end. */
static int key_handle(struct top *t, int key)
{
	if (key == 's')
		t->sort = (t->sort + 1) % TOP_SORTS;
	else if (key == '/')
		line_ask(t, "show only: ", t->filter, sizeof(t->filter));
	else if (key == 'b')
		ban(t);
	else if (key == KEY_DOWN || key == 'j')
		t->selected++;
	else if ((key == KEY_UP || key == 'k') && t->selected)
		t->selected--;
	return key == 'q';
}

static void screen_begin(void)
{
	initscr();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	timeout(TICK_MS);
}

int cmd_top(const struct call *c)
{
	struct top t = { .call = c };
	int status = look(&t), key = ERR;

	if (status == EXIT_DONE)
		screen_begin();
	while (status == EXIT_DONE) {
		top_draw(&t);
		key = getch();
		if (key == ERR)
			status = look(&t);
		else if (key_handle(&t, key))
			break;
	}
	if (!isendwin())
		endwin();
	json_decref(t.status);
	json_decref(t.sources);
	json_decref(t.counters);
	json_decref(t.before);
	return status == EXIT_NO_DAEMON ? complain_no_daemon(c) : status;
}
