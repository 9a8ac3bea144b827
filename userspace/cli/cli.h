/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "cleanup.h"
#include "protocol.h"

/* Options of commands; a command takes those that its `args` name. */
enum option_id {
	OPTION_FOR,
	OPTION_REASON,
	OPTION_SERVICE,
	OPTION_TOP,
	OPTION_PORT,
	OPTION_DRY_RUN,
	OPTION_FORCE,
	OPTION_KILL,
	OPTION_CONFIRM,
	OPTION_SAVE,
	OPTION_BY,
	OPTION_FILE,
	OPTION_OBSERVE,
	OPTION_ALL,
	OPTION_ALL_OWNERS,
	OPTION_TOLERANT,
	OPTION_ELSEWHERE,
	OPTION_SINCE,
	OPTION_LISTS,
	OPTIONS
};

#define WORDS_MAX 64

/* One run of sluicectl, after its words were sorted. */
struct call {
	const char *instance;
	bool json;
	const char *option[OPTIONS]; /* NULL: not given; "" for one without a value */
	const struct command *command;
	const char *word[WORDS_MAX]; /* after the command */
	int words;
};

struct command {
	const char *name, *args, *help;
	int least, most; /* words */
	int (*run)(const struct call *c);
};

/* "" where it is not given. */
const char *option_text(const struct call *c, enum option_id option);

extern const struct command commands[];
extern const size_t commands_count;

/* ask.c: *answer is the daemon's object; exit status, message printed. Takes over `args`. */
int ask(const struct call *c, const char *verb, json_t *args, json_t **answer);
/* The same with a file behind the question. */
int ask_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size, json_t **answer);
/* The lines that follow the answer, until the daemon ends or the reader does. */
int ask_stream(const struct call *c, const char *verb, void (*each)(const struct call *c, const json_t *line));
__attribute__((format(printf, 2, 3))) int complain(int status, const char *fmt, ...);

int complain_no_daemon(const struct call *c);

/* session.c: the address that this session comes from by SSH, "" when it does not; static. */
const char *session_peer(void);

/* commands.c */
int cmd_check(const struct call *c);
struct diag;
int policy_refused(const struct call *c, const struct diag *d);
/* Shows what a reading verb answers: from the daemon, else (where `pins`) from the kernel's tables. */
int read_verb(const struct call *c, const char *verb, json_t *args, void (*show)(const json_t *), bool pins);
/* Says what a changing verb answers. Takes over nothing but `args`. */
int write_verb(const struct call *c, const char *verb, json_t *args);
int write_verb_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size);

/* A change, or with --dry-run what it would bring. */
int forecast_verb(const struct call *c, const char *verb, json_t *args);
/* The daemon has a directory of its own. A file that does not exist stays what it is called: the daemon says so. */
const char *absolute(const char *path, char real[static PATH_MAX]);
int path_refuse(const struct call *c);

/* cmd_apply.c */
int cmd_apply(const struct call *c);
int cmd_confirm(const struct call *c);

/* cmd_bans.c */
int cmd_ban(const struct call *c);
int cmd_unban(const struct call *c);
int cmd_bans(const struct call *c);
int cmd_kill(const struct call *c);

/* completion.c */
int cmd_completion(const struct call *c);

/* cmd_doctor.c */
int cmd_doctor(const struct call *c);

/* cmd_import.c */
int cmd_import(const struct call *c);
void import_help(void);

/* cmd_top.c */
int cmd_top(const struct call *c);

/* pins.c: what a CLI can tell without a daemon; EXIT_NO_DAEMON, or EXIT_NO_DAEMON with nothing in *data. */
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
void show_ends(const json_t *data);
void show_geo(const json_t *data);
void show_forecast(const json_t *data);
void show_live(const json_t *data);
void show_json(const json_t *data);

#endif
