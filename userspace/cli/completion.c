/* SPDX-License-Identifier: BSD-2-Clause */
/* Bash completion, out of the command table and the schema. */
#include <string.h>

#include "cli.h"
#include "schema.h"

/* The options among a command's arguments, and the words of its first one that can only be one of a few. */
static void words_print(const char *args)
{
	const char *at = args;
	size_t n;

	while (*at) {
		at += strspn(at, "[ ]");
		n = strcspn(at, "[ ]");
		if (!strncmp(at, "--", 2) || (*at >= 'a' && *at <= 'z'))
			printf(" %.*s", (int)n, at);
		at += n;
	}
}

static void keys_print(void)
{
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == SECTION_SERVICE ||
		    (schema[i].section == SECTION_SET && !schema_find(SECTION_SERVICE, schema[i].key)))
			printf(" %s", schema[i].key);
	}
}

int cmd_completion(const struct call *c)
{
	size_t i;

	(void)c;
	puts("# bash completion for sluicectl: made by `sluicectl completion`\n"
	     "_sluicectl() {\n"
	     "	local words word=${COMP_WORDS[COMP_CWORD]} command= before= w\n"
	     "	for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	     "		case $before:$w in -i:*) before= ;; *:-*) before=$w ;; *) command=$w; break ;; esac\n"
	     "	done\n"
	     "	case $command in");
	for (i = 0; i < commands_count; i++) {
		printf("	%s) words='", commands[i].name);
		words_print(commands[i].args);
		if (!strcmp(commands[i].name, "set") || !strcmp(commands[i].name, "limit"))
			keys_print();
		puts(strstr(commands[i].args, "FILE") ? "'; compopt -o default ;;" : "' ;;");
	}
	fputs("	*) words='-i --json", stdout);
	for (i = 0; i < commands_count; i++)
		printf(" %s", commands[i].name);
	puts("' ;;\n	esac\n"
	     "	words=${words//|/ }\n"
	     "	mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	     "}\n"
	     "complete -F _sluicectl sluicectl");
	return EXIT_DONE;
}
