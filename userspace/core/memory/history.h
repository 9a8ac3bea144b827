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
#define HISTORY_LINES (SLUICE_POLICY_SERVICES + 1) /* and one for all together */
#define HISTORY_GAP 10 /* minutes without a look, after which what counters grew by belongs to no minute */

/* Reasons that refuse, in a few groups. */
enum history_group {
	HISTORY_LIMITS, /* limits on simultaneous connections */
	HISTORY_RATES,
	HISTORY_LISTS, /* bans and deny sets */
	HISTORY_COUNTRY,
	HISTORY_FLOOD, /* what no mail client does in such numbers */
	HISTORY_INVALID, /* ... or in such a form */
	HISTORY_GROUPS
};
#define HISTORY_NONE HISTORY_GROUPS

enum history_group history_group_of(enum sluice_reason why); /* HISTORY_NONE if it does not refuse */
const char *history_group_name(enum history_group g);

/* The current values for a service, or for all: counters that only grow, or start from zero. */
struct history_counts {
	uint64_t admitted, observed, refused[HISTORY_GROUPS];
};

/* Adds the counts of one service of a snapshot. */
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
	bool counted; /* `counts` are those of the last look: what they have grown by is new */
	struct history_counts counts;
	uint64_t last; /* the minute of the last look */
	uint64_t look; /* the number of that look; 0: it comes from a file */
	struct history_row *row; /* HISTORY_MINUTES of them, as a ring */
};

struct history {
	uint64_t minute; /* the last minute that was looked at */
	uint64_t looks; /* how often history_reach() was called */
	bool known[HISTORY_MINUTES]; /* for each of the ring: somebody looked */
	struct history_line line[HISTORY_LINES];
	size_t lines;
};

struct history *history_new(void); /* NULL without memory */
void history_free(struct history *h); /* NULL is fine */
/*
 * Call this before each round of looks: it is that minute now. A minute before the last one counts as the last. What is a day old is
 * forgotten.
 */
void history_reach(struct history *h, uint64_t minute);
/*
 * Looks at one service, in the present minute; what its counts have grown by is added to *grown. Returns -ENOMEM. If there are too many
 * services, the one not seen for longest makes room.
 */
int history_look(struct history *h, const char *name, uint32_t connections, const struct history_counts *now,
		 struct history_counts *grown);
/* Call this after all of them: it takes their connections, and what was added up. */
int history_sum(struct history *h, uint32_t connections, const struct history_counts *grown);
const struct history_line *history_find(const struct history *h, const char *name); /* NULL if nothing is known of it */
/* Returns the row of a minute, or NULL if no daemon sampled it. */
const struct history_row *history_at(const struct history *h, const struct history_line *line, uint64_t minute);
/* Returns the line, made if it does not exist, for what a file says. NULL without memory. */
struct history_line *history_line(struct history *h, const char *name);
/* For the caller to fill in. */
struct history_row *history_row(struct history *h, struct history_line *line, uint64_t minute);
uint32_t history_peak(const struct history *h, const struct history_line *line); /* of the day */

#endif
