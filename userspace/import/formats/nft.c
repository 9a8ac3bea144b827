/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nftables: rules of text, as `nft list ruleset` prints them or a file has them. A rule counts where each of its words is understood: what
 * else it may say could make it a rule about something else. The order of rules is kept by the priorities of sets.
 */
#include <ctype.h>
#include <string.h>

#include "cleanup.h"
#include "rule.h"

#define BURST "nft's burst lets that many more in at once; sluice does not"
#define SLASH_64 "ffff:ffff:ffff:ffff::"

struct nft {
	struct import *m;
	struct macros macros;
	char table[128], chain[256]; /* the ones around the line, as FAMILY TABLE and FAMILY TABLE CHAIN */
	char hook[16]; /* hook of the chain; "": it has none */
	struct strings chains, hooks; /* of the chains so far */
	unsigned int rules;
};

static const struct {
	const char *unit, *seconds;
} units[] = { { "second", "1" }, { "minute", "60" }, { "hour", "3600" }, { "day", "86400" } };

/* "60/minute" or "60" "/" "minute", and burst. */
static void rate_take(struct rule *r, enum rule_scope scope)
{
	static const char *const keys[] = { "max-rate", "max-rate-per-source", "max-rate-per-network" };
	char number[16] = "", unit[16] = "";
	const char *note = NULL, *text;
	size_t i;

	if (!rule_has(r, "rate") || !rule_has(r, "over"))
		return rule_odd(r, "limit without over");
	text = rule_next(r);
	if (sscanf(text, "%15[0-9]/%15s", number, unit) != 2)
		return rule_odd(r, text);
	for (i = 0; i < sizeof(units) / sizeof(*units) && strcmp(units[i].unit, unit); i++)
		;
	if (i == sizeof(units) / sizeof(*units))
		return rule_odd(r, text);
	if (rule_has(r, "burst")) {
		rule_next(r);
		note = rule_has(r, "packets") ? BURST : NULL;
		if (!note)
			return rule_odd(r, "burst");
	}
	rule_limit(r, keys[scope], number, units[i].seconds, note);
}

static void count_take(struct rule *r, enum rule_scope scope)
{
	static const char *const keys[] = { "max-connections", "max-connections-per-source",
					    "max-connections-per-network" };

	if (!rule_has(r, "over"))
		return rule_odd(r, "ct count without over");
	rule_limit(r, keys[scope], rule_next(r), "", NULL);
}

/* Reads the key of a set that a limit counts by: ip saddr [& MASK]. */
static enum rule_scope key_take(struct rule *r)
{
	const char *mask;

	if (!rule_has(r, "saddr")) {
		rule_odd(r, word_at(&r->words, r->at));
		return RULE_ALL;
	}
	if (!rule_has(r, "&") && !rule_has(r, "and"))
		return RULE_SOURCE;
	mask = rule_next(r);
	if (!strcmp(mask, SLASH_64) || !strcmp(mask, "255.255.255.255"))
		return RULE_SOURCE;
	if (strcmp(mask, "255.255.255.0") && strcmp(mask, "ffff:ffff:ffff::"))
		rule_odd(r, mask);
	return RULE_NETWORK;
}

/* { ip saddr timeout 1m limit rate over 60/minute } */
static void keyed_take(struct rule *r)
{
	enum rule_scope scope = RULE_ALL;

	if (!rule_has(r, "{"))
		return rule_odd(r, word_at(&r->words, r->at));
	if (rule_has(r, "ip") || rule_has(r, "ip6"))
		scope = key_take(r);
	if (scope == RULE_ALL)
		return rule_odd(r, word_at(&r->words, r->at));
	while (!*r->odd && !rule_has(r, "}")) {
		if (rule_has(r, "timeout"))
			rule_next(r);
		else if (rule_has(r, "limit"))
			rate_take(r, scope);
		else if (rule_has(r, "ct") && rule_has(r, "count"))
			count_take(r, scope);
		else
			rule_odd(r, word_at(&r->words, r->at));
	}
}

static void set_take(struct rule *r)
{
	if (*rule_next(r) != '@')
		rule_odd(r, "a set without @");
	keyed_take(r);
}

static void meter_take(struct rule *r)
{
	rule_next(r);
	if (rule_has(r, "size"))
		rule_next(r);
	keyed_take(r);
}

static void ct_take(struct rule *r)
{
	const char *word;

	if (rule_has(r, "count"))
		return count_take(r, RULE_ALL);
	if (!rule_has(r, "state"))
		return rule_odd(r, "ct");
	word = rule_next(r);
	r->is_new |= !strcmp(word, "new");
	if (strcmp(word, "new"))
		rule_odd(r, word);
}

/* saddr @SET, saddr ADDRESS, saddr { ADDRESS, ... } */
static void ip_take(struct rule *r)
{
	const char *word;
	bool several;

	if (rule_has(r, "protocol") || rule_has(r, "nexthdr")) {
		if (!rule_has(r, "tcp"))
			rule_odd(r, word_at(&r->words, r->at));
		return;
	}
	if (!rule_has(r, "saddr"))
		return rule_odd(r, word_at(&r->words, r->at));
	several = rule_has(r, "{");
	do {
		word = rule_next(r);
		if (*word == '@')
			r->set = set_get(r->m, word + 1);
		else if (!strcmp(word, "!=") || !*word)
			rule_odd(r, *word ? "saddr !=" : "");
		else if (strings_add(&r->sources, word))
			r->m->failed = true;
		if (several)
			rule_has(r, ",");
	} while (several && r->at < r->words.count && !rule_has(r, "}"));
}

static void tcp_take(struct rule *r)
{
	const char *word;

	if (rule_has(r, "dport"))
		return rule_ports(r, '-');
	if (!rule_has(r, "flags"))
		return rule_odd(r, word_at(&r->words, r->at));
	word = rule_next(r);
	if (!strcmp(word, "&")) /* & (fin|syn|rst|ack) == syn */
		return rule_odd(r, "tcp flags &");
	r->is_new |= !strncmp(word, "syn", 3);
	if (strncmp(word, "syn", 3))
		rule_odd(r, word);
}

static void counter_take(struct rule *r)
{
	if (rule_has(r, "packets"))
		rule_next(r);
	if (rule_has(r, "bytes"))
		rule_next(r);
}

static void log_take(struct rule *r)
{
	while (rule_has(r, "prefix") || rule_has(r, "level") || rule_has(r, "group"))
		rule_next(r);
}

static void reject_take(struct rule *r)
{
	static const char *const rest[] = { "with",
					    "tcp",
					    "reset",
					    "icmp",
					    "icmpx",
					    "icmpv6",
					    "type",
					    "port-unreachable",
					    "host-unreachable",
					    "admin-prohibited",
					    NULL };

	r->verdict = "reset";
	while (is_one_of(word_at(&r->words, r->at), rest))
		r->at++;
}

static void drop_take(struct rule *r)
{
	r->verdict = "drop";
}

static void accept_take(struct rule *r)
{
	r->verdict = "accept";
}

static void interface_take(struct rule *r)
{
	rule_interface(r, rule_next(r));
}

static void meta_take(struct rule *r)
{
	if (rule_has(r, "iifname") || rule_has(r, "iif"))
		return interface_take(r);
	if (rule_has(r, "l4proto") ? rule_has(r, "tcp") : rule_has(r, "nfproto") && *rule_next(r) != '!')
		return;
	rule_odd(r, word_at(&r->words, r->at));
}

static void comment_take(struct rule *r)
{
	rule_next(r);
}

static void limit_take(struct rule *r)
{
	rate_take(r, RULE_ALL);
}

static const struct {
	const char *word;
	void (*take)(struct rule *r);
} steps[] = { { "tcp", tcp_take },	 { "ct", ct_take },	     { "ip", ip_take },
	      { "ip6", ip_take },	 { "add", set_take },	     { "update", set_take },
	      { "meter", meter_take },	 { "limit", limit_take },    { "counter", counter_take },
	      { "log", log_take },	 { "drop", drop_take },	     { "reject", reject_take },
	      { "accept", accept_take }, { "meta", meta_take },	     { "iifname", interface_take },
	      { "iif", interface_take }, { "comment", comment_take } };

static void rule_parse(struct rule *r)
{
	const char *word;
	size_t i;

	while (!*r->odd && r->at < r->words.count) {
		word = rule_next(r);
		for (i = 0; i < sizeof(steps) / sizeof(*steps) && strcmp(steps[i].word, word); i++)
			;
		if (i < sizeof(steps) / sizeof(*steps))
			steps[i].take(r);
		else
			rule_odd(r, word);
	}
}

static void limits_put(struct rule *r, struct item *s)
{
	const size_t before = s->count;

	rule_limits_put(r, s);
	if (s->count > before && !said_value(s, "on-excess"))
		put_last(r->m, s, "on-excess", r->verdict, r->line);
}

/* Puts who may connect, or may not. */
static void sources_put(struct nft *n, struct rule *r, struct item *s)
{
	if (r->set && !r->set->count)
		leave(n->m, r->line, "the set is not in these files, or holds no addresses");
	else
		rule_sources_put(r, s, 100 + n->rules);
}

static void rule_put(struct nft *n, struct rule *r)
{
	bool by_source = r->set || r->sources.count;
	struct item *s = NULL;

	if (*r->odd)
		return leave(n->m, r->line, "'%s' is not understood, and might change what the rule is about", r->odd);
	if (!r->verdict || (r->limits.count && !strcmp(r->verdict, "accept")))
		return leave(n->m, r->line, "does not refuse the excess: sluice understands drop and reject");
	if (*n->hook && strcmp(n->hook, "input") && strcmp(n->hook, "prerouting") && strcmp(n->hook, "ingress"))
		return leave(n->m, r->line, "is about forwarded or outgoing packets (hook %s)", n->hook);
	if (r->limits.count && (by_source || !r->ports.count))
		return leave(n->m, r->line,
			     by_source ? "limits only some sources: give a set these keys"
				       : "limits all ports: a service names its ports");
	if (r->ports.count)
		s = service_with(n->m, NULL, &r->ports, r->line);
	if (r->ports.count && !s)
		return;
	if (r->limits.count)
		limits_put(r, s);
	else
		sources_put(n, r, s);
}

/* Reads [FAMILY] and so many names. Returns where they end. */
static size_t place_read(const struct strings *words, size_t at, size_t count, char *out, size_t size)
{
	static const char *const families[] = { "ip", "ip6", "inet", "bridge", "arp", "netdev", NULL };
	bool said = is_one_of(word_at(words, at), families);
	size_t n = snprintf(out, size, "%s", said ? word_at(words, at) : "ip"), i;

	at += said;
	for (i = 0; i < count && n < size; i++)
		n += snprintf(out + n, size - n, " %s", word_at(words, at + i));
	return at + count;
}

/* Notes the hook of the chain that is being read; it has none until a line of it says one. */
static void hook_put(struct nft *n, const char *hook)
{
	*n->hook = 0;
	if (hook)
		sscanf(hook, " hook %15[a-z]", n->hook);
	if (strings_add(&n->chains, n->chain) || strings_add(&n->hooks, n->hook))
		n->m->failed = true;
}

/* Takes add rule [FAMILY] TABLE CHAIN, which comes before the rule itself. Returns false, and leaves the rule, if it has not seen the chain. */
static bool chain_take(struct nft *n, struct rule *r)
{
	char chain[256];
	size_t i;

	if (!rule_has(r, "add") && !rule_has(r, "insert"))
		return true;
	r->at = place_read(&r->words, 2, 2, chain, sizeof(chain));
	for (i = n->chains.count; i && strcmp(n->chains.item[i - 1], chain); i--)
		;
	if (!i) {
		leave(n->m, r->line, "the chain '%s' is not in these files: its hook says which packets it sees",
		      chain);
		return false;
	}
	snprintf(n->hook, sizeof(n->hook), "%s", n->hooks.item[i - 1]);
	return true;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_of_interest(const char *text)
{
	return strstr(text, "ct count") || strstr(text, "limit rate") || strstr(text, "saddr");
}

static void rule_read(struct nft *n, const char *text, const struct line *line)
{
	struct rule r = { .m = n->m, .line = line, .is_quick = true };
	bool whole = words_split(n->m, text, " \t", "{},;\"", &r.words);

	n->rules++;
	while (r.words.count && !strcmp(r.words.item[r.words.count - 1], ";"))
		free(r.words.item[--r.words.count]);
	if (chain_take(n, &r)) {
		rule_parse(&r);
		if (!whole)
			rule_odd(&r, "a quote that does not end");
		rule_put(n, &r);
	}
	rule_clear(&r);
}

/* elements = { ADDRESS [timeout TIME ...], ... } */
static void elements_read(struct nft *n, const char *name, const char *text, const struct line *line)
{
	_cleanup_strings_ struct strings words = {};
	bool expected = true;
	const char *word;
	size_t i;

	words_split(n->m, text, " \t", "{},\"", &words);
	for (i = 0; i < words.count && strcmp(words.item[i], "}"); i++) {
		word = words.item[i];
		if (expected && strcmp(word, "{"))
			put_prefix(n->m, set_get(n->m, name), word, line);
		if (!strcmp(word, "timeout") || !strcmp(word, "expires"))
			put_note(set_get(n->m, name), "ends there after a time: it stays in sluice");
		expected = !strcmp(word, "{") || !strcmp(word, ",");
	}
}

/* Reads set NAME { ... }, add set [FAMILY] TABLE NAME { ... }, or add element [FAMILY] TABLE NAME { ... }. */
static void set_read(struct nft *n, const char *text, const struct line *line)
{
	const char *elements = strstr(text, "elements"), *brace = strchr(text, '{'), *list = brace;
	char before[128];
	char *last;

	if (!begins(text, "add element"))
		list = elements ? strchr(elements, '{') : NULL;
	if (!list)
		return;
	snprintf(before, sizeof(before), "%.*s", (int)(brace - text), text);
	for (last = before + strlen(before); last > before && strchr(" \t", last[-1]); last--)
		last[-1] = 0;
	last = strrchr(before, ' ');
	elements_read(n, last ? last + 1 : before, list, line);
}

static void define_read(struct nft *n, const char *text)
{
	char key[128];
	const char *value;

	if (key_split(text + strlen("define "), key, &value))
		macro_add(n->m, &n->macros, key, value);
}

/* Reads the line that begins a table or a chain. What is `add`ed is around no other line. */
static void block_read(struct nft *n, const char *text, const struct line *line)
{
	_cleanup_strings_ struct strings words = {};
	bool added = begins(text, "add ") || begins(text, "create ");

	words_split(n->m, text, " \t", "{};\"", &words);
	*n->hook = 0;
	if (begins(text, "table "))
		place_read(&words, 1, 1, n->table, sizeof(n->table));
	else if (added)
		place_read(&words, 2, 2, n->chain, sizeof(n->chain));
	else
		snprintf(n->chain, sizeof(n->chain), "%s %s", n->table, word_at(&words, 1));
	if (!begins(text, "table "))
		hook_put(n, strstr(text, " hook "));
	if (added)
		*n->hook = 0;
	if (is_of_interest(text))
		leave(n->m, line, "has rules on the line of its name: use the output of `nft list ruleset`");
}

static void text_read(struct nft *n, const char *text, const struct line *line)
{
	if (begins(text, "define "))
		define_read(n, text);
	else if (begins(text, "include"))
		leave(n->m, line, "another file, which is not followed: use the output of `nft list ruleset`");
	else if (begins(text, "chain ") || begins(text, "table ") || begins(text, "add chain ") ||
		 begins(text, "create chain "))
		block_read(n, text, line);
	else if (begins(text, "type ") && strstr(text, " hook "))
		hook_put(n, strstr(text, " hook "));
	else if (begins(text, "set ") || begins(text, "add set ") || begins(text, "add element"))
		set_read(n, text, line);
	else if (is_of_interest(text))
		rule_read(n, text, line);
}

static void line_read(struct nft *n, const struct line *line)
{
	_cleanup_free_ char *text = macros_expand(n->m, &n->macros, line->text);

	if (text)
		text_read(n, begins(text, "nft ") ? text + strlen("nft ") : text, line);
}

void nft_read(struct import *m)
{
	struct nft n = { .m = m };
	size_t i;

	for (i = 0; i < m->lines.count; i++)
		line_read(&n, m->lines.item[i]);
	macros_clear(&n.macros);
	strings_clear(&n.chains);
	strings_clear(&n.hooks);
}
