/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live settings, and a list of them, newest first. Only standing_live.c changes the list in force, because each change makes
 * another policy; nothing here puts anything in force. All other files only read it.
 */
#ifndef SLUICE_DAEMON_OVERRIDE_H
#define SLUICE_DAEMON_OVERRIDE_H

#include <stdio.h>
#include <time.h>

#include "privacy.h"
#include "scope.h"

struct override {
	struct scope scope;
	char *key, *value;
	uid_t uid; /* who said so */
	time_t since;
	struct timespec until; /* CLOCK_MONOTONIC; tv_sec 0: until reload */
	struct override *next;
};

/* Makes a copy that is in no list; NULL without memory. */
struct override *override_copy(const struct override *of);
void override_free(struct override *o);
void overrides_free(struct override **list);
/* Writes "mode, service smtp max-connections, and 3 more, 2 limits of single senders": addresses are not for every reader. */
void overrides_list(const struct override *list, FILE *out);
/* Puts `more` in front of the list. */
void overrides_join(struct override **list, struct override *more);
struct override *overrides_reversed(struct override *list);
/* Removes the setting of the same key from the list and returns it, or NULL if there is none. */
struct override *override_take(struct override **list, const struct scope *where, const char *key);
/* Returns 0 or -ENOMEM. */
int overrides_copy(const struct override *list, struct override **out);
/*
 * Makes a copy of the list without the limits of one prefix at a service ("": at any), and says how many those are. Returns 0 or -ENOMEM.
 */
int overrides_without_sender(const struct override *list, const struct prefix *sender, const char *service,
			     struct override **out, unsigned int *count);
/* Removes those whose time is over. Returns whether there were any. */
bool overrides_expire(struct override **list, const struct timespec *now);

/* Returns the live setting in force for a key, or NULL. */
const struct override *override_find(const struct override *list, const struct scope *where, const char *key);
/* Among the live limits of senders, returns the one in force for this key at an address and a service, or NULL. */
const struct override *override_of_sender(const struct override *list, const struct sluice_addr *who,
					  const char *service, const char *key);
/*
 * Returns "service smtp: max-connections = 5", for the log, with addresses as the policy shows them; NULL without memory. Freed with
 * free().
 */
char *override_text(const struct privacy *privacy, const struct override *o);
/* Returns when it ends by the wall clock; 0: never. */
uint64_t override_until(const struct override *o);
/* Sets and countries may refuse this host itself, so setting one live gives a warning. */
bool override_wants_warning(const struct override *o);

#endif
