/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sluicectl: finds the command, checks its options and words, runs it. Owns nothing that outlives a call. */
#include <getopt.h>
#include <string.h>

#include "alike.h"
#include "cli.h"
#include "instance.h"
#include "plain.h"

static void usage(FILE *out)
{
	size_t i;

	fputs("usage: sluicectl [-i INSTANCE] [--json] COMMAND ...\n\n", out);
	for (i = 0; i < commands_count; i++)
		fprintf(out, "  %s %s\n      %s\n", commands[i].name, commands[i].args, commands[i].help);
	fputs("\nTIME is 90, 90s, 5m, 2h or 1d. Exit status: 0 done, 1 failed, 2 usage or bad policy,\n"
	      "3 daemon not running.\n",
	      out);
}

static const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < commands_count; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static int command_missing(const char *name)
{
	struct alike like = alike_to(name);
	size_t i;

	for (i = 0; i < commands_count; i++)
		alike_offer(&like, commands[i].name);
	return complain(EXIT_BAD, "unknown command '%s': %s%s%ssluicectl help lists them", name,
			like.found ? "did you mean '" : "", like.found ?: "", like.found ? "'? " : "");
}

static int help(const char *name)
{
	const struct command *command = name ? command_find(name) : NULL;

	if (name && !command)
		return command_missing(name);
	if (command)
		printf("usage: sluicectl %s %s\n  %s\n\nsluicectl(8) tells all of it.\n", command->name, command->args,
		       command->help);
	else
		usage(stdout);
	if (command && command->run == cmd_import)
		import_help();
	return EXIT_DONE;
}

enum { OPTION_FIRST = 256 }; /* above all letters */

static const struct option longs[] = {
	{ "for", required_argument, NULL, OPTION_FIRST + OPTION_FOR },
	{ "reason", required_argument, NULL, OPTION_FIRST + OPTION_REASON },
	{ "service", required_argument, NULL, OPTION_FIRST + OPTION_SERVICE },
	{ "top", required_argument, NULL, OPTION_FIRST + OPTION_TOP },
	{ "port", required_argument, NULL, OPTION_FIRST + OPTION_PORT },
	{ "dry-run", no_argument, NULL, OPTION_FIRST + OPTION_DRY_RUN },
	{ "force", no_argument, NULL, OPTION_FIRST + OPTION_FORCE },
	{ "kill", no_argument, NULL, OPTION_FIRST + OPTION_KILL },
	{ "confirm", required_argument, NULL, OPTION_FIRST + OPTION_CONFIRM },
	{ "save", no_argument, NULL, OPTION_FIRST + OPTION_SAVE },
	{ "by", required_argument, NULL, OPTION_FIRST + OPTION_BY },
	{ "file", required_argument, NULL, OPTION_FIRST + OPTION_FILE },
	{ "observe", no_argument, NULL, OPTION_FIRST + OPTION_OBSERVE },
	{ "all", no_argument, NULL, OPTION_FIRST + OPTION_ALL },
	{ "all-owners", no_argument, NULL, OPTION_FIRST + OPTION_ALL_OWNERS },
	{ "tolerant", no_argument, NULL, OPTION_FIRST + OPTION_TOLERANT },
	{ "elsewhere", no_argument, NULL, OPTION_FIRST + OPTION_ELSEWHERE },
	{ "since", required_argument, NULL, OPTION_FIRST + OPTION_SINCE },
	{ "lists", no_argument, NULL, OPTION_FIRST + OPTION_LISTS },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "instance", required_argument, NULL, 'i' },
	{ NULL, 0, NULL, 0 },
};

/* Options may stand anywhere. -1: go on; otherwise the exit status. */
static int options_parse(struct call *c, int argc, char **argv)
{
	bool help_wanted = false;
	int option;

	while ((option = getopt_long(argc, argv, "i:hV", longs, NULL)) != -1) {
		help_wanted |= option == 'h';
		if (option == 'V')
			return puts("sluicectl " SLUICE_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
		if (option == '?')
			return EXIT_BAD;
		c->json |= option == 'j';
		c->instance = option == 'i' ? optarg : c->instance;
		if (option >= OPTION_FIRST)
			c->option[option - OPTION_FIRST] = optarg ? optarg : "";
	}
	if (help_wanted)
		return help(optind < argc ? argv[optind] : NULL);
	return -1;
}

/* `at` is "--NAME ..." in the words that a command takes: --for is not --force. */
static bool is_option(const char *at, const char *name)
{
	size_t n = strcspn(at + 2, " ]|");

	return n == strlen(name) && !strncmp(at + 2, name, n);
}

/* -1: every option that is given belongs to the command. */
static int options_check(const struct call *c)
{
	const char *at;
	size_t i;

	for (i = 0; i < OPTIONS; i++) {
		if (!c->option[i])
			continue;
		for (at = strstr(c->command->args, "--"); at && !is_option(at, longs[i].name);
		     at = strstr(at + 2, "--"))
			;
		if (!at)
			return complain(EXIT_BAD, "--%s does not go with %s: sluicectl %s %s", longs[i].name,
					c->command->name, c->command->name, c->command->args);
	}
	return -1;
}

/*
 * -1: all that goes to the daemon is text. JSON holds no other, and without its argument a command would mean something else. What reads
 * its file itself takes any name.
 */
static int words_check(const struct call *c)
{
	bool local = c->command->run == cmd_check || c->command->run == cmd_doctor || c->command->run == cmd_import;
	int i;

	for (i = 0; i < c->words && !local; i++) {
		if (!utf8_is_good(c->word[i]))
			return complain(EXIT_BAD,
					"%s: argument %d is no UTF-8 text: write it in UTF-8, or rename the file",
					c->command->name, i + 1);
	}
	for (i = 0; i < OPTIONS; i++) {
		if (c->option[i] && !*c->option[i] && longs[i].has_arg && i != OPTION_REASON)
			return complain(EXIT_BAD, "--%s is empty: leave it out, or say what it is", longs[i].name);
		if (c->option[i] && !utf8_is_good(c->option[i]))
			return complain(EXIT_BAD, "%s: the value of --%s is no UTF-8 text", c->command->name,
					longs[i].name);
	}
	return options_check(c);
}

static int words_sort(struct call *c, int argc, char **argv)
{
	if (!instance_is_good(c->instance))
		return complain(EXIT_BAD, "-i %s: an instance name has 1 to 31 letters, digits, '_', '.', '-'",
				c->instance);
	if (optind == argc) {
		usage(stderr);
		return EXIT_BAD;
	}
	if (!strcmp(argv[optind], "help"))
		return help(argv[optind + 1]);
	c->command = command_find(argv[optind]);
	if (!c->command)
		return command_missing(argv[optind]);
	for (optind++; optind < argc && c->words < WORDS_MAX; optind++)
		c->word[c->words++] = argv[optind];
	if (c->words < c->command->least || c->words > c->command->most)
		return complain(EXIT_BAD, "usage: sluicectl %s %s", c->command->name, c->command->args);
	return words_check(c);
}

int main(int argc, char **argv)
{
	struct call c = { .instance = "default" };
	int status;

	status = options_parse(&c, argc, argv);
	if (status < 0)
		status = words_sort(&c, argc, argv);
	if (status < 0)
		status = c.command->run(&c);
	if ((fflush(stdout) || ferror(stdout)) && !status)
		status = EXIT_FAILED;
	return status;
}
