/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files standing*.c share, and only they include: the state itself, its table, and the steps of a transition. */
#ifndef SLUICE_DAEMON_STANDING_STATE_H
#define SLUICE_DAEMON_STANDING_STATE_H

#include "cleanup.h"
#include "standing.h"

/* Everything about a policy that is, was or may be in force. */
struct stand {
	struct policy *base; /* as the files say */
	struct policy *live; /* with the live settings on top */
	struct override *settings;
	bool held; /* an earlier policy, which is not known, is in force; `live` takes effect only after a reload */
	struct policy *guards; /* in that case, the interfaces that the earlier policy is on; NULL: those of `live` */
	time_t applied_at;
	bool reload_failed;
	bool lists_failed; /* the last order to read its lists and databases again was refused */
	bool overdue; /* a setting is over, and could not be ended yet */
};

struct standing {
	const struct standing_ops *ops;
	void *arg;
	const char *config, *instance;
	const struct privacy *privacy;
	struct stand now;
	struct stand before; /* what to go back to while `awaited`; empty: only an earlier daemon knew it */
	bool awaited;
	bool own; /* the policy on trial came from our own file, and an earlier daemon began the trial */
};

enum standing_state {
#define STATE(name, words) STATE_##name,
#include "standing.def"
#undef STATE
	STATES
};

enum standing_event {
#define EVENT(name, words, ...) EVENT_##name,
#include "standing.def"
#undef EVENT
	EVENTS
};

enum standing_outcome {
#define OUTCOME(name, words) OUTCOME_##name,
#include "standing.def"
#undef OUTCOME
	OUTCOMES
};

enum standing_state standing_state(const struct standing *s);
enum standing_outcome standing_outcome(const struct standing *s, enum standing_event event);
/* Returns -EBUSY with a message if the table refuses the order. */
int standing_door(const struct standing *s, enum standing_event event, struct diag *d);

void stand_free(struct stand *stand);
/* Returns the policy whose interfaces have to be guarded under it. */
const struct policy *stand_guards(const struct stand *stand);
time_t standing_time(const struct standing *s); /* by the wall clock */
struct timespec standing_clock(const struct standing *s); /* CLOCK_MONOTONIC */

/* standing_build.c. All return NULL with a message on failure. */
/* Makes a policy with live settings on top, and `last` (NULL: none) over those. */
struct policy *standing_lay(const struct standing *s, const struct policy *base, const struct override *settings,
			    const struct override *last, struct diag *d);
/* Makes the files' policy with those live settings that fit it; others are dropped, and reported. */
struct policy *standing_lay_what_fits(struct standing *s, struct diag *d);

/* standing_enforce.c */
struct standing_how {
	bool force; /* even if its databases look torn */
	unsigned int confirm; /* seconds in which it must be confirmed; 0: for good */
};

/* Has the kernel side enforce `p`. On failure, interfaces and policy are as they were. */
int standing_enforce(struct standing *s, const struct policy *p, const struct standing_how *how, struct diag *d);
/* Notes that `live` is enforced now, over the present base and settings. Takes it over. */
void standing_adopt(struct standing *s, struct policy *live);
/* Notes that all of `next` is enforced now. Takes it over. On trial, the earlier stand is kept as the way back. */
void standing_adopt_all(struct standing *s, struct stand *next, bool on_trial);
void standing_tell(struct standing *s); /* tells all who follow */

/* standing_file.c: reads the policy file, with the live settings on top, as a start does. */
int standing_resume(struct standing *s, struct diag *d);
/* Reads a file that the kernel side names, and that is in force already. */
int standing_reread(struct standing *s, const char *path, struct diag *d);

/* standing_start.c: logs that an earlier policy is in force. */
void standing_held_say(const struct standing *s);

#endif
