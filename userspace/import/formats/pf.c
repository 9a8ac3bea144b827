/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pf: what `pass in` says of states (max, max-src-conn, max-src-conn-rate, max-src-states) becomes limits of the ports it is about; `quick`
 * rules about tables and addresses become sets. A rule counts where each of its words is understood.
 */
#include <ctype.h>
#include <string.h>

#include "cleanup.h"
#include "rule.h"

#define STATES "pf counts states, including handshakes and closed connections; sluice counts connections"
#define APART "pf counts each of these ports by itself; sluice counts all connections of a service together"

struct pf {
	struct import *m;
	struct macros macros;
	struct strings overloads; /* tables that limits fill */
	unsigned int rules;
	unsigned int depth; /* how many anchors are open */
	unsigned int conditional; /* the outermost of them that has conditions; 0: none has */
};

static const struct {
	const char *word, *why;
} left_options[] = {
	{ "max-src-nodes", "max-src-nodes counts sources: the key max of the section sources is a size, not a limit" },
	{ "overload", "overload fills a table: sluice refuses the excess connection, and bans nobody by itself" },
	{ "source-track", "source-track global counts over several rules: sluice counts at each service" },
};

static void option_leave(struct rule *r, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(left_options) / sizeof(*left_options); i++) {
		if (!strcmp(left_options[i].word, word))
			leave(r->m, r->line, "%s", left_options[i].why);
	}
}

static void rate_take(struct rule *r)
{
	char count[16], seconds[16];
	const char *text = rule_next(r);

	if (sscanf(text, "%15[0-9]/%15[0-9]", count, seconds) != 2)
		rule_odd(r, text);
	else
		rule_limit(r, "max-rate-per-source", count, seconds, NULL);
}

/* overload <NAME> [flush [global]] */
static void overload_take(struct rule *r)
{
	if (!rule_has(r, "<"))
		return rule_odd(r, "overload");
	rule_next(r);
	if (!rule_has(r, ">"))
		rule_odd(r, "overload");
	if (rule_has(r, "flush"))
		rule_has(r, "global");
	option_leave(r, "overload");
}

static void option_take(struct rule *r)
{
	const char *word = rule_next(r);

	if (!strcmp(word, "max"))
		rule_limit(r, "max-connections", rule_next(r), "", NULL);
	else if (!strcmp(word, "max-src-conn"))
		rule_limit(r, "max-connections-per-source", rule_next(r), "", NULL);
	else if (!strcmp(word, "max-src-states"))
		rule_limit(r, "max-connections-per-source", rule_next(r), "", STATES);
	else if (!strcmp(word, "max-src-conn-rate"))
		rate_take(r);
	else if (!strcmp(word, "overload"))
		overload_take(r);
	else if (!strcmp(word, "source-track") && !rule_has(r, "rule") && rule_has(r, "global"))
		option_leave(r, word);
	else if (!strcmp(word, "max-src-nodes") && *rule_next(r))
		option_leave(r, word);
	else if (isalpha((unsigned char)*word) && strchr(word, '.')) /* tcp.established 3600 */
		rule_next(r);
	else if (strcmp(word, "source-track") && strcmp(word, "if-bound") && strcmp(word, "floating") &&
		 strcmp(word, "sloppy") && strcmp(word, ","))
		rule_odd(r, word);
}

static void state_take(struct rule *r, const char *kind)
{
	if (!rule_has(r, "state"))
		return rule_odd(r, kind);
	if (!rule_has(r, "("))
		return;
	while (!*r->odd && !rule_has(r, ")"))
		option_take(r);
}

/* any, ADDRESS, <TABLE>, { ADDRESS ADDRESS } */
static void hosts_take(struct rule *r, bool source)
{
	bool several = rule_has(r, "{");
	const char *word;

	do {
		word = rule_next(r);
		if (source && !strcmp(word_at(&r->words, r->at), "port"))
			rule_odd(r, "a port of the source");
		if (!strcmp(word, "any") || (!source && (*word == '(' || isalpha((unsigned char)*word)))) {
			while (*word == '(' && !rule_has(r, ")") && r->at < r->words.count)
				r->at++;
		} else if (source && !strcmp(word, "<")) {
			r->set = set_get(r->m, rule_next(r));
			if (!rule_has(r, ">"))
				rule_odd(r, "<");
		} else if (!source || !isxdigit((unsigned char)*word) || strings_add(&r->sources, word)) {
			rule_odd(r, word);
		}
		if (several)
			rule_has(r, ",");
	} while (several && !*r->odd && r->at < r->words.count && !rule_has(r, "}"));
}

static void proto_take(struct rule *r)
{
	bool several = rule_has(r, "{");

	do {
		if (!rule_has(r, "tcp") && !rule_has(r, "udp"))
			return rule_odd(r, word_at(&r->words, r->at));
		rule_has(r, ",");
	} while (several && !rule_has(r, "}"));
}

/* port = smtp, as pfctl prints it, port smtp, or port { ... } */
static void ports_take(struct rule *r)
{
	rule_has(r, "=");
	rule_ports(r, ':');
}

static void word_take(struct rule *r, const char *word)
{
	static const char *const alone[] = { "in", "log", "inet", "inet6", "no-df", NULL };
	static const char *const pairs[] = { "flags", "label", "tag", "queue", "set", "prio", NULL };

	if (!strcmp(word, "quick"))
		r->is_quick = true;
	else if (!strcmp(word, "on"))
		rule_interface(r, rule_next(r));
	else if (!strcmp(word, "proto"))
		proto_take(r);
	else if (!strcmp(word, "from"))
		hosts_take(r, true);
	else if (!strcmp(word, "to") && strcmp(word_at(&r->words, r->at), "port"))
		hosts_take(r, false);
	else if (!strcmp(word, "port"))
		ports_take(r);
	else if (!strcmp(word, "keep") || !strcmp(word, "modulate") || !strcmp(word, "synproxy"))
		state_take(r, word);
	else if (is_one_of(word, pairs))
		rule_next(r);
	else if (!is_one_of(word, alone) && strcmp(word, "to"))
		rule_odd(r, word);
}

static void sources_put(struct pf *p, struct rule *r, struct item *s)
{
	if (!r->set || r->set->count)
		return rule_sources_put(r, s, 100 + p->rules);
	leave(p->m, r->line, "the table %s",
	      strings_have(&p->overloads, r->set->name) ? "is filled by limits: sluice refuses the excess connection"
							: "is not in this file, or holds no addresses here");
}

/* Of a service that is new here, the ports are what was put last. */
static void limits_put(struct rule *r, struct item *s)
{
	if (r->ports.count > 1 && s->count && !strcmp(s->item[s->count - 1].key, "ports"))
		put_note(s, APART);
	rule_limits_put(r, s);
}

static void rule_put(struct pf *p, struct rule *r)
{
	bool by_source = r->set || r->sources.count;
	struct item *s = NULL;

	if (!*r->odd && !r->limits.count && !by_source)
		return;
	if (*r->odd)
		return leave(p->m, r->line, "'%s' is not understood, and might change what the rule is about", r->odd);
	if (r->limits.count && (by_source || !r->ports.count))
		return leave(p->m, r->line,
			     by_source ? "limits only some sources: give a set these keys"
				       : "limits all ports: a service names its ports");
	if (!r->limits.count && !r->is_quick)
		return leave(p->m, r->line, "a later rule may override it: only `quick` rules are imported");
	if (r->ports.count)
		s = service_with(p->m, NULL, &r->ports, r->line);
	if (r->ports.count && !s)
		return;
	if (r->limits.count)
		limits_put(r, s);
	else
		sources_put(p, r, s);
}

static bool is_of_interest(const char *text)
{
	return strstr(text, "max") || strstr(text, "quick") || strchr(text, '<');
}

/* Reads pass in ... and block in ...; sluice counts nothing that goes out. */
static void rule_read(struct pf *p, const char *text, const struct line *line)
{
	struct rule r = { .m = p->m, .line = line, .is_new = true };
	bool whole = words_split(p->m, text, " \t", "{}(),<>\"", &r.words);

	p->rules++;
	r.verdict = rule_has(&r, "pass") ? "accept" : rule_has(&r, "block") ? "drop" : NULL;
	if (rule_has(&r, "return") || rule_has(&r, "drop"))
		r.verdict = "drop";
	while (!*r.odd && r.at < r.words.count)
		word_take(&r, rule_next(&r));
	if (!whole)
		rule_odd(&r, "a quote that does not end");
	if (r.verdict && !strings_have(&r.words, "out"))
		rule_put(p, &r);
	rule_clear(&r);
}

/* table <NAME> [persist] [const] [file "PATH"] [{ ADDRESS, ... }] */
static void table_read(struct pf *p, const char *text, const struct line *line)
{
	_cleanup_strings_ struct strings words = {};
	struct item *set;
	bool inside = false;
	size_t i;

	words_split(p->m, text, " \t", "{},<>\"", &words);
	set = set_get(p->m, word_at(&words, 2));
	for (i = 4; i < words.count && set; i++) {
		if (!strcmp(words.item[i], "{") || !strcmp(words.item[i], "}"))
			inside = *words.item[i] == '{';
		else if (inside && strcmp(words.item[i], ","))
			put_prefix(p->m, set, words.item[i], line);
		else if (!strcmp(words.item[i], "file") && i + 1 < words.count)
			put_last(p->m, set, "file", words.item[++i], line);
	}
}

/* NAME = "VALUE", or NAME = "{ A B }". */
static bool macro_read(struct pf *p, const char *text)
{
	char key[128], value[4096];
	const char *at;

	if (!key_split(text, key, &at) || strpbrk(key, " \t<({"))
		return false;
	snprintf(value, sizeof(value), "%s", *at == '"' ? at + 1 : at);
	if (*at == '"' && strrchr(value, '"'))
		*strrchr(value, '"') = 0;
	macro_add(p->m, &p->macros, key, value);
	return true;
}

/* Returns how many words an anchor has before its brace, besides its name. */
static size_t anchor_conditions(struct pf *p, const char *text)
{
	static const char *const no_names[] = { "in", "out", "on", "quick", NULL };
	_cleanup_strings_ struct strings words = {};
	size_t at = 1, n;

	words_split(p->m, text, " \t", "{}\"", &words);
	at += strcmp(word_at(&words, 1), "{") && !is_one_of(word_at(&words, 1), no_names);
	for (n = 0; at + n < words.count && strcmp(words.item[at + n], "{"); n++)
		;
	return n;
}

/* anchor [NAME] [CONDITIONS] [{], up to a line with }: without conditions, its rules apply as if they stood outside. */
static void anchor_read(struct pf *p, const char *text, const struct line *line)
{
	if (!strchr(text, '{') || strchr(text, '}')) {
		leave(p->m, line,
		      "rules of an anchor elsewhere, which is not followed: `pfctl -a NAME -sr` prints them");
		return;
	}
	p->depth++;
	if (!p->conditional && anchor_conditions(p, text))
		p->conditional = p->depth;
}

static void anchor_end(struct pf *p)
{
	if (p->conditional == p->depth)
		p->conditional = 0;
	p->depth -= p->depth > 0;
}

static void line_read(struct pf *p, const struct line *line)
{
	_cleanup_free_ char *text = macros_expand(p->m, &p->macros, line->text);

	if (!text || macro_read(p, text))
		return;
	if (!strncmp(text, "anchor", 6))
		anchor_read(p, text, line);
	else if (*text == '}')
		anchor_end(p);
	else if (p->conditional && is_of_interest(text))
		leave(p->m, line,
		      "applies only under the conditions of the anchor around it, which sluice does not know");
	else if (!strncmp(text, "table ", 6))
		table_read(p, text, line);
	else if (!strncmp(text, "include", 7) || !strncmp(text, "load anchor", 11))
		leave(p->m, line,
		      "another file, which is not followed: name it as well, or use the output of `pfctl -sr`");
	else if (!strncmp(text, "set limit", 9))
		leave(p->m, line, "is the size of pf's own tables: keep it");
	else if (is_of_interest(text))
		rule_read(p, text, line);
}

/* Reads the tables that rules fill, wherever these are. */
static void overloads_read(struct pf *p)
{
	char name[64];
	const char *at;
	size_t i;

	for (i = 0; i < p->m->lines.count; i++) {
		at = strstr(p->m->lines.item[i]->text, "overload <");
		if (at && sscanf(at, "overload <%63[^>]>", name) == 1 && strings_add(&p->overloads, name))
			p->m->failed = true;
	}
}

void pf_read(struct import *m)
{
	struct pf p = { .m = m };
	size_t i;

	overloads_read(&p);
	for (i = 0; i < m->lines.count; i++)
		line_read(&p, m->lines.item[i]);
	macros_clear(&p.macros);
	strings_clear(&p.overloads);
}
