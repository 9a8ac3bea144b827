/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the help for one command or for all, in 80 columns. main.c calls it; the texts are in verbs.def and help_texts.c. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "help.h"
#include "help_texts.h"
#include "reason.h"
#include "schema.h"
#include "scope.h"

#define WIDTH 80

void help_all(FILE *out)
{
	char text[API_SYNOPSIS_LEN];
	size_t i;

	fputs("usage: sluicectl [-i INSTANCE] [--json] [--color auto|always|never] COMMAND ...\n\n", out);
	for (i = 0; i < api_verbs_count; i++) {
		if (*api_verbs[i].help)
			fprintf(out, "  %s %s\n      %s\n", api_verbs[i].name, api_synopsis(&api_verbs[i], text),
				api_verbs[i].help);
	}
	fputs("\nsluicectl COMMAND --help explains one command, with examples. TIME is 90, 90s, 5m,\n"
	      "2h or 1d. Exit status: 0 done, 1 failed, 2 usage or bad policy, 3 daemon not running.\n",
	      out);
}

/* Prints words after `at` columns that are filled already, in lines that end before WIDTH and begin at `indent`. */
static void text_print(const char *text, int at, int indent)
{
	bool first = true;
	int n;

	for (; *text; text += n + strspn(text + n, " ")) {
		n = strcspn(text, " ");
		if (first && at < indent)
			at += printf("%*s", indent - at, "");
		else if (!first && at + 1 + n > WIDTH)
			at = printf("\n%*s", indent, "") - 1;
		else if (!first)
			at += printf(" ");
		at += printf("%.*s", n, text);
		first = false;
	}
	putchar('\n');
}

static void params_print(const struct api_verb *v)
{
	const struct api_param *p;

	for (p = v->params; p->place == API_WORD || p->place == API_OPTION; p++) {
		if (p == v->params)
			putchar('\n');
		printf("  %s%s%s%s\n", p->place == API_OPTION ? "--" : "", p->name, *p->name && *p->shown ? " " : "",
		       p->shown);
		text_print(help_param(v, p), 0, 6);
	}
}

/* Returns what a key takes, as a policy has it. */
static const char *value_of(const struct setting *s, char buf[static 64])
{
	static const char *const values[] = {
		[KIND_SHARE] = "20, or 2%",
		[KIND_RATE] = "60/1m",
		[KIND_TIME] = "10m",
		[KIND_BOOL] = "true|false",
		[KIND_FILE] = "/var/lib/sluice/list.txt",
		[KIND_PORTS] = "{25, 587}",
		[KIND_ADDRESSES] = "{192.0.2.25, 2001:db8::25}",
		[KIND_PREFIXES] = "{192.0.2.0/24, 2001:db8::/48}",
		[KIND_SERVICES] = "{smtp, imap}",
		[KIND_COUNTRIES] = "{DE, AT, ZZ}",
		[KIND_NETWORKS] = "{64496, 64497}",
	};
	const char *const *choice;
	size_t n = 0;

	*buf = 0;
	for (choice = s->kind == KIND_CHOICE ? s->choices : NULL; choice && *choice; choice++)
		n += snprintf(buf + n, 64 - n, "%s%s", n ? "|" : "", *choice);
	if (s->kind == KIND_COUNT)
		snprintf(buf, 64, "%u to %u", s->min, s->max);
	if (s->kind < sizeof(values) / sizeof(*values) && values[s->kind])
		return values[s->kind];
	return buf;
}

static void key_print(const struct setting *s)
{
	char value[64];

	printf("  %s = %s\n", s->key, value_of(s, value));
	text_print(s->help, 0, 6);
}

static void section_print(enum section section)
{
	size_t i;

	printf("\nKeys of a %s:\n", section_names[section]);
	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == section)
			key_print(&schema[i]);
	}
}

static void reasons_print(void)
{
	size_t i;

	puts("\nReasons:");
	for (i = 0; i < SLUICE_REASONS; i++) {
		if (!reason_refuses(i))
			continue;
		printf("  %s\n", reason_label(i));
		text_print(reason_help(i), 0, 6);
	}
}

/* What its types can be, all of them. */
static void values_print(const struct api_verb *v)
{
	const struct api_param *p;
	size_t i;

	for (p = v->params; p->place == API_WORD || p->place == API_OPTION; p++) {
		if (p->type == API_KEY) {
			section_print(SECTION_SERVICE);
			section_print(SECTION_SET);
		} else if (p->type == API_LIMIT_KEY) {
			puts("\nKeys:");
			for (i = 0; scope_sender_keys[i]; i++)
				key_print(schema_find(SECTION_SET, scope_sender_keys[i]));
		} else if (p->type == API_REASON) {
			reasons_print();
		}
	}
	if (!strcmp(v->name, "import"))
		import_help();
}

static void examples_print(const struct api_verb *v)
{
	size_t i;

	puts("\nExamples:");
	for (i = 0; i < help_examples_count; i++) {
		if (!strcmp(help_examples[i].verb, v->name))
			printf("  %s\n      %s\n", help_examples[i].line, help_examples[i].what);
	}
}

void help_command(const struct api_verb *v)
{
	char text[API_SYNOPSIS_LEN];

	text_print(api_synopsis(v, text), printf("usage: sluicectl %s ", v->name), 11);
	text_print(v->help, 0, 2);
	params_print(v);
	values_print(v);
	examples_print(v);
	puts("\nSee sluicectl(8) for details.");
}
