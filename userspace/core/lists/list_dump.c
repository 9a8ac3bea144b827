/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * List files other than plain lines: JSON, one object per line (Spamhaus DROP and ASN-DROP), `ipset save`, and `nft list set`. list_text.c calls
 * these. A file that has more than one set, or something that a set here cannot express, is refused as a whole.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "list_dump.h"

#define BLANK " \t\r"
#define NOT_LINES "is JSON, but not one object per line", "convert it: jq -c '.[]' FILE > LIST"
#define SEVERAL "holds several sets"

static int json_element(struct list_reader *r, const json_t *line)
{
	const json_t *prefix = json_object_get(line, "cidr"), *number = json_object_get(line, "asn");
	struct element e = { .dumped = true };
	char text[24];

	if (json_is_string(prefix) && r->kind == LIST_NETWORKS)
		return list_refuse(r, "is a list of addresses, not of networks", "a source-set names it as file = ...");
	if (json_is_integer(number) && r->kind == LIST_PREFIXES)
		return list_refuse(r, "is a list of networks, not of addresses",
				   "a source-set names it as asns-file = ...");
	if (!json_is_string(prefix) && !json_is_integer(number))
		return list_bad(r, "{", "has neither \"cidr\" nor \"asn\": is the line from another list?");
	snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(number));
	e.text = json_is_string(prefix) ? json_string_value(prefix) : text;
	return list_take(r, &e);
}

/* The last line says how many lines there should be: if there are fewer, some were cut off. */
static int json_count(struct list_reader *r, const json_t *line, size_t lines)
{
	const json_t *records = json_object_get(line, "records");

	if (json_is_integer(records) && (size_t)json_integer_value(records) != lines)
		return list_refuse(r, "does not have the number of records that it claims", "fetch it again");
	return 0;
}

static int json_line_read(struct list_reader *r, const char *text, size_t *lines)
{
	json_t *line = json_loads(text, 0, NULL);
	const char *type = json_string_value(json_object_get(line, "type"));
	int err;

	if (!json_is_object(line) && !*lines)
		err = list_refuse(r, NOT_LINES);
	else if (json_object_get(line, "nftables"))
		err = list_refuse(r, "is JSON of nft", "write it by `nft list set FAMILY TABLE SET > LIST`");
	else if (type && !strcmp(type, "metadata"))
		err = json_count(r, line, *lines);
	else if (!json_is_object(line))
		err = list_bad(r, text, "is not a JSON object: is the line cut short?");
	else
		err = json_element(r, line);
	*lines += !type;
	json_decref(line);
	return err;
}

int list_json_read(struct list_reader *r, char *text)
{
	char *line, *next = text;
	size_t lines = 0;
	int err = 0;

	while (!err && (line = strsep(&next, "\n"))) {
		r->line++;
		line += strspn(line, BLANK);
		if (*line && *line != '#' && *line != ';')
			err = json_line_read(r, line, &lines);
	}
	return err;
}

/* Returns the next word, or what is between its quotes; NULL: none. */
static char *word_next(char **at)
{
	char *word = *at + strspn(*at, BLANK), *end;

	if (!*word)
		return NULL;
	end = *word == '"' ? strchr(++word, '"') : word + strcspn(word, BLANK);
	end = end ? end : word + strlen(word);
	*at = end + (*end != 0);
	*end = 0;
	return word;
}

/* The same after an element; comments are skipped. */
static char *option_next(char **at)
{
	char *word = word_next(at);

	while (word && !strcmp(word, "comment") && word_next(at))
		word = word_next(at);
	return word;
}

static int ipset_create(struct list_reader *r, char *rest, const char *set)
{
	char *name = word_next(&rest), *type = word_next(&rest);

	if (*set && name && strcmp(set, name))
		return list_refuse(r, SEVERAL, "write one: ipset save NAME > LIST");
	if (!type || (strcmp(type, "hash:ip") && strcmp(type, "hash:net") && strcmp(type, "bitmap:ip") &&
		      strcmp(type, "iphash") && strcmp(type, "nethash")))
		return list_refuse(r, "is an ipset of a type other than hash:ip, hash:net and bitmap:ip",
				   "keep its addresses: sed -n 's/^add [^ ]* \\([^ ,]*\\).*/\\1/p' FILE > LIST");
	return 0;
}

static int ipset_add(struct list_reader *r, char *rest, char set[static 64])
{
	struct element e = { .dumped = true };
	char *name = word_next(&rest), *word, time[32];

	e.text = word_next(&rest);
	if (!name || !e.text)
		return list_bad(r, "add", "names nothing: is the line cut short?");
	if (*set && strcmp(set, name))
		return list_refuse(r, SEVERAL, "write one: ipset save NAME > LIST");
	snprintf(set, 64, "%s", name);
	while ((word = option_next(&rest))) {
		if (!strcmp(word, "nomatch"))
			return list_refuse(r, "has exceptions (nomatch)", "put them into a set with action = allow");
		if (strcmp(word, "timeout") || !(word = word_next(&rest)))
			continue;
		snprintf(time, sizeof(time), strcmp(word, "0") ? "%.20ss" : "never", word);
		e.time = time;
	}
	return list_take(r, &e);
}

static int ipset_line(struct list_reader *r, char *line, char set[static 64])
{
	static const char *const passed[] = { "flush", "swap", "destroy", "COMMIT", "-F", "-X" };
	char *rest = line, *word = word_next(&rest);
	size_t i;

	if (!word || *word == '#' || *word == ';')
		return 0;
	if (!strcmp(word, "create") || !strcmp(word, "-N"))
		return ipset_create(r, rest, set);
	if (!strcmp(word, "add") || !strcmp(word, "-A"))
		return ipset_add(r, rest, set);
	for (i = 0; i < sizeof(passed) / sizeof(*passed) && strcmp(word, passed[i]); i++)
		;
	return i < sizeof(passed) / sizeof(*passed) ? 0 : list_bad(r, word, "is not a line of `ipset save`");
}

int list_ipset_read(struct list_reader *r, char *text)
{
	char *line, *next = text, set[64] = "";
	int err = 0;

	while (!err && (line = strsep(&next, "\n"))) {
		r->line++;
		err = ipset_line(r, line, set);
	}
	return err;
}

/* Reads "1h2m3s4ms" as seconds, at least 1; 0: it is no time. */
static unsigned long nft_time(const char *text)
{
	static const struct {
		const char *unit;
		unsigned long seconds;
	} units[] = { { "ms", 0 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	unsigned long sum = 0, n;
	char *end;
	size_t i;

	for (; isdigit((unsigned char)*text); text = end + strlen(units[i].unit)) {
		n = strtoul(text, &end, 10);
		for (i = 0; i < 5 && strncmp(end, units[i].unit, strlen(units[i].unit)); i++)
			;
		if (i == 5 || n > 100000000)
			return 0;
		sum += n * units[i].seconds;
	}
	return *text ? 0 : sum ? sum : 1;
}

/* Reads "ADDRESS [timeout TIME] [expires TIME] [comment TEXT] ...": the time that is left comes last. */
static int nft_element(struct list_reader *r, char *text)
{
	struct element e = { .dumped = true };
	char *rest = text, *word, time[32];
	bool times;

	e.text = word_next(&rest);
	if (!e.text)
		return 0;
	while ((word = option_next(&rest))) {
		if (!strcmp(word, "."))
			return list_refuse(r, "is a set of more than addresses", "write its addresses, one per line");
		times = !strcmp(word, "timeout") || !strcmp(word, "expires");
		if (!times || !(word = word_next(&rest)))
			continue;
		if (!nft_time(word))
			return list_bad(r, word, "is not a time of nft: is the line cut short?");
		snprintf(time, sizeof(time), "%lus", nft_time(word));
		e.time = time;
	}
	return list_take(r, &e);
}

/* Returns where the element ends: at a comma or a brace outside quotes. Line ends become blanks, and are counted. */
static char *nft_end(struct list_reader *r, char *at)
{
	bool quoted = false;

	for (; *at && (quoted || !strchr(",}", *at)); at++) {
		quoted ^= *at == '"';
		if (*at != '\n')
			continue;
		*at = ' ';
		r->line++;
	}
	return at;
}

static int nft_elements(struct list_reader *r, char **at)
{
	char last = ',';
	char *end;
	int err = 0;

	while (last == ',' && !err) {
		end = nft_end(r, *at);
		last = *end;
		*end = 0;
		err = last ? nft_element(r, *at) : 0;
		*at = end + (last != 0);
	}
	if (!err && !last)
		return list_refuse(r, "ends inside its elements", "it was cut short: write it again");
	return err;
}

/* Returns the next place where a line has `word`, and counts the lines up to it. */
static char *nft_find(struct list_reader *r, char *from, const char *word)
{
	char *found = strstr(from, word), *at;

	for (at = from; found && at < found; at++)
		r->line += *at == '\n';
	return found;
}

static const char *nft_wrong(const char *text)
{
	if (strstr(text, "chain ") || strstr(text, "\tmap ") || strstr(text, "vmap "))
		return "is a ruleset of nft: more than a set";
	if (strstr(text, " . ") && strstr(text, "type ") && strstr(text, " . ") < strstr(text, "elements"))
		return "is a set of more than addresses";
	return NULL;
}

int list_nft_read(struct list_reader *r, char *text)
{
	char *at = text;
	const char *wrong = nft_wrong(text);
	bool before = false;
	int err = 0;

	r->line = 1;
	if (wrong)
		return list_refuse(r, wrong, "write one of addresses: nft list set FAMILY TABLE SET > LIST");
	while (!err && (at = nft_find(r, at, "element"))) {
		if (before)
			return list_refuse(r, SEVERAL, "write one: nft list set FAMILY TABLE SET > LIST");
		at = nft_find(r, at, "{");
		if (!at)
			break;
		at++;
		before = true;
		err = nft_elements(r, &at);
	}
	return err;
}
