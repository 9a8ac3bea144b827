/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sluicectl: finds the command, checks its options and words, runs it. Owns nothing that outlives a call. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "alike.h"
#include "cli.h"
#include "help.h"

/* NULL: there is no such command. */
static const struct api_verb *command_find(const char *name)
{
	const struct api_verb *v = api_find(name);

	return v && *v->help ? v : NULL;
}

static int command_missing(const char *name)
{
	struct alike like = alike_to(name);
	char meant[ALIKE_TEXT_LEN];
	size_t i;

	for (i = 0; i < api_verbs_count; i++) {
		if (*api_verbs[i].help)
			alike_offer(&like, api_verbs[i].name);
	}
	alike_ask(like.found, meant);
	return complain(EXIT_BAD, "unknown command '%s': %s%ssluicectl help lists them", name, meant,
			*meant ? " " : "");
}

static int help(const char *name)
{
	const struct api_verb *command = name ? command_find(name) : NULL;

	if (name && !command)
		return command_missing(name);
	if (command)
		help_command(command);
	else
		help_all(stdout);
	return EXIT_DONE;
}

/* -1: a command is to run. */
static int command_take(struct call *c, int argc, char **argv)
{
	const char *name = argv[optind];

	if (c->help)
		return help(name);
	if (optind == argc) {
		help_all(stderr);
		return EXIT_BAD;
	}
	if (!strcmp(name, "help"))
		return help(argv[optind + 1]);
	c->command = command_find(name);
	return c->command ? words_sort(c, argc, argv) : command_missing(name);
}

/* A full disk must not look like an empty answer. */
static int output_end(int status)
{
	int err = fflush(stdout) ? errno : 0;

	if (!err && !ferror(stdout))
		return status;
	say("the answer could not be written%s%s: make room, or write it elsewhere", err ? ": " : "",
	    err ? strerror(err) : "");
	return status ? status : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct call c = { .instance = "default" };
	int status = options_parse(&c, argc, argv);

	if (status < 0)
		status = command_take(&c, argc, argv);
	if (status < 0)
		status = command_run(&c);
	if (status && c.json)
		failure_show(status);
	return output_end(status);
}
