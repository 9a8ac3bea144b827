/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSF: the keys of csf.conf, and csf.allow and csf.deny, which are known by their names and become the files of sets. Each port of CONNLIMIT
 * and PORTFLOOD has limits of its own there, so it is a service here.
 */
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "addr.h"
#include "cleanup.h"
#include "import.h"
#include "value.h"

static const struct {
	const char *key, *why;
} others[] = {
	{ "SYNFLOOD", "needs no key: a service under pressure answers with SYN cookies" },
	{ "SYNFLOOD_RATE",
	  "counts the SYNs of all sources: a service under pressure answers with SYN cookies; max-syn-rate-per-source limits one" },
	{ "SYNFLOOD_BURST", "needs no key: a service under pressure answers with SYN cookies" },
	{ "CT_INTERVAL", "CSF looks at intervals: sluice refuses the excess connection at once" },
	{ "CT_BLOCK_TIME", "CSF bans: sluice refuses the excess connection" },
	{ "CT_PERMANENT", "CSF bans: sluice refuses the excess connection" },
	{ "CT_STATES", "sluice counts the connections of the host's TCP" },
	{ "CONNLIMIT_LOGGING", "sluicectl refusals and watch show refusals" },
	{ "UDPFLOOD", "sluice judges TCP only" },
	{ "CC_DENY_PORTS",
	  "is a set with countries, services and action = deny: name the services of CC_DENY_PORTS_TCP" },
	{ "CC_ALLOW_PORTS", "is allow-countries of the services of CC_ALLOW_PORTS_TCP" },
	{ "CC_IGNORE", "is about lfd: keep it" },
	{ "LF_SMTPAUTH", "lfd keeps counting login failures: let its command call sluicectl ban" },
	{ "LF_POP3D", "lfd keeps counting login failures: let its command call sluicectl ban" },
	{ "LF_IMAPD", "lfd keeps counting login failures: let its command call sluicectl ban" },
	{ "LF_DISTATTACK", "lfd keeps counting login failures: let its command call sluicectl ban" },
	{ "PORTKNOCKING", "is not for sluice: keep it" },
};

static struct item *service_of(struct import *m, const char *text, const struct line *line)
{
	_cleanup_strings_ struct strings ports = {};
	char buf[8];
	const char *port = port_of(text, buf);

	if (!port) {
		leave(m, line, "'%s' is not a port", text);
		return NULL;
	}
	if (strings_add(&ports, port))
		m->failed = true;
	return service_with(m, NULL, &ports, line);
}

/* "25;20" */
static void connlimit_take(struct import *m, const char *text, const struct strings *part, const struct line *line)
{
	if (part->count != 2)
		leave(m, line, "'%s' is not PORT;LIMIT", text);
	else
		put_count(m, service_of(m, part->item[0], line), "max-connections-per-source", part->item[1], line);
}

/* "25;tcp;60;60" */
static void portflood_take(struct import *m, const char *text, const struct strings *part, const struct line *line)
{
	if (part->count != 4)
		leave(m, line, "'%s' is not PORT;PROTOCOL;COUNT;INTERVAL", text);
	else if (strcasecmp(part->item[1], "tcp"))
		leave(m, line, "'%s' is not of TCP, and sluice judges nothing else", text);
	else
		put_rate(m, service_of(m, part->item[0], line), "max-rate-per-source", part->item[2], part->item[3],
			 line);
}

/* Reads elements separated by commas, whose parts are separated by semicolons: "25;20,143;100". */
static void elements_read(struct import *m, const char *value, const struct line *line,
			  void (*take)(struct import *, const char *, const struct strings *, const struct line *))
{
	_cleanup_strings_ struct strings all = {};
	size_t i;

	words_split(m, value, " \t,", "", &all);
	for (i = 0; i < all.count; i++) {
		_cleanup_strings_ struct strings part = {};

		words_split(m, all.item[i], ";", "", &part);
		take(m, all.item[i], &part, line);
	}
}

static const struct line *conf_line(const struct import *m, const char *wanted, const char **value);

/* All ports of CT_PORTS are counted together. */
static void tracking_read(struct import *m, const char *value, const struct line *line)
{
	_cleanup_strings_ struct strings words = {}, ports = {};
	const struct line *named;
	const char *list, *port;
	struct item *s;
	char buf[8];
	size_t i;

	if (!strcmp(value, "0"))
		return;
	named = conf_line(m, "CT_PORTS", &list);
	if (named)
		words_split(m, list, " \t,", "", &words);
	for (i = 0; i < words.count; i++) {
		port = port_of(words.item[i], buf);
		if (!port)
			leave(m, named, "'%s' is not a port", words.item[i]);
		else if (!strings_have(&ports, port) && strings_add(&ports, port))
			m->failed = true;
	}
	if (!ports.count) {
		leave(m, line, "counts the connections to all ports: a service names its ports, and CT_PORTS has none");
		return;
	}
	s = service_with(m, "tracked", &ports, named);
	if (s && put_count(m, s, "max-connections-per-source", value, line))
		put_note(s, "CSF looks now and then, and bans; sluice refuses the excess connection");
}

static void countries_read(struct import *m, const char *value, const struct line *line, const char *set_name,
			   const char *action)
{
	_cleanup_strings_ struct strings words = {};
	struct item *set;
	uint32_t asn;
	size_t i;

	words_split(m, value, " \t,", "", &words);
	for (i = 0; i < words.count; i++) {
		set = set_get(m, set_name);
		if (!strncmp(words.item[i], "AS", 2) && !asn_parse(words.item[i], &asn))
			leave(m, line, "%s needs a database of networks (geoip): then it is asns = {%s} of a set",
			      words.item[i], words.item[i]);
		else if (put_country(m, set, "countries", words.item[i], line))
			set_use(m, set, action, NULL, 0, line);
	}
}

/* Sets it for each service, when all of them are known. */
static void filter_read(struct import *m)
{
	_cleanup_strings_ struct strings words = {};
	const char *value;
	const struct line *line = conf_line(m, "CC_ALLOW_FILTER", &value);
	size_t i, k, services = 0;

	if (line)
		words_split(m, value, " \t,", "", &words);
	for (i = 0; i < m->items.count && words.count; i++) {
		services += !m->items.item[i]->is_set;
		for (k = 0; k < words.count && !m->items.item[i]->is_set; k++)
			put_country(m, m->items.item[i], "allow-countries", words.item[k], line);
	}
	if (words.count && !services)
		leave(m, line, "becomes allow-countries of services: no key here names their ports");
}

static void key_take(struct import *m, const char *key, const char *value, const struct line *line)
{
	size_t i;

	if (!strcmp(key, "CONNLIMIT"))
		elements_read(m, value, line, connlimit_take);
	else if (!strcmp(key, "PORTFLOOD"))
		elements_read(m, value, line, portflood_take);
	else if (!strcmp(key, "CC_DENY"))
		countries_read(m, value, line, "cc-deny", "deny");
	else if (!strcmp(key, "CC_ALLOW"))
		countries_read(m, value, line, "cc-allow", "allow");
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (!strcmp(others[i].key, key) && *value && strcmp(value, "0"))
			leave(m, line, "%s", others[i].why);
	}
}

/* Reads KEY = "VALUE"; the value is left in `value`. */
static bool conf_split(const char *text, char key[static 128], char value[static 4096])
{
	const char *at;

	if (!key_split(text, key, &at))
		return false;
	snprintf(value, 4096, "%s", *at == '"' ? at + 1 : at);
	value[strcspn(value, "\"")] = 0;
	return true;
}

static const struct line *conf_line(const struct import *m, const char *wanted, const char **value)
{
	static char text[4096];
	const struct line *found = NULL;
	char key[128], now[4096];
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		if (!conf_split(m->lines.item[i]->text, key, now) || strcmp(key, wanted))
			continue;
		found = m->lines.item[i];
		memcpy(text, now, sizeof(text));
		*value = text;
	}
	return found;
}

/* Returns "allow" or "deny" if the file is such a list, or NULL. */
static const char *list_action(const char *file)
{
	const char *base = strrchr(file, '/');

	base = base ? base + 1 : file;
	return strstr(base, ".allow") ? "allow" : strstr(base, ".deny") ? "deny" : NULL;
}

static void list_line(struct import *m, const struct line *line, const char *action)
{
	char word[80] = "", path[PATH_MAX];
	struct prefixes list = {};
	const char *why = NULL;
	struct item *set;

	sscanf(line->text, "%79s", word);
	if (!strcmp(word, "Include")) {
		leave(m, line, "another list, which is not followed: name it as the file of a set, too");
		return;
	}
	if (strchr(word, '|')) {
		leave(m, line, "is an advanced rule: ports belong to a service, not to a list");
		return;
	}
	if (prefixes_parse(&list, word, &why)) {
		leave(m, line, "'%s' %s", word, why ? why : "cannot be kept: out of memory");
		return;
	}
	prefixes_free(&list);
	set = set_get(m, action[0] == 'a' ? "csf-allow" : "csf-deny");
	if (set && !said_value(set, "file")) {
		put_last(m, set, "file", realpath(line->file, path) ? path : line->file, line);
		put_note(set, "this line, and all other addresses of the file");
		set_use(m, set, action, NULL, 0, line);
	}
}

void csf_read(struct import *m)
{
	char key[128], value[4096];
	const char *action, *limit;
	const struct line *line;
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		action = list_action(m->lines.item[i]->file);
		if (action)
			list_line(m, m->lines.item[i], action);
		else if (conf_split(m->lines.item[i]->text, key, value))
			key_take(m, key, value, m->lines.item[i]);
	}
	line = conf_line(m, "CT_LIMIT", &limit);
	if (line) {
		snprintf(value, sizeof(value), "%s", limit);
		tracking_read(m, value, line);
	}
	filter_read(m);
}
