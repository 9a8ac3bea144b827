/* SPDX-License-Identifier: BSD-2-Clause */
/* The full-screen live view: asks the daemon once a second. */
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "paint.h"
#include "top.h"
#include "top_terminal.h"

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

/* The counters of the last look become those of the look before it. */
static int look(struct top *t)
{
	static double last;
	double moment = now();
	int status;

	json_decref(t->before);
	json_decref(t->status_before);
	t->before = t->counters;
	t->status_before = json_incref(t->status);
	t->counters = NULL;
	t->seconds = moment - last;
	last = moment;
	status = fetch(t, "status", &t->status);
	if (status == EXIT_DONE)
		status = fetch(t, "sources", &t->sources);
	return status == EXIT_DONE ? fetch(t, "counters", &t->counters) : status;
}

static const char *selected_source(const json_t *rows, const struct top *t)
{
	const char *source = json_string_value(json_object_get(json_array_get(rows, t->selected), "source"));

	return source ? source : "";
}

static void ban_ask(struct top *t)
{
	json_t *rows = top_rows(t);

	snprintf(t->source, sizeof(t->source), "%s", selected_source(rows, t));
	if (*t->source)
		t->asks = TOP_BAN;
	else
		snprintf(t->message, sizeof(t->message), "no source is selected");
	json_decref(rows);
}

/* Only a "y" bans. */
static void ban_answer(struct top *t, int key)
{
	json_t *answer = NULL;

	t->asks = TOP_NOTHING;
	if (key != 'y')
		snprintf(t->message, sizeof(t->message), "%s is not banned", t->source);
	else if (ask(t->call, "ban",
		     json_pack("{s:s, s:s, s:s}", "prefix", t->source, "for", BAN_TIME, "reason", "top"), &answer))
		snprintf(t->message, sizeof(t->message), "%s could not be banned: are you root?", t->source);
	else
		snprintf(t->message, sizeof(t->message), "%s is banned for " BAN_TIME, t->source);
	clearok(stdscr, TRUE); /* the daemon's complaints are written across the screen */
	json_decref(answer);
}

/* The filter applies while it is typed. */
static void filter_type(struct top *t, int key)
{
	size_t n = strlen(t->filter);

	if (key == '\n' || key == KEY_ENTER)
		t->asks = TOP_NOTHING;
	else if (key == 27) {
		t->asks = TOP_NOTHING;
		*t->filter = 0;
	} else if ((key == KEY_BACKSPACE || key == 127) && n) {
		t->filter[n - 1] = 0;
	} else if (key > ' ' && key < 127 && n + 1 < sizeof(t->filter)) {
		t->filter[n] = key;
		t->filter[n + 1] = 0;
	}
}

static void select_by(struct top *t, int by)
{
	t->selected = t->selected + by > 0 ? t->selected + by : 0; /* drawing limits it at the end of the list */
}

static void key_handle(struct top *t, int key)
{
	if (key != '\n')
		*t->message = 0;
	if (key == 's')
		t->sort = (t->sort + 1) % TOP_SORTS;
	else if (key == '/')
		t->asks = TOP_FILTER;
	else if (key == '?')
		t->asks = TOP_HELP;
	else if (key == 'b')
		ban_ask(t);
	else if (key == KEY_DOWN || key == 'j')
		select_by(t, 1);
	else if (key == KEY_UP || key == 'k')
		select_by(t, -1);
	else if (key == KEY_NPAGE)
		select_by(t, LINES / 3);
	else if (key == KEY_PPAGE)
		select_by(t, -LINES / 3);
}

/* Returns false to end. */
static bool key_take(struct top *t, int key)
{
	if (t->asks == TOP_FILTER)
		filter_type(t, key);
	else if (t->asks == TOP_BAN)
		ban_answer(t, key);
	else if (t->asks == TOP_HELP)
		t->asks = TOP_NOTHING;
	else if (key == 'q')
		return false;
	else
		key_handle(t, key);
	return true;
}

/* Whether nobody can type any more. */
static bool input_is_over(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int waiting = 0;

	return poll(&in, 1, 0) > 0 && (ioctl(STDIN_FILENO, FIONREAD, &waiting) || !waiting);
}

/* The number of a tone is the number of its pair. */
static void colours_begin(void)
{
	if (!paint_is_on() || !has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(TONE_NEAR, COLOR_YELLOW, -1);
	init_pair(TONE_BAD, COLOR_RED, -1);
}

/* Returns false if there is no terminal that it could draw on. */
static bool screen_begin(void)
{
	if (!terminal_can_draw() || !newterm(NULL, stdout, stdin))
		return false;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	timeout(TICK_MS);
	colours_begin();
	return true;
}

static int screen_run(struct top *t)
{
	int status = EXIT_DONE, key;
	bool on = true;

	while (on && status == EXIT_DONE) {
		top_draw(t);
		key = getch();
		if (key == ERR && input_is_over())
			break;
		if (key == ERR)
			status = look(t);
		else if (key != KEY_RESIZE)
			on = key_take(t, key);
	}
	endwin();
	return status;
}

int cmd_top(const struct call *c)
{
	struct top t = { .call = c };
	int status = look(&t);

	if (status == EXIT_DONE)
		status = screen_begin()
				 ? screen_run(&t)
				 : complain(EXIT_BAD,
					    "top draws on a terminal, and there is none (or TERM names an unknown "
					    "one): sluicectl status, sources and counters print the same");
	json_decref(t.status);
	json_decref(t.sources);
	json_decref(t.counters);
	json_decref(t.before);
	json_decref(t.status_before);
	return status == EXIT_NO_DAEMON ? complain_no_daemon(c) : status;
}
