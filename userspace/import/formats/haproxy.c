/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HAProxy: a frontend (or listen) is a service with the ports that it binds. Its `tcp-request connection` rules become limits and sets, where
 * one condition decides; they apply in the order in which they stand, which the priorities of the sets keep.
 */
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "haproxy_table.h"

/* A section that is being read. */
struct section {
	char kind[16], name[64];
	struct strings ports, addresses;
	const struct line *bind, *maxconn;
	char most[16];
	struct item *service;
	bool anywhere; /* a port is bound at any address */
};

/* acl NAME FETCH ...: if several have the same name, any of them may match. */
struct acl {
	char section[64], name[64];
	const struct line *line;
	struct strings words; /* from the fetch on */
};

/* defaults [NAME] */
struct defaults {
	char name[64], most[16];
	const struct line *maxconn; /* NULL: it has none */
};

struct haproxy {
	struct import *m;
	struct section now;
	LIST(struct defaults) defaults;
	LIST(struct acl) acls;
	unsigned int rules;
	const struct line *rule; /* the rule that is being read */
};

static bool is_front(const struct section *s)
{
	return !strcmp(s->kind, "frontend") || !strcmp(s->kind, "listen");
}

static void bind_endpoint(struct haproxy *h, char *text, const struct line *line)
{
	char *colon = strrchr(text, ':'), *at = text, buf[8];
	struct sluice_addr address;
	const char *port = colon ? port_of(colon + 1, buf) : NULL;

	if (!port || *text == '/' || !strncmp(text, "unix@", 5) || !strncmp(text, "abns@", 5)) {
		leave(h->m, line, "'%s' names no TCP port: a service has up to 32 ports, by number", text);
		return;
	}
	*colon = 0;
	at += !strncmp(at, "ipv4@", 5) || !strncmp(at, "ipv6@", 5) ? 5 : 0;
	if (*at == '[') {
		at[strcspn(at, "]")] = 0;
		at++;
	}
	if (is_loopback(at)) {
		leave(h->m, line, "listens on loopback, where no interface sees it");
		return;
	}
	if (!strings_have(&h->now.ports, port) && strings_add(&h->now.ports, port))
		h->m->failed = true;
	h->now.bind = h->now.bind ? h->now.bind : line;
	if (!*at || !strcmp(at, "*") || !strcmp(at, "0.0.0.0") || !strcmp(at, "::"))
		h->now.anywhere = true;
	else if (addr_parse(at, &address))
		leave(h->m, line, "'%s' is not an address", at);
	else if (strings_add(&h->now.addresses, at))
		h->m->failed = true;
}

static void bind_read(struct haproxy *h, const struct strings *words, const struct line *line)
{
	_cleanup_strings_ struct strings all = {};
	size_t i;

	words_split(h->m, word_at(words, 1), ",", "", &all);
	for (i = 0; i < all.count; i++)
		bind_endpoint(h, all.item[i], line);
	for (i = 2; i + 1 < words->count; i++) {
		if (!strcmp(words->item[i], "maxconn"))
			leave(h->m, line, "maxconn of a bind line: give its ports their own frontend");
	}
}

/* Returns the service of the section, once its ports are known; NULL: it binds none. */
static struct item *service_now(struct haproxy *h)
{
	struct section *s = &h->now;
	const struct strings everywhere = {};

	if (s->service || !s->ports.count)
		return s->service;
	if (s->anywhere && s->addresses.count)
		leave(h->m, s->bind,
		      "some ports are bound at any address: the service guards all of them at any address");
	s->service = service_listening(h->m, s->name, &s->ports, s->anywhere ? &everywhere : &s->addresses, s->bind);
	if (!s->service)
		strings_clear(&s->ports);
	return s->service;
}

/* Whether it is that fetch, with or without an argument, and nothing is made of its result. */
static bool fetch_is(const char *fetch, const char *what)
{
	const char *at = strstr(fetch, what);
	size_t len = strlen(fetch);

	if (!at || (strncmp(fetch, "src_", 4) && strncmp(fetch, "sc", 2)))
		return false;
	at += strlen(what);
	return !*at || (*at == '(' && strchr(at, ')') == fetch + len - 1);
}

/* Reads FETCH gt N: the most that is let in. Returns false, and says so, if it is something else. */
static bool most_of(struct haproxy *h, const struct strings *words, const struct line *line, char out[static 16])
{
	enum haproxy_when when = haproxy_when_counted(h->m, h->now.name, word_at(words, 0), h->rule);
	const char *operator= word_at(words, 1);
	uint32_t n;

	if (words->count != 3 || !is_count(word_at(words, 2), &n) ||
	    (strcmp(operator, "gt") && strcmp(operator, "ge")) || (!strcmp(operator, "ge") && !n)) {
		leave(h->m, line, "'%s %s %s' is not a limit: sluice takes gt N and ge N", word_at(words, 0), operator,
		      word_at(words, 2));
		return false;
	}
	if (when == HAPROXY_NEVER)
		leave(h->m, line, "'%s' counts nothing yet: its track-sc stands behind this rule", word_at(words, 0));
	snprintf(out, 16, "%llu", n - !strcmp(operator, "ge") + (when == HAPROXY_NOT_YET ? 1ULL : 0));
	return when != HAPROXY_NEVER;
}

static void limit_read(struct haproxy *h, const struct strings *words, const char *excess, const struct line *line)
{
	const char *fetch = word_at(words, 0);
	struct item *s = service_now(h);
	char most[16], table[64], interval[32];
	bool done;

	if (!excess) {
		leave(h->m, line, "lets connections in by a count: sluice only has limits that refuse");
		return;
	}
	if (!most_of(h, words, line, most) || !haproxy_counts_sources(h->m, h->now.name, fetch, line, table))
		return;
	if (fetch_is(fetch, "conn_cur")) {
		done = put_count(h->m, s, "max-connections-per-source", most, line);
	} else if (haproxy_interval(h->m, table, interval)) {
		done = put_rate(h->m, s, "max-rate-per-source", most, interval, line);
	} else {
		leave(h->m, line, "counts in the table of '%s', whose stick-table stores no conn_rate here", table);
		return;
	}
	if (done && s)
		s->limited = true;
	if (done && s && !said_value(s, "on-excess"))
		put_last(h->m, s, "on-excess", excess, h->rule);
}

/* src ADDRESS ... or src -f FILE */
static void source_read(struct haproxy *h, const struct strings *words, const char *action, const struct line *line)
{
	struct item *s = service_now(h), *set;
	char id[24], name[64];
	size_t i;

	if (!strcmp(action, "allow") && s && late_leave(h->m, s, h->rule))
		return;
	line_id(h->m, line, id);
	snprintf(name, sizeof(name), "%.18s-%s-%s", h->now.name, action, id);
	set = s ? set_get(h->m, name) : NULL;
	for (i = 1; set && i < words->count; i++) {
		if (!strcmp(words->item[i], "-f") && i + 1 < words->count)
			put_last(h->m, set, "file", words->item[++i], line);
		else if (*words->item[i] == '-')
			leave(h->m, line, "'%s' has no equivalent", words->item[i]);
		else
			put_prefix(h->m, set, words->item[i], line);
	}
	if (set && set->count)
		set_use(h->m, set, action, s, 100 + h->rules, h->rule);
}

/* Reads one test: a fetch and what it is compared with. */
static void test_read(struct haproxy *h, const struct strings *words, const char *excess, const struct line *line)
{
	const char *fetch = word_at(words, 0);

	if (fetch_is(fetch, "conn_cur") || fetch_is(fetch, "conn_rate"))
		limit_read(h, words, excess, line);
	else if (!strcmp(fetch, "src"))
		source_read(h, words, excess ? "deny" : "allow", line);
	else
		leave(h->m, line, "'%s' is not something that sluice judges by", fetch);
}

/* Reads a condition of one word: the name of an acl, any line of which may match. */
static void name_read(struct haproxy *h, const char *name, const char *excess, const struct line *line)
{
	bool known = false;
	size_t i;

	for (i = 0; i < h->acls.count; i++) {
		if (strcmp(h->acls.item[i].name, name) || strcmp(h->acls.item[i].section, h->now.name))
			continue;
		known = true;
		test_read(h, &h->acls.item[i].words, excess, h->acls.item[i].line);
	}
	if (!known)
		leave(h->m, line, "'%s' is not a known condition", name);
}

/* Reads one alternative: NAME, or { FETCH ... }. */
static void alternative_read(struct haproxy *h, const struct strings *part, const char *excess, const struct line *line)
{
	struct strings inner;

	if (part->count == 1 && *part->item[0] != '!') {
		name_read(h, part->item[0], excess, line);
		return;
	}
	inner = (struct strings){ part->item + 1, part->count > 2 ? part->count - 2 : 0, 0 };
	if (inner.count && !strcmp(part->item[0], "{") && !strcmp(part->item[part->count - 1], "}") &&
	    !strings_have(&inner, "}") && *inner.item[0] != '!')
		test_read(h, &inner, excess, line);
	else
		leave(h->m, line, "several conditions together, or a negated one: sluice judges by a single condition");
}

/* tcp-request connection reject|silent-drop|accept if A || B */
static void rule_read(struct haproxy *h, const struct strings *words, const struct line *line)
{
	const char *verb = word_at(words, 2), *excess;
	struct strings part = {};
	size_t from = 4, i;

	h->rules++;
	h->rule = line;
	if (!strncmp(verb, "track-sc", 8))
		return;
	if (!service_now(h))
		return leave(h->m, line, "its section binds no port that sluice could guard");
	excess = !strcmp(verb, "reject") ? "reset" : !strcmp(verb, "silent-drop") ? "drop" : NULL;
	if ((!excess && strcmp(verb, "accept")) || strcmp(word_at(words, 3), "if")) {
		leave(h->m, line, "'%s' is not something that sluice does, or not with an `if`", verb);
		return;
	}
	for (i = 4; i <= words->count; i++) {
		if (i < words->count && strcmp(words->item[i], "||") && strcmp(words->item[i], "or"))
			continue;
		part = (struct strings){ words->item + from, i - from, 0 };
		alternative_read(h, &part, excess, line);
		from = i + 1;
	}
}

static void acl_read(struct haproxy *h, const struct strings *words, const struct line *line)
{
	struct acl *acl = LIST_ADD(&h->acls);
	size_t i;

	if (!acl) {
		h->m->failed = true;
		return;
	}
	*acl = (struct acl){ .line = line };
	memcpy(acl->section, h->now.name, sizeof(acl->section));
	snprintf(acl->name, sizeof(acl->name), "%s", word_at(words, 1));
	for (i = 2; i < words->count; i++) {
		if (strings_add(&acl->words, words->item[i]))
			h->m->failed = true;
	}
}

static void maxconn_read(struct haproxy *h, const struct strings *words, const struct line *line)
{
	struct defaults *last;

	if (is_front(&h->now)) {
		h->now.maxconn = line;
		snprintf(h->now.most, sizeof(h->now.most), "%s", word_at(words, 1));
	} else if (!strcmp(h->now.kind, "defaults") && h->defaults.count) {
		last = &h->defaults.item[h->defaults.count - 1];
		last->maxconn = line;
		snprintf(last->most, sizeof(last->most), "%s", word_at(words, 1));
	} else {
		leave(h->m, line, "applies to the whole process: max-connections applies to one service");
	}
}

static void section_end(struct haproxy *h)
{
	if (is_front(&h->now) && h->now.maxconn && service_now(h))
		put_count(h->m, h->now.service, "max-connections", h->now.most, h->now.maxconn);
	strings_clear(&h->now.ports);
	strings_clear(&h->now.addresses);
	h->now = (struct section){};
}

/* Returns the defaults of a section: those that it names with `from`, otherwise the last ones. */
static struct defaults defaults_of(struct haproxy *h, const struct strings *words)
{
	bool named = strings_have(words, "from");
	const char *wanted = words->count ? words->item[words->count - 1] : "";
	size_t i = h->defaults.count;

	while (i && named && strcmp(h->defaults.item[i - 1].name, wanted))
		i--;
	return i ? h->defaults.item[i - 1] : (struct defaults){};
}

/* A section begins with what its defaults say; other defaults than those that it names do not matter to a section of defaults. */
static void defaults_apply(struct haproxy *h, const struct strings *words)
{
	struct defaults from = defaults_of(h, words), *last;

	if (is_front(&h->now)) {
		h->now.maxconn = from.maxconn;
		memcpy(h->now.most, from.most, sizeof(from.most));
	} else if (!strcmp(h->now.kind, "defaults")) {
		from = strings_have(words, "from") ? from : (struct defaults){};
		memcpy(from.name, h->now.name, sizeof(from.name));
		last = LIST_ADD(&h->defaults);
		if (last)
			*last = from;
		else
			h->m->failed = true;
	}
}

/* The ports that it binds come first, wherever its bind lines are. */
static void section_begin(struct haproxy *h, const struct strings *words, size_t at)
{
	char word[16];
	size_t i;

	section_end(h);
	snprintf(h->now.kind, sizeof(h->now.kind), "%s", word_at(words, 0));
	snprintf(h->now.name, sizeof(h->now.name), "%s", word_at(words, 1));
	defaults_apply(h, words);
	for (i = at + 1; i < h->m->lines.count && is_front(&h->now); i++) {
		_cleanup_strings_ struct strings line = {};

		if (sscanf(h->m->lines.item[i]->text, "%15s", word) != 1 || haproxy_begins(word))
			return;
		if (strcmp(word, "bind"))
			continue;
		words_split(h->m, h->m->lines.item[i]->text, " \t", "\"'", &line);
		bind_read(h, &line, h->m->lines.item[i]);
	}
}

static bool stores_others(const struct strings *words)
{
	static const char *const own[] = { "conn_cur", NULL };
	_cleanup_strings_ struct strings all = {};
	struct import none = {};
	bool others = false;
	size_t i, k;

	for (i = 0; i + 1 < words->count; i++) {
		if (strcmp(words->item[i], "store"))
			continue;
		words_split(&none, words->item[i + 1], ",", "", &all);
	}
	for (k = 0; k < all.count; k++)
		others |= !is_one_of(all.item[k], own) && strncmp(all.item[k], "conn_rate(", 10);
	return others;
}

static void line_read(struct haproxy *h, const struct strings *words, const struct line *line)
{
	const char *word = word_at(words, 0);

	if (!strcmp(word, "maxconn"))
		maxconn_read(h, words, line);
	else if (!strcmp(word, "stick-table") && stores_others(words))
		leave(h->m, line, "stores more than connections: HAProxy keeps counting what is inside them");
	else if (!strcmp(word, "rate-limit") || !strcmp(word, "backlog"))
		leave(h->m, line, "makes HAProxy wait, and refuses nobody: keep it");
	else if (!strcmp(h->now.kind, "defaults") && !strncmp(word, "tcp-request", 11))
		leave(h->m, line, "is a rule of several sections: write it into each of them");
	else if (!is_front(&h->now))
		return;
	else if (!strcmp(word, "acl"))
		acl_read(h, words, line);
	else if (!strcmp(word, "tcp-request") && !strcmp(word_at(words, 1), "connection"))
		rule_read(h, words, line);
	else if (!strncmp(word, "tcp-request", 11) || (!strcmp(word, "http-request") && strstr(line->text, "deny")))
		leave(h->m, line, "is judged inside a connection: sluice judges as `tcp-request connection` does");
}

void haproxy_read(struct import *m)
{
	struct haproxy h = { .m = m };
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		_cleanup_strings_ struct strings words = {};

		if (!words_split(m, m->lines.item[i]->text, " \t", "\"'", &words))
			leave(m, m->lines.item[i], "has a quote that does not end");
		if (haproxy_begins(word_at(&words, 0)))
			section_begin(&h, &words, i);
		else
			line_read(&h, &words, m->lines.item[i]);
	}
	section_end(&h);
	for (i = 0; i < h.acls.count; i++)
		strings_clear(&h.acls.item[i].words);
	free(h.acls.item);
	free(h.defaults.item);
}
