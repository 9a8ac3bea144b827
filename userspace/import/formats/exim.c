/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exim: the options of the main section, and what the ACL of acl_smtp_connect refuses by ratelimit. All ports of the daemon are one service,
 * since Exim counts them together.
 */
#include <ctype.h>
#include <string.h>

#include "cleanup.h"
#include "import.h"

static const struct {
	const char *key, *why;
} others[] = {
	{ "smtp_accept_queue", "is about what Exim does with a message: keep it" },
	{ "smtp_accept_queue_per_connection", "is about what Exim does with a message: keep it" },
	{ "smtp_accept_max_per_connection", "counts messages inside a connection: keep it" },
	{ "smtp_accept_max_nonmail", "counts commands inside a connection: keep it" },
	{ "smtp_connect_backlog", "is the listener's own queue: keep it" },
	{ "smtp_load_reserve", "is about the load of the host: keep it" },
	{ "smtp_ratelimit_hosts", "slows commands inside a connection down: keep it" },
	{ "smtp_ratelimit_mail", "slows commands inside a connection down: keep it" },
	{ "smtp_ratelimit_rcpt", "slows commands inside a connection down: keep it" },
	{ "tls_on_connect_ports", "says how a port speaks, not who may come" },
	{ "local_interfaces", "where Exim listens: give the service addresses = {...} if that matters" },
};

struct exim {
	struct import *m;
	size_t main_end; /* the lines of the main section */
};

static const struct line *option_line(const struct exim *e, const char *wanted, const char **value)
{
	const struct line *found = NULL;
	const char *text;
	char key[128];
	size_t i;

	for (i = 0; i < e->main_end; i++) {
		if (key_split(e->m->lines.item[i]->text, key, &text) && !strcmp(key, wanted)) {
			found = e->m->lines.item[i];
			*value = text;
		}
	}
	return found;
}

/* "<; a ; b" sets another separator; in "a : b::c" the doubled colon is a single one in an address. */
static void host_list_split(struct import *m, const char *text, struct strings *out)
{
	_cleanup_free_ char *copy = strdup(text);
	char *from, *to, separator = ':', blanks[] = " \t\1";

	if (!copy) {
		m->failed = true;
		return;
	}
	from = copy;
	if (*from == '<' && from[1]) {
		separator = from[1];
		from += 2;
	}
	for (to = copy; *from; from++) {
		if (*from == separator && from[1] == separator)
			*to++ = *from++;
		else
			*to++ = *from == separator ? '\1' : *from;
	}
	*to = 0;
	words_split(m, copy, blanks, "", out);
}

static struct item *service_of(struct exim *e, const struct line *from)
{
	_cleanup_strings_ struct strings words = {}, ports = {};
	const char *value, *port;
	const struct line *said = option_line(e, "daemon_smtp_ports", &value);
	char buf[8];
	size_t i;

	said = said ? said : option_line(e, "daemon_smtp_port", &value);
	host_list_split(e->m, said ? value : "25", &words);
	for (i = 0; i < words.count; i++) {
		port = port_of(words.item[i], buf);
		if (!port)
			leave(e->m, said, "'%s' is not a known port: write its number", words.item[i]);
		else if (!strings_have(&ports, port) && strings_add(&ports, port))
			e->m->failed = true;
	}
	if (!ports.count)
		leave(e->m, from, "belongs to no known port");
	return ports.count ? service_with(e->m, "smtp", &ports, said ? said : from) : NULL;
}

/* Exim lets others in up to max - reserve. */
static void max_read(struct exim *e)
{
	const char *max, *reserve;
	const struct line *from = option_line(e, "smtp_accept_max", &max),
			  *reserved = option_line(e, "smtp_accept_reserve", &reserve);
	uint32_t most, spare;
	char text[16];

	if (reserved && (!from || !is_count(max, &most) || !is_count(reserve, &spare) || !most || spare >= most)) {
		leave(e->m, reserved, "has no smtp_accept_max to subtract it from");
		reserved = NULL;
	}
	if (!from)
		return;
	if (!reserved) {
		put_count(e->m, service_of(e, from), "max-connections", max, from);
		return;
	}
	snprintf(text, sizeof(text), "%u", most - spare);
	if (put_count(e->m, service_of(e, from), "max-connections", text, from)) {
		put_origin(e->m, service_of(e, from), "max-connections", reserved);
		put_note(service_of(e, from),
			 "smtp_accept_max minus the reserve: hosts in smtp_reserve_hosts are never refused");
	}
}

static const struct line *hostlist_line(const struct exim *e, const char *name, const char **value)
{
	char key[128], word[16], of[64];
	size_t i;

	for (i = 0; i < e->main_end; i++) {
		if (key_split(e->m->lines.item[i]->text, key, value) && sscanf(key, "%15s %63s", word, of) == 2 &&
		    !strcmp(word, "hostlist") && !strcmp(of, name))
			return e->m->lines.item[i];
	}
	return NULL;
}

/* Puts all elements of a list except names of other lists; those are looked up one level deep. */
static void hosts_put(struct exim *e, const char *set, const char *action, const char *value, const struct line *from,
		      bool deep)
{
	_cleanup_strings_ struct strings words = {};
	const struct line *named;
	const char *list;
	size_t i;

	host_list_split(e->m, value, &words);
	for (i = 0; i < words.count; i++) {
		named = deep && *words.item[i] == '+' ? hostlist_line(e, words.item[i] + 1, &list) : NULL;
		if (named)
			hosts_put(e, set, action, list, named, false);
		else if (strchr("+!@*", *words.item[i]) || strpbrk(words.item[i], "${}"))
			leave(e->m, from, "'%s' is not looked up: write addresses", words.item[i]);
		else if (put_prefix(e->m, set_get(e->m, set), words.item[i], from))
			set_use(e->m, set_get(e->m, set), action, NULL, 0, from);
	}
}

static void hosts_read(struct exim *e, const char *option, const char *set, const char *action)
{
	const char *value;
	const struct line *from = option_line(e, option, &value);

	if (from)
		hosts_put(e, set, action, value, from, true);
}

/* "20 / 1m / per_conn / leaky" */
static void ratelimit_put(struct exim *e, const char *text, const struct line *from)
{
	static const char *const passed[] = { "per_conn", "leaky", NULL };
	_cleanup_strings_ struct strings words = {};
	struct item *s;
	size_t i;

	words_split(e->m, text, " \t/", "", &words);
	for (i = 2; i < words.count; i++) {
		if (!is_one_of(words.item[i], passed)) {
			leave(e->m, from,
			      "'%s' has no equivalent: sluice counts the connections that were let in, by address",
			      words.item[i]);
			return;
		}
	}
	if (words.count < 3 || !strstr(text, "per_conn")) {
		leave(e->m, from, "counts messages: connections are counted with per_conn");
		return;
	}
	s = service_of(e, from);
	put_rate(e->m, s, "max-rate-per-source", word_at(&words, 0), word_at(&words, 1), from);
}

/* Whether it is a condition or a modifier; words that change nothing here are among them. */
static bool is_condition(const char *text)
{
	static const char *const modifiers[] = { "message", "log_message",	 "logwrite",   "delay", "set",
						 "control", "log_reject_target", "add_header", NULL };
	char word[32] = "";

	sscanf(text + strspn(text, "! \t"), "%31[a-z_]", word);
	return *word && !is_one_of(word, modifiers);
}

struct statement {
	const struct line *limit; /* its ratelimit */
	const char *value;
	const struct line *accept; /* the line that lets in */
	bool refuses;
	size_t conditions;
};

static void statement_end(struct exim *e, struct statement *s)
{
	if (s->limit && !s->refuses)
		leave(e->m, s->limit, "does not refuse: only deny, defer and drop do");
	else if (s->limit && s->conditions > 1)
		leave(e->m, s->limit, "applies under further conditions, which sluice does not know");
	else if (s->limit)
		ratelimit_put(e, s->value, s->limit);
	else if (s->accept && s->conditions)
		leave(e->m, s->accept,
		      "lets some in before the limit: a set with action = allow does that for addresses");
	*s = (struct statement){};
}

/* Reads a condition, perhaps after a verb on the same line. */
static void acl_line(struct exim *e, struct statement *s, const struct line *line)
{
	static const char *const verbs[] = { "deny", "defer", "drop", "accept", "warn", "require", "discard", NULL };
	const char *text = line->text;
	char word[16] = "", key[128];
	const char *value;

	sscanf(text, "%15[a-z]", word);
	if (is_one_of(word, verbs)) {
		statement_end(e, s);
		s->refuses = !strcmp(word, "deny") || !strcmp(word, "defer") || !strcmp(word, "drop");
		s->accept = strcmp(word, "accept") ? NULL : line;
		text += strlen(word) + strspn(text + strlen(word), " \t");
	}
	s->conditions += is_condition(text);
	if (key_split(text + strspn(text, "! \t"), key, &value) && !strcmp(key, "ratelimit")) {
		if (s->limit || *text == '!')
			s->conditions++;
		s->limit = line;
		s->value = value;
	}
}

static void acl_read(struct exim *e, const char *name)
{
	struct statement s = {};
	size_t i, n = strlen(name);
	bool inside = false;
	const char *text;

	for (i = e->main_end; i < e->m->lines.count; i++) {
		text = e->m->lines.item[i]->text;
		if (text[strcspn(text, ": \t=")] == ':' || !strncmp(text, "begin", 5)) {
			statement_end(e, &s);
			inside = n && !strncmp(text, name, n) && text[n] == ':';
		} else if (inside) {
			acl_line(e, &s, e->m->lines.item[i]);
		} else if (strstr(text, "ratelimit")) {
			leave(e->m, e->m->lines.item[i], "does not belong to the ACL that acl_smtp_connect names");
		}
	}
	statement_end(e, &s);
}

static void others_read(struct exim *e)
{
	const char *value;
	char key[128];
	size_t i, k;

	for (i = 0; i < e->m->lines.count; i++) {
		if (!strncmp(e->m->lines.item[i]->text, ".include", 8))
			leave(e->m, e->m->lines.item[i],
			      "another file, which is not followed: name it as well, before this one ends");
		if (!strncmp(e->m->lines.item[i]->text, ".if", 3))
			leave(e->m, e->m->lines.item[i],
			      "is not judged: both branches are read, and of an option that stands in both the last one counts");
		if (i >= e->main_end || !key_split(e->m->lines.item[i]->text, key, &value))
			continue;
		for (k = 0; k < sizeof(others) / sizeof(*others); k++) {
			if (!strcmp(others[k].key, key))
				leave(e->m, e->m->lines.item[i], "%s", others[k].why);
		}
	}
}

void exim_read(struct import *m)
{
	struct exim e = { .m = m };
	const char *value;
	const struct line *from;

	while (e.main_end < m->lines.count && strncmp(m->lines.item[e.main_end]->text, "begin", 5))
		e.main_end++;
	max_read(&e);
	from = option_line(&e, "smtp_accept_max_per_host", &value);
	if (from)
		put_count(m, service_of(&e, from), "max-connections-per-source", value, from);
	hosts_read(&e, "smtp_reserve_hosts", "reserved", "allow");
	hosts_read(&e, "host_reject_connection", "rejected", "deny");
	if (option_line(&e, "acl_smtp_connect", &value))
		acl_read(&e, value);
	else
		acl_read(&e, "");
	others_read(&e);
}
