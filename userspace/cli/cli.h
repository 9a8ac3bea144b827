/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "cleanup.h"
#include "protocol.h"

/* One run of sluicectl, after its words were sorted. */
struct call {
	const char *instance;
	bool json, dry, force;
	const char *time, *reason, *service, *top; /* --for, --reason, --service, --top; NULL: not given */
	const struct command *command;
	const char *word[8]; /* after the command */
	int words;
};

struct command {
	const char *name, *args, *help;
	int least, most; /* words */
	int (*run)(const struct call *c);
};

extern const struct command commands[];
extern const size_t commands_count;

/* ask.c: *answer is the daemon's object; exit status, message printed. Takes over `args`. */
int ask(const struct call *c, const char *verb, json_t *args, json_t **answer);
__attribute__((format(printf, 2, 3))) int complain(int status, const char *fmt, ...);

/* pins.c: what a CLI can tell without a daemon; EXIT_NO_DAEMON, or EXIT_NO_DAEMON with nothing in *data. */
int pins_report(const struct call *c, const char *verb, json_t **data);
int pins_unload(const struct call *c);

/* show.c */
void show_status(const json_t *data);
void show_sources(const json_t *data);
void show_live(const json_t *data);
void show_counters(const json_t *data);
void show_lookup(const json_t *data);
void show_diff(const json_t *data);
void show_geo(const json_t *data);
void show_forecast(const json_t *data);
void show_json(const json_t *data);

#endif
