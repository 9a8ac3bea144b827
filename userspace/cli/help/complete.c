/* SPDX-License-Identifier: BSD-2-Clause */
/* What can follow the words of a line, by userspace/api/verbs.def: see complete.h. The scripts in completion.c call it. */
#include <string.h>

#include "complete.h"
#include "complete_values.h"

/* Whether the option takes a value; *name is the option without its dashes. */
static bool option_takes(const struct typed *t, const char *word, const char **name)
{
	const struct api_param *p;

	*name = word + strspn(word, "-");
	if (!strcmp(word, "-i") || !strcmp(word, "--instance") || !strcmp(word, "--color"))
		return true;
	p = t->verb ? api_option(t->verb, *name) : NULL;
	return p && p->type != API_FLAG;
}

/* Takes one whole word of the line; *at moves on to the value of an option. */
static void word_take(struct typed *t, const char *const *words, int whole, int *at)
{
	const char *word = words[*at], *name;

	if (*word == '-' && !option_takes(t, word, &name))
		return;
	if (*word == '-' && ++*at == whole)
		t->option = name;
	else if (*word == '-' && strcmp(name, "i") && strcmp(name, "instance"))
		return;
	else if (*word == '-')
		t->instance = words[*at];
	else if (!t->verb && !t->help && !strcmp(word, "help"))
		t->help = true;
	else if (!t->verb)
		t->verb = api_find(word);
	else
		t->word[t->words++] = word;
}

static void commands_offer(const struct typed *t)
{
	size_t i;

	for (i = 0; i < api_verbs_count; i++) {
		if (*api_verbs[i].help)
			complete_offer(t, api_verbs[i].name, api_verbs[i].help);
	}
	if (t->help)
		return;
	complete_offer(t, "help", "list all commands, or explain one");
	complete_offer(t, "-i", "use another instance");
	complete_offer(t, "--json", "print the answer as JSON");
	complete_offer(t, "--color", "auto, always or never");
}

static bool is_said(const struct call *c, const char *option)
{
	int i;

	for (i = 1; i < c->words - 1 && strcmp(c->word[i], option); i++)
		;
	return i < c->words - 1;
}

static void options_offer(const struct call *c, const struct typed *t)
{
	const struct api_param *p;
	char text[64];

	for (p = t->verb->params; p->place != API_END; p++) {
		snprintf(text, sizeof(text), "--%s", p->name);
		if (p->place == API_OPTION && !is_said(c, text))
			complete_offer(t, text, p->shown);
	}
}

int complete_line(const struct call *c)
{
	struct typed t = { .instance = c->instance, .last = c->words > 1 ? c->word[c->words - 1] : "" };
	const struct api_param *p;
	int i;

	for (i = 1; i < c->words - 1; i++)
		word_take(&t, c->word, c->words - 1, &i);
	if (!t.verb && !t.option)
		commands_offer(&t);
	if (!t.verb)
		return EXIT_DONE;
	p = t.option ? api_option(t.verb, t.option) : word_param(t.verb, t.words);
	if (p && *t.last != '-')
		complete_values(&t, p);
	if (!t.option)
		options_offer(c, &t);
	return EXIT_DONE;
}
