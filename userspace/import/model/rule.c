/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of rules, for nft.c and pf.c. */
#include <string.h>

#include "rule.h"

bool rule_has(struct rule *r, const char *word)
{
	if (strcmp(word_at(&r->words, r->at), word))
		return false;
	r->at++;
	return true;
}

const char *rule_next(struct rule *r)
{
	return r->at < r->words.count ? r->words.item[r->at++] : "";
}

void rule_odd(struct rule *r, const char *word)
{
	if (!*r->odd)
		snprintf(r->odd, sizeof(r->odd), "%s", *word ? word : "its end");
}

static void port_add(struct rule *r, const char *port)
{
	if (!strings_have(&r->ports, port) && strings_add(&r->ports, port))
		r->m->failed = true;
}

static void port_take(struct rule *r, char *text, char range)
{
	char *between = strchr(text, range), first[8], last[8], now[8];
	const char *a, *b;
	uint32_t from, to;

	a = port_of(text, first);
	if (a) {
		port_add(r, a);
		return;
	}
	if (!between)
		return rule_odd(r, text);
	*between = 0;
	a = port_of(text, first);
	b = port_of(between + 1, last);
	*between = range;
	if (!a || !b || !is_count(a, &from) || !is_count(b, &to) || to < from || to - from > 31)
		return rule_odd(r, text);
	for (; from <= to; from++) {
		snprintf(now, sizeof(now), "%u", from);
		port_add(r, now);
	}
}

void rule_ports(struct rule *r, char range)
{
	bool several = rule_has(r, "{");

	do {
		if (r->at < r->words.count)
			port_take(r, r->words.item[r->at++], range);
		else
			rule_odd(r, "");
		if (several)
			rule_has(r, ",");
	} while (several && r->at < r->words.count && !rule_has(r, "}"));
}

void rule_limit(struct rule *r, const char *key, const char *count, const char *seconds, const char *note)
{
	struct rule_limit *l = LIST_ADD(&r->limits);

	if (!l) {
		r->m->failed = true;
		return;
	}
	l->key = key;
	l->note = note;
	snprintf(l->count, sizeof(l->count), "%s", count);
	snprintf(l->seconds, sizeof(l->seconds), "%s", seconds);
}

void rule_interface(struct rule *r, const char *name)
{
	if (strchr("!<", *name) || !strcmp(name, "lo") || !strcmp(name, "lo0"))
		rule_odd(r, *name ? name : "no interface");
	r->note = "there at one interface: interfaces = {...} says where sluice judges";
}

void rule_limits_put(struct rule *r, struct item *s)
{
	struct rule_limit *l;
	bool done;
	size_t i;

	for (i = 0; i < r->limits.count; i++) {
		l = &r->limits.item[i];
		if (*l->seconds && !r->is_new) {
			leave(r->m, r->line,
			      "its rate counts packets: it counts new connections only with `ct state new`");
			continue;
		}
		done = *l->seconds ? put_rate(r->m, s, l->key, l->count, l->seconds, r->line)
				   : put_count(r->m, s, l->key, l->count, r->line);
		s->limited |= done && r->is_quick;
		if (done && (l->note || r->note))
			put_note(s, l->note ? l->note : r->note);
	}
}

void rule_sources_put(struct rule *r, struct item *s, unsigned int priority)
{
	const char *action = strcmp(r->verdict, "accept") ? "deny" : "allow";
	struct item *set;
	char id[24], name[32];
	size_t i;

	if (!strcmp(action, "allow") && late_leave(r->m, s, r->line))
		return;
	line_id(r->m, r->line, id);
	snprintf(name, sizeof(name), "%s-%s", action, id);
	for (i = 0; i < r->sources.count; i++) {
		set = set_get(r->m, name);
		if (!put_prefix(r->m, set, r->sources.item[i], r->line))
			continue;
		if (r->note)
			put_note(set, r->note);
		set_use(r->m, set, action, s, priority, r->line);
	}
	set_use(r->m, r->set, action, s, priority, r->line);
	if (r->set && r->note)
		put_note(r->set, r->note);
}

void rule_clear(struct rule *r)
{
	strings_clear(&r->words);
	strings_clear(&r->ports);
	strings_clear(&r->sources);
	free(r->limits.item);
}
