/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of sluicectl share: one run, its options, and how requests reach the daemon. */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "api.h"
#include "cleanup.h"
#include "json_text.h"
#include "protocol.h"

#define OPTIONS_MAX 48
#define WORDS_MAX 64

/* One run of sluicectl, after its words were sorted. */
struct call {
	const char *instance;
	bool json, help;
	const char *option[OPTIONS_MAX]; /* from options.c; NULL if not given, "" if it has no value */
	const struct api_verb *command;
	const char *word[WORDS_MAX]; /* after the command */
	int words;
};

/* options.c. Returns -1 to continue, otherwise the exit status */
int options_parse(struct call *c, int argc, char **argv);
int words_sort(struct call *c, int argc, char **argv);
/* Returns the parameter that the word stands for, or NULL if there is none. */
const struct api_param *word_param(const struct api_verb *v, int at);
/* Returns what was given for a parameter (for a REST, its first word), "" for a flag, or NULL. */
const char *given(const struct call *c, const struct api_param *p);
/* Returns NULL if it is not given, and "" if it has no value. */
const char *option(const struct call *c, const char *name);
/* Returns "" if it is not given. */
const char *option_text(const struct call *c, const char *name);

/* request.c: makes the arguments of the request that the command line stands for; NULL with a message: a path is not text. */
json_t *request_args(const struct call *c);

/* ask.c: *answer is the daemon's object; returns the exit status, with its message printed. Takes over `args`. */
int ask(const struct call *c, const char *verb, json_t *args, json_t **answer);
/* The same, with a file after the question. */
int ask_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size, json_t **answer);
/* Returns the data of the answer, or NULL. Failures are not reported. */
json_t *ask_quietly(const struct call *c, const char *verb);
/* Passes on the lines that follow the answer, until the daemon ends or the reader does. */
int ask_stream(const struct call *c, const char *verb, void (*each)(const struct call *c, const json_t *line));

/* say.c: a line on standard error; complain() also keeps it for --json. Returns the status. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
__attribute__((format(printf, 2, 3))) int complain(int status, const char *fmt, ...);
/* Keeps the errors that the daemon answered, which are printed already. */
void complain_answer(const json_t *answer);
/* With --json, prints for a command that failed: {"ok":false,"error","errors","exit"}, unless it has printed JSON already. */
void failure_show(int status);

int complain_no_daemon(const struct call *c);

/* session.c: returns the address that this session comes from by SSH, or "" if it does not; static. */
const char *session_peer(void);

/* commands.c */
int command_run(const struct call *c);

/* verb.c */
/* Shows what a reading verb answers: the daemon or, without one and with `pins`, the kernel's tables. */
int read_verb(const struct call *c, const char *verb, json_t *args, void (*show)(const json_t *), bool pins);
/* Prints what a changing verb answers. Takes over nothing but `args`. */
int write_verb(const struct call *c, const char *verb, json_t *args);
int write_verb_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size);
/* cmd_apply.c */
int cmd_apply(const struct call *c);
int cmd_confirm(const struct call *c);

/* cmd_bans.c */
int cmd_ban(const struct call *c);
int cmd_unban(const struct call *c);

/* cmd_check.c */
int cmd_check(const struct call *c);
struct diag;
int policy_refused(const struct call *c, const struct diag *d);

/* completion.c */
int cmd_completion(const struct call *c);

/* cmd_doctor.c */
int cmd_doctor(const struct call *c);

/* cmd_import.c */
int cmd_import(const struct call *c);
void import_help(void);

/* cmd_top.c */
int cmd_top(const struct call *c);

/* pins.c: what a CLI can tell without a daemon. Returns EXIT_NO_DAEMON, or EXIT_NO_DAEMON with nothing in *data. */
int pins_report(const struct call *c, const char *verb, json_t **data);
int pins_unload(const struct call *c);

/* show.c */
void show_status(const json_t *data);
void show_sources(const json_t *data);
void show_allows(const json_t *data);
void show_bans(const json_t *data);
void show_counters(const json_t *data);
void show_lookup(const json_t *data);
void show_explain(const json_t *data);
void show_diff(const json_t *data);
void show_privacy(const json_t *data);
void show_suggest(const json_t *data);
void show_refusal(const json_t *line);
void show_refusals(const json_t *data);
void show_history(const json_t *data);
void show_ends(const json_t *data);
void show_geo(const json_t *data);
void show_fleet(const json_t *data);
void show_fleet_sources(const json_t *data);
void show_forecast(const json_t *data);
void show_live(const json_t *data);
void show_json(const json_t *data);

#endif
