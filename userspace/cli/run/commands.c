/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command after its words were checked. Most commands are one verb of the daemon, and differ only in how its answer is shown. main.c
 * calls this; commands that do more than that have a file of their own.
 */
#include <string.h>

#include "cli.h"

static void watch_line(const struct call *c, const json_t *line)
{
	if (c->json)
		json_dumpf(line, stdout, JSON_COMPACT);
	else
		show_refusal(line);
	if (c->json)
		putchar('\n');
	if (fflush(stdout))
		exit(EXIT_DONE); /* the reader has gone */
}

static int cmd_watch(const struct call *c)
{
	int status = ask_stream(c, "watch", watch_line);

	return status == EXIT_NO_DAEMON ? complain_no_daemon(c) : status;
}

/* With the section that the first two words name. */
static json_t *section_args(const struct call *c)
{
	const char *section = strcmp(c->word[0], "source-set") ? "service" : "set";
	json_t *args = json_pack("{s:s}", section, c->word[1]), *more = request_args(c);

	json_object_update(args, more);
	json_decref(more);
	return args;
}

static int cmd_set(const struct call *c)
{
	json_t *args;

	if (option(c, "save") && option(c, "for"))
		return complain(EXIT_BAD, "set: --save is for good, --for is not: use only one of them");
	args = section_args(c);
	return option(c, "dry-run") ? read_verb(c, "set", args, show_forecast, false) : write_verb(c, "set", args);
}

static int cmd_unset(const struct call *c)
{
	return write_verb(c, "unset", section_args(c));
}

static int cmd_sources(const struct call *c)
{
	bool fleet = option(c, "fleet");

	return read_verb(c, "sources", request_args(c), fleet ? show_fleet_sources : show_sources, !fleet);
}

static int cmd_geo(const struct call *c)
{
	bool dry = option(c, "dry-run");

	if (!strcmp(c->word[0], "update"))
		return read_verb(c, "geo-update", request_args(c), dry ? show_forecast : show_geo, false);
	if (dry || option(c, "force"))
		return complain(EXIT_BAD, "geo status: --dry-run and --force are options of geo update");
	return read_verb(c, "geo-status", NULL, show_geo, false);
}

static int cmd_fleet(const struct call *c)
{
	if (!strcmp(c->word[0], "acl"))
		return write_verb(c, "fleet-acl", NULL);
	return read_verb(c, "fleet-status", NULL, show_fleet, false);
}

static int cmd_unload(const struct call *c)
{
	json_t *answer = NULL;
	int status = ask(c, "unload", NULL, &answer);

	static const char text[] = "unloaded: nothing is refused any more";

	json_decref(answer);
	if (status == EXIT_NO_DAEMON)
		status = pins_unload(c);
	if (status != EXIT_DONE)
		return status;
	if (!c->json)
		return puts(text) < 0 ? EXIT_FAILED : EXIT_DONE;
	answer = json_pack("{s:b, s:s, s:s, s:[], s:n}", "ok", 1, "text", text, "warning", "", "warnings", "data");
	show_json(answer);
	json_decref(answer);
	return EXIT_DONE;
}

/* The commands that do more than ask, and print the answer. */
static const struct command {
	const char *name;
	int (*run)(const struct call *c); /* NULL: asks the verb of that name */
	void (*show)(const json_t *data); /* NULL: prints the answer's text */
	void (*forecast)(const json_t *data); /* what --dry-run shows */
	bool pins; /* without a daemon, the kernel's tables answer */
} commands[] = {
	{ "status", NULL, show_status, NULL, true },
	{ "sources", cmd_sources },
	{ "counters", NULL, show_counters, NULL, true },
	{ "set", cmd_set },
	{ "unset", cmd_unset },
	{ "ban", cmd_ban },
	{ "unban", cmd_unban },
	{ "bans", NULL, show_bans, NULL, true },
	{ "kill", NULL, NULL, show_ends, false },
	{ "allows", NULL, show_allows, NULL, true },
	{ "limit", NULL, NULL, show_forecast, false },
	{ "limits", NULL, show_live, NULL, false },
	{ "geo", cmd_geo },
	{ "fleet", cmd_fleet },
	{ "lookup", NULL, show_lookup, NULL, false },
	{ "explain", NULL, show_explain, NULL, false },
	{ "watch", cmd_watch },
	{ "refusals", NULL, show_refusals, NULL, false },
	{ "history", NULL, show_history, NULL, false },
	{ "top", cmd_top },
	{ "suggest", NULL, show_suggest, NULL, false },
	{ "check", cmd_check },
	{ "import", cmd_import },
	{ "doctor", cmd_doctor },
	{ "apply", cmd_apply },
	{ "confirm", cmd_confirm },
	{ "diff", NULL, show_diff, NULL, false },
	{ "privacy", NULL, show_privacy, NULL, false },
	{ "export", NULL, show_json, NULL, false },
	{ "completion", cmd_completion },
	{ "unload", cmd_unload },
};

int command_run(const struct call *c)
{
	static const struct command plain = {};
	const struct command *command = &plain;
	json_t *args;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(commands[i].name, c->command->name))
			command = &commands[i];
	}
	if (command->run)
		return command->run(c);
	args = request_args(c);
	if (!args)
		return EXIT_BAD;
	if (command->forecast && option(c, "dry-run"))
		return read_verb(c, c->command->name, args, command->forecast, false);
	if (command->show)
		return read_verb(c, c->command->name, args, command->show, command->pins);
	return write_verb(c, c->command->name, args);
}
