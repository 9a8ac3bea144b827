/* SPDX-License-Identifier: BSD-2-Clause */
/* The words and options of a command line, as userspace/api/verbs.def has them: found, checked, and put into a struct call. Called by main.c. */
#include <getopt.h>
#include <string.h>

#include "alike.h"
#include "cli.h"
#include "instance.h"
#include "paint.h"
#include "plain.h"
#include "value.h"

#define OPTION_FIRST 256 /* larger than any letter */
#define LONGS_OWN 5 /* of sluicectl itself, not of a command */

static struct option longs[OPTIONS_MAX + LONGS_OWN + 1] = {
	{ "json", no_argument, NULL, 'j' },	   { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },	   { "instance", required_argument, NULL, 'i' },
	{ "color", required_argument, NULL, 'c' }, /* the spelling of other programs */
};

static int option_at(const char *name)
{
	int i;

	for (i = LONGS_OWN; longs[i].name; i++) {
		if (!strcmp(longs[i].name, name))
			return i - LONGS_OWN;
	}
	return -1;
}

/* Adds each option of the list once, whatever verbs have it. */
static void longs_fill(void)
{
	const struct api_param *p;
	size_t v, n = 0;

	for (v = 0; v < api_verbs_count; v++) {
		for (p = api_verbs[v].params; p->place != API_END; p++) {
			if (p->place != API_OPTION || option_at(p->name) >= 0 || n == OPTIONS_MAX)
				continue;
			longs[LONGS_OWN + n] =
				(struct option){ p->name, p->type == API_FLAG ? no_argument : required_argument, NULL,
						 OPTION_FIRST + n };
			n++;
		}
	}
}

const char *option(const struct call *c, const char *name)
{
	int at = option_at(name);

	return at < 0 ? NULL : c->option[at];
}

const char *option_text(const struct call *c, const char *name)
{
	return option(c, name) ?: "";
}

/* Returns the word in which getopt_long() is, or was just now: it stays in one until all its letters are read. */
static const char *word_refused(char **argv)
{
	const char *done = argv[optind - 1];

	return done[0] == '-' && (!optopt || done[1] == '-' || strchr(done, optopt)) ? done : argv[optind];
}

static int option_refuse(int got, const char *text)
{
	struct alike like = alike_to(text + strspn(text, "-"));
	char meant[ALIKE_TEXT_LEN];
	int i;

	if (got == ':')
		return complain(EXIT_BAD, "option '%s' requires an argument", text);
	if (text[1] >= '0' && text[1] <= '9')
		return complain(EXIT_BAD, "%s is read as an option: put -- before it if it is a value", text);
	for (i = 0; longs[i].name; i++)
		alike_offer(&like, longs[i].name);
	alike_ask(like.found, meant);
	return complain(EXIT_BAD, "unrecognized option '%s'%s%s", text, *meant ? ": " : "", meant);
}

/* Returns -1 to continue, otherwise the exit status. */
int options_parse(struct call *c, int argc, char **argv)
{
	const char *color = NULL, *said = NULL;
	int got, bad = -1;

	longs_fill();
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":i:hV", longs, NULL)) != -1) {
		c->help |= got == 'h';
		c->json |= got == 'j';
		if (got == 'V')
			return puts("sluicectl " SLUICE_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
		if (got == '?' || got == ':')
			bad = word_refused(argv) == said ? bad : option_refuse(got, said = word_refused(argv));
		c->instance = got == 'i' ? optarg : c->instance;
		color = got == 'c' ? optarg : color;
		if (got >= OPTION_FIRST)
			c->option[got - OPTION_FIRST] = optarg ? optarg : "";
	}
	if (bad >= 0)
		return bad;
	if (!paint_choose(color, c->json))
		return complain(EXIT_BAD, "--color %s: write auto, always or never", color);
	if (!instance_is_good(c->instance))
		return complain(EXIT_BAD, "-i %s: an instance name has 1 to 31 letters, digits, '_', '.', '-'",
				c->instance);
	return -1;
}

static int usage(const struct call *c)
{
	char text[API_SYNOPSIS_LEN];

	return complain(EXIT_BAD, "usage: sluicectl %s %s", c->command->name, api_synopsis(c->command, text));
}

const struct api_param *word_param(const struct api_verb *v, int at)
{
	const struct api_param *p;

	for (p = v->params; p->place != API_END; p++) {
		if (p->place == API_WORD && (!at-- || p->presence == API_REST || p->presence == API_MORE))
			return p;
	}
	return NULL;
}

const char *given(const struct call *c, const struct api_param *p)
{
	int i;

	if (p->place == API_OPTION)
		return option(c, p->name);
	for (i = 0; i < c->words; i++) {
		if (word_param(c->command, i) == p)
			return c->word[i];
	}
	return NULL;
}

static bool is_of_list(const struct api_param *p)
{
	return p->place == API_WORD || p->place == API_OPTION;
}

/* Returns how many of the alternatives that begin with **at are given; *at is the last of them afterwards. */
static int group_count(const struct call *c, const struct api_param **at)
{
	int n = given(c, *at) != NULL;

	while ((*at)->presence == API_OR)
		n += given(c, ++*at) != NULL;
	return n;
}

/* Returns -1 if everything required is given, and one of each set of alternatives. */
static int presence_check(const struct call *c)
{
	const struct api_param *p, *first;
	int n;

	for (p = c->command->params; is_of_list(p); p++) {
		first = p;
		n = group_count(c, &p);
		if (n == 1 || p->presence == API_MAY || p->presence == API_WITH || p->presence == API_MORE)
			continue;
		if (p == first && p->place == API_OPTION)
			return complain(EXIT_BAD, "%s: name the %s: --%s %s", c->command->name, p->name, p->name,
					p->shown);
		return usage(c);
	}
	return -1;
}

/* `words` is "one|two|three". */
static bool is_among(const char *word, const char *words)
{
	size_t n;

	for (; *words; words += n + (words[n] == '|')) {
		n = strcspn(words, "|");
		if (n == strlen(word) && !strncmp(word, words, n))
			return true;
	}
	return false;
}

/* Refuses with "geo status, or geo update": the command with each of the words that can follow, and its other words. */
static int choice_refuse(const struct call *c, const struct api_param *choice)
{
	const char *at = choice->shown, *name = c->command->name;
	char text[API_SYNOPSIS_LEN] = "";
	const struct api_param *p;
	size_t n, len = 0;

	for (; *at; at += n + (at[n] == '|')) {
		n = strcspn(at, "|");
		len += snprintf(text + len, sizeof(text) - len, "%s%s %.*s", len ? ", or " : "", name, (int)n, at);
		for (p = choice + 1; p->place == API_WORD; p++)
			len += snprintf(text + len, sizeof(text) - len, " %s", p->shown);
	}
	return complain(EXIT_BAD, "%s: write: %s", name, text);
}

/* Returns -1 if nothing among the choices is similar. */
static int choice_ask(const struct call *c, const struct api_param *choice, const char *value)
{
	struct alike like = alike_to(value);
	char meant[ALIKE_TEXT_LEN], *words, *word;
	_cleanup_free_ char *all = strdup(choice->shown);

	for (words = all; words && (word = strsep(&words, "|"));)
		alike_offer(&like, word);
	if (!like.found)
		return -1;
	return complain(EXIT_BAD, "%s: '%s': %s sluicectl %s --help says more", c->command->name, value,
			alike_ask(like.found, meant), c->command->name);
}

static int value_check(const struct call *c, const struct api_param *p, const char *value)
{
	uint32_t number;
	int status;

	if (p->type == API_CHOICE && !is_among(value, p->shown)) {
		status = choice_ask(c, p, value);
		return status < 0 ? choice_refuse(c, p) : status;
	}
	if ((p->type == API_COUNT || p->type == API_PORT) &&
	    count_parse(value, api_least(p->type), api_most(p->type), &number))
		return complain(EXIT_BAD, "--%s %s: write a whole number from %u to %u", p->name, value,
				api_least(p->type), api_most(p->type));
	return -1;
}

static int values_check(const struct call *c)
{
	const struct api_param *p;
	const char *value;
	int status = -1;

	for (p = c->command->params; is_of_list(p) && status < 0; p++) {
		value = given(c, p);
		if (value)
			status = value_check(c, p, value);
	}
	return status;
}

/*
 * Returns -1 if everything that goes to the daemon is text. JSON can hold nothing else, and without its argument a command would mean
 * something else. Commands that read their file themselves accept any name.
 */
static int words_check(const struct call *c)
{
	const struct api_param *p;
	int i;

	for (i = 0; i < c->words; i++) {
		p = word_param(c->command, i);
		if (!p)
			return usage(c);
		if (p->type != API_FILE && !utf8_is_good(c->word[i]))
			return complain(EXIT_BAD,
					"%s: argument %d is not UTF-8 text: write it in UTF-8, or rename the file",
					c->command->name, i + 1);
	}
	return -1;
}

/* Returns -1 if every option that is given belongs to the command, and has a value if it takes one. */
static int options_check(const struct call *c)
{
	char text[API_SYNOPSIS_LEN];
	const struct api_param *p;
	const char *name;
	int i;

	for (i = 0; longs[LONGS_OWN + i].name; i++) {
		if (!c->option[i])
			continue;
		name = longs[LONGS_OWN + i].name;
		p = api_option(c->command, name);
		if (!*c->option[i] && longs[LONGS_OWN + i].has_arg && (!p || p->type != API_TEXT))
			return complain(EXIT_BAD, "--%s is empty: leave it out, or give it a value", name);
		if (!utf8_is_good(c->option[i]))
			return complain(EXIT_BAD, "%s: the value of --%s is not UTF-8 text", c->command->name, name);
		if (!p)
			return complain(EXIT_BAD, "--%s is not an option of %s: sluicectl %s %s", name,
					c->command->name, c->command->name, api_synopsis(c->command, text));
	}
	return -1;
}

int words_sort(struct call *c, int argc, char **argv)
{
	int status, i;

	for (i = optind + 1; i < argc; i++) {
		if (c->words == WORDS_MAX)
			return usage(c);
		c->word[c->words++] = argv[i];
	}
	status = words_check(c);
	if (status < 0)
		status = options_check(c);
	if (status < 0)
		status = presence_check(c);
	return status < 0 ? values_check(c) : status;
}
