/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last day, one row per minute, for each service and for all together: the connections, their peak, what was admitted and what was refused.
 * It has no addresses and a bounded size: 1,440 rows of 40 bytes, 58 KB, for each of at most 64 services and for all; at most 3.8 MB.
 * Pure: daemon/memory/history_day.c reads the counters and says which minute it is, by a clock that never goes back.
 */
#ifndef SLUICE_CORE_HISTORY_H
#define SLUICE_CORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define HISTORY_MINUTES 1440
#define HISTORY_LINES (64 + 1) /* as many services as a policy may have, and all together */
#define HISTORY_GAP 10 /* minutes without a look: what counters grew by meanwhile is of no minute that could be named */

/* Reasons that refuse, a few together. */
enum history_group {
	HISTORY_LIMITS, /* on simultaneous connections */
	HISTORY_RATES,
	HISTORY_LISTS, /* bans and deny sets */
	HISTORY_COUNTRY,
	HISTORY_FLOOD, /* what no client of mail does, in numbers */
	HISTORY_INVALID, /* ... or in its form */
	HISTORY_GROUPS
};
#define HISTORY_NONE HISTORY_GROUPS

enum history_group history_group_of(enum sluice_reason why); /* HISTORY_NONE: it does not refuse */
const char *history_group_name(enum history_group g);

/* The current values for a service, or for all: counters that only grow, or start from zero. */
struct history_counts {
	uint64_t admitted, observed, refused[HISTORY_GROUPS];
};

/* The counts of one service of a snapshot. */
void history_counts_add(struct history_counts *to, const struct sluice_stat stats[static SLUICE_REASONS]);

/* A minute. */
struct history_row {
	uint32_t connections; /* at its end */
	uint32_t peak;
	uint32_t admitted, observed, refused[HISTORY_GROUPS];
};

/* What is known of one service; "" is all of them. */
struct history_line {
	char name[SLUICE_NAME_LEN];
	bool counted; /* `counts` are those of the last look: what they grow by is new */
	struct history_counts counts;
	uint64_t last; /* the minute of the last look */
	uint64_t look; /* its number; 0: a file says so */
	struct history_row *row; /* HISTORY_MINUTES of them, a ring */
};

struct history {
	uint64_t minute; /* the last that was looked at */
	uint64_t looks; /* how often history_reach() was called */
	bool known[HISTORY_MINUTES]; /* of the ring: somebody looked */
	struct history_line line[HISTORY_LINES];
	size_t lines;
};

struct history *history_new(void); /* NULL without memory */
void history_free(struct history *h); /* NULL is fine */
/* Before each round of looks. It is that minute now; one before the last is that. What is a day ago is forgotten. */
void history_reach(struct history *h, uint64_t minute);
/*
 * A look at one service, in the minute reached; what its counts have grown by is added to *grown. -ENOMEM. Where there are too many the one
 * not seen longest makes room.
 */
int history_look(struct history *h, const char *name, uint32_t connections, const struct history_counts *now,
		 struct history_counts *grown);
/* ... and after that at all of them: their connections, and what was added up. */
int history_sum(struct history *h, uint32_t connections, const struct history_counts *grown);
const struct history_line *history_find(const struct history *h, const char *name); /* NULL: nothing is known of it */
/* The row of a minute; NULL: no daemon sampled it. */
const struct history_row *history_at(const struct history *h, const struct history_line *line, uint64_t minute);
/* The line, made if it does not exist, for what a file says. NULL if memory runs out. */
struct history_line *history_line(struct history *h, const char *name);
struct history_row *history_row(struct history *h, struct history_line *line, uint64_t minute); /* to be filled in */
uint32_t history_peak(const struct history *h, const struct history_line *line); /* of the day */

#endif
