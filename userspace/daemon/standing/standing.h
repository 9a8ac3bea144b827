/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy in force, and its one owner: what the files say, the live settings on top, a policy on trial and the way back from it.
 * Verbs, signals and timers call its transitions. Each builds the wanted policy, checks it, has it enforced, has it recorded
 * and tells everything that follows it. A transition that fails changes nothing, and `d` says why. standing.def says what each one does in each state.
 * Nothing else changes any of this; all other files only read it.
 */
#ifndef SLUICE_DAEMON_STANDING_H
#define SLUICE_DAEMON_STANDING_H

#include "engine.h"
#include "override.h"

struct standing;

/* The functions that it calls outside. daemon_ops.c has the daemon's; the unit test has others. `arg` is what standing_new() was given. */
struct standing_ops {
	/* the kernel side, as in engine.h and keeper.h */
	int (*geo_check)(void *arg, const struct policy *p, struct diag *d);
	int (*attach)(void *arg, const struct policy *p, const struct policy *also, struct diag *d);
	int (*commit)(void *arg, const struct policy *p, struct diag *d);
	int (*try)(void *arg, const struct policy *p, unsigned int ms, struct diag *d);
	int (*confirm)(void *arg, struct diag *d);
	int (*revert)(void *arg, struct diag *d);
	enum trial (*trial)(void *arg);
	int (*path)(void *arg, bool other, char path[static SLUICE_PATH_LEN]);
	/* Returns the file of a policy that was not confirmed in time, if nothing was put in force since. */
	bool (*went)(void *arg, char path[static SLUICE_PATH_LEN]);
	/* Returns a policy of nothing but the interfaces that are attached now, or NULL if they cannot be determined. */
	struct policy *(*guarded)(void *arg);
	/* the host */
	void (*clock)(void *arg, clockid_t which, struct timespec *now);
	void (*warn)(void *arg, const struct policy *p, struct diag *d); /* about what a policy means on this host */
	/* who follows */
	void (*tell)(void *arg); /* another policy is in force */
	void (*record)(void *arg); /* what has to be kept over a restart has changed */
	void (*timers)(void *arg); /* when standing_expire() and standing_deadline() are due has changed */
	void (*settled)(void *arg); /* nothing awaits a confirmation any more */
	void (*went_back)(void *arg, int err); /* the kernel has gone back, by its clock */
};

/* `config`, `instance` and `privacy` (how addresses are shown in the log) outlive it. Takes over `base` in any case; NULL without memory. */
struct standing *standing_new(const struct standing_ops *ops, void *arg, const char *config, const char *instance,
			      const struct privacy *privacy, struct policy *base);
void standing_free(struct standing *s); /* NULL is fine */

/*
 * Returns the policy in force or, while an earlier one is (standing_held()), the one that a reload would put in force. Valid until the next
 * transition.
 */
const struct policy *standing_live(const struct standing *s);
const struct policy *standing_base(const struct standing *s); /* the same without live settings */
/*
 * Returns the live settings in force, the newest first; and those to be kept over a restart, which during a trial are those on the way
 * back.
 */
const struct override *standing_settings(const struct standing *s);
const struct override *standing_settings_kept(const struct standing *s);
bool standing_awaited(const struct standing *s); /* the policy in force is reverted by itself unless it is confirmed */
bool standing_held(const struct standing *s); /* an earlier policy is in force, not standing_live() */
time_t standing_applied_at(const struct standing *s); /* when a policy file was last put in force */
bool standing_reload_failed(const struct standing *s); /* since then, the policy file failed to get in force */
/* Warns in every answer if the policy in force is not the file's. */
void standing_remind(const struct standing *s, struct diag *d);

/*
 * A start: first each earlier live setting (since and until are as they were; a copy is kept), then standing_restored(), which makes the
 * policy with those that still fit and says which are dropped. standing_start() puts it in force, unless it finds that a daemon of
 * before left a trial, or that this very file was not confirmed in time: then what is in force stays. It tells nobody.
 */
int standing_restore(struct standing *s, const struct override *was);
int standing_restored(struct standing *s, struct diag *d);
int standing_start(struct standing *s, struct diag *d);

/* Puts the policy file in force, and drops the live settings. *summary ("1 added, 2 changed, 0 removed") is freed with free(). */
/* `force`: the content of lists and databases is accepted as it is, even if they look torn or are empty. */
int standing_reload(struct standing *s, bool force, char **summary, struct diag *d);
/*
 * Does the same with a file that somebody names. `confirm`: seconds in which standing_confirm() is due, otherwise all is as it was before;
 * 0: for good.
 */
int standing_apply(struct standing *s, const char *path, unsigned int confirm, char **summary, struct diag *d);
/* Reads the lists and databases of the policy in force again. All live settings stay. */
int standing_lists(struct standing *s, bool force, char **summary, struct diag *d);
/* Puts other databases under the policy in force. `force`: even if they look torn (see geo_check). */
int standing_geo(struct standing *s, struct geo *geo, bool force, struct diag *d);

/* Makes a live setting, for that many seconds (0: until reload). */
int standing_set(struct standing *s, const struct override *want, unsigned int seconds, struct diag *d);
/* The same for a setting that another host gave: it keeps its own beginning and end. */
int standing_set_as(struct standing *s, const struct override *want, struct diag *d);
/*
 * Notes that the policy file says the same as a live setting since it was read, and where: that counts when the setting ends. Does nothing while the
 * policy in force is another file's.
 */
void standing_saved(struct standing *s, const struct override *said, const struct place *at);
/* Ends a live setting; *had says whether there was one. */
int standing_unset(struct standing *s, const struct scope *where, const char *key, bool *had, struct diag *d);
/* Returns the policy that standing_set() would put in force, or NULL with a message. Freed with policy_free(). */
struct policy *standing_preview(const struct standing *s, const struct override *want, struct diag *d);
/* Ends the limits of one prefix at a service ("": wherever they are); *count is how many. */
int standing_unlimit(struct standing *s, const struct prefix *sender, const char *service, unsigned int *count,
		     struct diag *d);
/* Ends the live settings whose time is over. The other function returns in how many milliseconds this is due; -1: not at all. */
void standing_expire(struct standing *s);
int64_t standing_expires_in(const struct standing *s);

/*
 * Has all interfaces guarded that should be; while a policy is on trial, those on the way back, too. Called for an interface that is back.
 */
int standing_attach(const struct standing *s, struct diag *d);

int standing_confirm(struct standing *s, struct diag *d);
int standing_revert(struct standing *s, struct diag *d);
/* Follows the kernel side, which goes back by its own clock. Call it when that is due; if it is early, it does nothing. */
void standing_deadline(struct standing *s);

#endif
