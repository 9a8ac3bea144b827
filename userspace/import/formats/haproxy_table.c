/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the stick-table of a fetch, and the `track-sc` lines that say what is counted there: only `src`, without a condition, is a source. */
#include <string.h>

#include "haproxy_table.h"

struct fetch {
	bool of_source; /* src_...; otherwise a counter's */
	unsigned int counter; /* N of scN_... or sc_...(N) */
	char table[64]; /* "": it names none */
};

/* A line with track-scN. */
struct track {
	unsigned int counter;
	bool connection; /* of `tcp-request connection`, and so before its rules are judged */
	bool plain; /* by source, and always */
	char by[64], table[64];
};

bool haproxy_begins(const char *word)
{
	static const char *const all[] = { "global",	  "defaults", "frontend",    "listen",	  "backend", "peers",
					   "resolvers",	  "userlist", "mailers",     "program",	  "cache",   "ring",
					   "http-errors", "fcgi-app", "log-forward", "crt-store", "traces",  NULL };

	return is_one_of(word, all);
}

/* Keeps the name of the section that the line belongs to. */
static void section_follow(const char *text, char section[static 64])
{
	char word[16] = "", name[64] = "";

	sscanf(text, "%15s %63s", word, name);
	if (haproxy_begins(word))
		memcpy(section, name, sizeof(name));
}

static struct fetch fetch_of(const char *text)
{
	struct fetch f = { .of_source = !strncmp(text, "src_", 4), .counter = UINT32_MAX };
	const char *inside = strchr(text, '(');

	if (inside && (f.of_source || sscanf(text, "sc%u_", &f.counter) == 1))
		sscanf(inside, "(%63[^)])", f.table);
	else if (inside)
		sscanf(inside, "(%u,%63[^)])", &f.counter, f.table);
	else
		sscanf(text, "sc%u_", &f.counter);
	return f;
}

/* Reads track-scN KEY [table TABLE]; false: the line has none. */
static bool track_read(struct import *m, const char *text, const char *section, struct track *t)
{
	_cleanup_strings_ struct strings words = {};
	bool named;
	size_t at;

	words_split(m, text, " \t", "\"'", &words);
	for (at = 0; at < words.count && strncmp(words.item[at], "track-sc", 8); at++)
		;
	if (at > 2 || sscanf(word_at(&words, at), "track-sc%u", &t->counter) != 1)
		return false;
	t->connection = at == 2 && !strcmp(words.item[1], "connection");
	named = !strcmp(word_at(&words, at + 2), "table");
	t->plain = !strcmp(word_at(&words, at + 1), "src") && words.count == at + (named ? 4 : 2);
	snprintf(t->by, sizeof(t->by), "%s", word_at(&words, at + 1));
	snprintf(t->table, sizeof(t->table), "%s", named ? word_at(&words, at + 3) : section);
	return true;
}

/* Whether this line decides what the fetch counts. */
static bool track_is_of(const struct track *t, const struct fetch *f, bool here, const char *table)
{
	return f->of_source ? !strcmp(t->table, table) : here && t->connection && t->counter == f->counter;
}

bool haproxy_counts_sources(struct import *m, const char *section, const char *text, const struct line *line,
			    char table[static 64])
{
	const struct fetch f = fetch_of(text);
	char now[64] = "";
	struct track t;
	size_t i;

	snprintf(table, 64, "%s", *f.table ? f.table : section);
	for (i = 0; i < m->lines.count; i++) {
		section_follow(m->lines.item[i]->text, now);
		if (!strstr(m->lines.item[i]->text, "track-sc") || !track_read(m, m->lines.item[i]->text, now, &t) ||
		    !track_is_of(&t, &f, !strcmp(now, section), table))
			continue;
		if (!t.plain) {
			leave(m, line,
			      "line %u counts by '%s', or only under a condition: sluice counts every source by itself",
			      m->lines.item[i]->number, t.by);
			return false;
		}
		if (!*f.table && !f.of_source)
			memcpy(table, t.table, sizeof(t.table));
		if (!f.of_source)
			return true;
	}
	if (!f.of_source)
		leave(m, line, "'%s' counts nothing: no `tcp-request connection track-sc` of its section is for it",
		      text);
	return f.of_source;
}

enum haproxy_when haproxy_when_counted(struct import *m, const char *section, const char *text, const struct line *rule)
{
	const struct fetch f = fetch_of(text);
	char now[64] = "";
	bool behind = false;
	struct track t;
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		section_follow(m->lines.item[i]->text, now);
		behind |= m->lines.item[i] == rule;
		if (!strcmp(now, section) && strstr(m->lines.item[i]->text, "track-sc") &&
		    track_read(m, m->lines.item[i]->text, now, &t) &&
		    track_is_of(&t, &f, true, *f.table ? f.table : section)) {
			behind |= !t.connection;
			return !behind ? HAPROXY_COUNTED : f.of_source ? HAPROXY_NOT_YET : HAPROXY_NEVER;
		}
	}
	return HAPROXY_COUNTED;
}

/* A bare number is milliseconds there. What is no whole number of seconds stays in ms, and so is no rate of sluice. */
static void interval_make(char out[static 32], const char *text)
{
	char number[24] = "", unit[4] = "";
	uint32_t n;

	snprintf(out, 32, "%.*s", (int)strcspn(text, ")"), text);
	sscanf(text, "%23[0-9]%3[^)]", number, unit);
	if ((*unit && strcmp(unit, "ms")) || !is_count(number, &n))
		return;
	snprintf(out, 32, n % 1000 ? "%ums" : "%us", n % 1000 ? n : n / 1000);
}

bool haproxy_interval(const struct import *m, const char *table, char out[static 32])
{
	char section[64] = "";
	const char *text, *rate;
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		text = m->lines.item[i]->text;
		section_follow(text, section);
		rate = strncmp(text, "stick-table", 11) ? NULL : strstr(text, "conn_rate(");
		if (!rate || strcmp(section, table))
			continue;
		interval_make(out, rate + strlen("conn_rate("));
		return true;
	}
	return false;
}
