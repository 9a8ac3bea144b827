/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the format of a list file, and reads the plain one: one address, prefix, range or number per line; '#' or ';' starts a comment. The
 * first line with any content decides. A known format that is not read is refused by name, with a command that converts it, and is never
 * mistaken for another. A byte order mark and the line ends of other systems are ignored.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "list_dump.h"
#include "list_text.h"

#define BLANK " \t\r"
struct format {
	bool (*is)(const char *line, enum list_kind kind); /* for a line that is neither blank nor a comment */
	int (*read)(struct list_reader *r, char *text); /* NULL: the format is refused */
	const char *wrong, *remedy;
};

static bool begins(const char *line, const char *with)
{
	return !strncasecmp(line, with, strlen(with));
}

static bool begins_any(const char *line, const char *const *with)
{
	for (; *with && !begins(line, *with); with++)
		;
	return *with;
}

static size_t word_length(const char *line)
{
	return strcspn(line, BLANK "\n");
}

static const char *second_word(const char *line)
{
	line += word_length(line);
	return line + strspn(line, BLANK);
}

static bool holds(const char *line, size_t len, const char *any)
{
	return strcspn(line, any) < len;
}

static bool is_json(const char *line, enum list_kind kind)
{
	(void)kind;
	return *line == '{' || *line == '[';
}

static bool is_ipset(const char *line, enum list_kind kind)
{
	static const char *const words[] = { "create ", "add ", "-N ", "-A ", NULL };

	(void)kind;
	return begins_any(line, words) && !begins(line, "-A INPUT") && !begins(line, "add element") &&
	       !begins(line, "add table") && !begins(line, "add set");
}

static bool is_nft(const char *line, enum list_kind kind)
{
	static const char *const words[] = {
		"table ", "set ", "add element", "add table", "add set", "flush set", NULL
	};

	(void)kind;
	return begins_any(line, words);
}

static bool is_iptables(const char *line, enum list_kind kind)
{
	static const char *const words[] = { "*filter", "*raw", "*mangle", "*nat", "-A INPUT", "-P ", ":INPUT", NULL };

	(void)kind;
	return begins_any(line, words);
}

static bool is_ipset_list(const char *line, enum list_kind kind)
{
	(void)kind;
	return begins(line, "Name: ");
}

static bool is_page(const char *line, enum list_kind kind)
{
	(void)kind;
	return *line == '<';
}

static bool is_server_rule(const char *line, enum list_kind kind)
{
	static const char *const words[] = { "deny ", "allow ", "Require ", NULL };

	(void)kind;
	return begins_any(line, words);
}

static bool is_routeros(const char *line, enum list_kind kind)
{
	static const char *const words[] = { "/ip ", "/ip6", "/ipv6 ", NULL };

	(void)kind;
	return begins_any(line, words);
}

static bool is_rbldnsd(const char *line, enum list_kind kind)
{
	(void)kind;
	return *line == '$' || begins(line, ":127.");
}

/* "NAME: what is named", as tcp wrappers and PeerGuardian have it. In an IPv6 address, only digits come before the first colon. */
static bool is_named_line(const char *line, enum list_kind kind)
{
	size_t name = strcspn(line, ":|#;\n"), i;

	(void)kind;
	if (line[name] != ':' || line[name + 1] == ':' || isdigit((unsigned char)*line))
		return false;
	for (i = 0; i < name && isxdigit((unsigned char)line[i]); i++)
		;
	return i < name;
}

/* After the network comes what Postfix does with it. */
static bool is_postfix(const char *line, enum list_kind kind)
{
	static const char *const actions[] = { "REJECT", "OK",	    "DUNNO",	"DISCARD", "DEFER", "HOLD",
					       "PERMIT", "FILTER",  "REDIRECT", "PREPEND", "WARN",  "INFO",
					       "BCC ",	 "reject_", "permit_",	NULL };

	(void)kind;
	return begins(line, "if ") || begins_any(second_word(line), actions);
}

static bool is_two_columns(const char *line, enum list_kind kind)
{
	const char *second = second_word(line);

	(void)kind;
	return isxdigit((unsigned char)*second) && holds(second, word_length(second), ".:") &&
	       holds(line, word_length(line), ".:");
}

static bool is_statistics(const char *line, enum list_kind kind)
{
	(void)kind;
	return isdigit((unsigned char)*line) && line[strspn(line, "0123456789.")] == '|';
}

static bool is_separated(const char *line, enum list_kind kind)
{
	(void)kind;
	return holds(line, strcspn(line, "#;\n"), ",") && !holds(line, strcspn(line, ","), BLANK);
}

/* A country, a number or an address right after a ';' is a value; anything else, or with a blank in between, is a comment. */
static bool is_by_semicolons(const char *line, enum list_kind kind)
{
	const char *mark = line + strcspn(line, "#;\n"), *value = mark + 1;
	size_t len;

	(void)kind;
	if (*mark != ';' || mark == line || mark[-1] == ' ' || mark[-1] == '\t')
		return false;
	len = strcspn(value, ";" BLANK "\n");
	return (len == 2 && isupper((unsigned char)value[0]) && isupper((unsigned char)value[1])) ||
	       (len &&
		strspn(value + 2 * begins(value, "AS"), "0123456789abcdefABCDEF.:") == len - 2 * begins(value, "AS") &&
		holds(value, len, "0123456789"));
}

static bool is_of_networks(const char *line, enum list_kind kind)
{
	return kind == LIST_PREFIXES && begins(line, "AS") && isdigit((unsigned char)line[2]);
}

static bool is_of_prefixes(const char *line, enum list_kind kind)
{
	return kind == LIST_NETWORKS && isxdigit((unsigned char)*line) && holds(line, word_length(line), ".:");
}

static bool is_any(const char *line, enum list_kind kind)
{
	(void)line;
	(void)kind;
	return true;
}

static int plain_read(struct list_reader *r, char *text);

/* The first one that fits is used. */
static const struct format formats[] = {
	{ is_page, NULL, "is a page of HTML or XML, not a list", "check what its server sends" },
	{ is_json, list_json_read, NULL, NULL },
	{ is_iptables, NULL, "is written by iptables-save",
	  "keep its sources: sed -n 's/.* -s \\([^ ]*\\).*/\\1/p' FILE > LIST" },
	{ is_ipset, list_ipset_read, NULL, NULL },
	{ is_nft, list_nft_read, NULL, NULL },
	{ is_ipset_list, NULL, "is written by `ipset list`", "write it by `ipset save NAME > LIST`" },
	{ is_server_rule, NULL, "has rules of a web server, and is not a list",
	  "keep what is denied: sed -n 's/^ *deny *\\([^;]*\\);.*/\\1/p' FILE > LIST" },
	{ is_routeros, NULL, "is of RouterOS",
	  "keep its addresses: grep -o 'address=[^ ]*' FILE | cut -d= -f2 > LIST" },
	{ is_rbldnsd, NULL, "is a zone of rbldnsd",
	  "keep its addresses: grep '^[0-9a-f]' FILE | cut -d' ' -f1 > LIST" },
	{ is_statistics, NULL, "is the statistics of a registry, which knows countries",
	  "name it in geoip { database = {...} }" },
	{ is_named_line, NULL, "has names before its addresses", "remove them: sed 's/^[^:]*://' FILE > LIST" },
	{ is_postfix, NULL, "is a table of Postfix, whose lines have actions",
	  "keep what it rejects: awk '$2 == \"REJECT\" {print $1}' FILE > LIST" },
	{ is_two_columns, NULL, "has two addresses per line",
	  "turn them into ranges: awk '{print $1 \"-\" $2}' FILE > LIST" },
	{ is_separated, NULL, "has values with commas between them", "keep one column: cut -d, -f1 FILE > LIST" },
	{ is_by_semicolons, NULL, "has values with semicolons between them",
	  "keep one column: cut -d';' -f1 FILE > LIST" },
	{ is_of_networks, NULL, "is a list of networks, not of addresses", "a source-set names it as asns-file = ..." },
	{ is_of_prefixes, NULL, "is a list of addresses, not of networks", "a source-set names it as file = ..." },
	{ is_any, plain_read, NULL, NULL },
};

/* CSF has special lines among its addresses. */
static const char *line_wrong(const char *line)
{
	if (begins(line, "Include "))
		return "includes another file, which is not followed: name that as a list, too";
	if (holds(line, word_length(line), "|"))
		return "is an advanced rule of CSF: ports belong to a service, not to a list";
	return NULL;
}

static int line_read(struct list_reader *r, char *line, bool cut)
{
	struct element e = { .cut = cut };
	const char *wrong;
	char *save;

	line[strcspn(line, "#;")] = 0;
	line += strspn(line, BLANK);
	wrong = line_wrong(line);
	if (wrong)
		return list_bad(r, strtok_r(line, BLANK, &save), wrong);
	e.text = strtok_r(line, BLANK, &save);
	if (!e.text)
		return 0;
	e.time = strtok_r(NULL, BLANK, &save);
	e.crowded = e.time && strtok_r(NULL, BLANK, &save);
	return list_take(r, &e);
}

static int plain_read(struct list_reader *r, char *text)
{
	char *line, *next = text;
	int err = 0;

	while (!err && (line = strsep(&next, "\n"))) {
		r->line++;
		err = line_read(r, line, !next);
	}
	return err;
}

/* Returns the first line that is neither blank nor a comment; *number is its number. */
static const char *first_line(const char *text, unsigned int *number)
{
	for (*number = 1; *text; text++, (*number)++) {
		text += strspn(text, BLANK);
		if (!strchr("#;\n", *text))
			return text;
		text += strcspn(text, "\n");
		if (!*text)
			break;
	}
	return text;
}

int list_text_read(struct list_reader *r, char *text)
{
	const struct format *f = formats;
	unsigned int number;
	const char *first;

	if (begins(text, "\xef\xbb\xbf"))
		text += 3;
	first = first_line(text, &number);
	if (!*first)
		return 0;
	while (!f->is(first, r->kind))
		f++;
	if (f->read)
		return f->read(r, text);
	r->line = number;
	return list_refuse(r, f->wrong, f->remedy);
}
