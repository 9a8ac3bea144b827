/* SPDX-License-Identifier: BSD-2-Clause */
/* A rule of a packet filter, as far as sluice can express it. nft.c and pf.c read rules into this, rule.c turns it into keys. */
#ifndef SLUICE_IMPORT_RULE_H
#define SLUICE_IMPORT_RULE_H

#include "import.h"

enum rule_scope { RULE_ALL, RULE_SOURCE, RULE_NETWORK };

struct rule_limit {
	const char *key; /* static */
	char count[16], seconds[16]; /* without seconds, it limits connections */
	const char *note; /* static */
};

struct rule {
	struct import *m;
	const struct line *line;
	struct strings words;
	size_t at;
	struct strings ports, sources;
	struct item *set; /* that belongs to a named table */
	LIST(struct rule_limit) limits;
	const char *verdict; /* static: "drop", "reset", "accept"; NULL: none */
	char odd[64]; /* the first word that was not understood */
	const char *note; /* static; for all its keys */
	bool is_new; /* it sees new connections only */
	bool is_quick; /* no later rule applies */
};

/* Takes the next word if it is this one. */
bool rule_has(struct rule *r, const char *word);
/* Takes the next word, "" after the last one. */
const char *rule_next(struct rule *r);
void rule_odd(struct rule *r, const char *word);
/* Takes PORT, A-B, or { PORT, ... }, with names; `range` separates two ports. */
void rule_ports(struct rule *r, char range);
void rule_limit(struct rule *r, const char *key, const char *count, const char *seconds, const char *note);
/* Notes the interface that it is about: sluice has its own. */
void rule_interface(struct rule *r, const char *name);
/* Makes its limits keys of a service. */
void rule_limits_put(struct rule *r, struct item *s);
/* Makes a set of the sources that it names, or of a table that it names and that contains some. */
void rule_sources_put(struct rule *r, struct item *s, unsigned int priority);
void rule_clear(struct rule *r);

#endif
