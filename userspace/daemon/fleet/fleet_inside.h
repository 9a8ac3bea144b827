/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of daemon/fleet share, and nobody else includes: the state of a fleet's host while the policy has one. */
#ifndef SLUICE_DAEMON_FLEET_INSIDE_H
#define SLUICE_DAEMON_FLEET_INSIDE_H

#include <time.h>

#include "fleet_digest.h"
#include "fleet_host.h"
#include "fleet_helper.h"
#include "fleet_keys.h"
#include "fleet_secret.h"
#include "fleet_shared.h"
#include "keep.h"

/* Limits whose holders somebody asked for recently. */
#define FLEET_LOOKED 256
struct fleet_looked {
	uint64_t key, asked_ms, heard_ms; /* asked_ms is 0 if this is empty */
	json_t *rows; /* rows of the other hosts; NULL: not received yet */
};

struct fleet_run {
	struct daemon *daemon;
	char *settings; /* everything it was begun with: if that changes, it begins anew */
	char name[FLEET_NAME_MAX + 1], user[SLUICE_NAME_LEN], space[FLEET_SPACE_LEN];
	uint64_t staleness_ms;
	enum policy_partition partition;
	struct fleet_tables *tables; /* NULL if it could not be started; `error` says why */
	struct fleet_helper *helper;
	struct fleet_keys keys;
	struct event *changes, *tick;
	bool walking; /* a walk of all counters is under way */
	uint64_t lost; /* changes that were lost, as last seen */
	bool missed; /* some were, since before this walk began */

	struct fleet_shared shared; /* what hosts say to each other */
	struct keep file; /* of these */
	struct event *say; /* what the store has not been told yet */
	struct event *heed; /* puts in force the settings that are not in force as they were said */
	bool heeding, follows; /* heed is running; fleet_follow() has to be called after it, because it may free this */

	struct fleet_state told; /* as sluice-fleet last reported it */
	uint32_t known_hosts; /* at the last connection; 0: never */
	uint64_t joined_ms; /* CLOCK_MONOTONIC, connected since then; 0: it is not connected */
	uint64_t touch_until_ms; /* in touch until then */
	uint64_t heard_ms; /* when the store answered last; 0: never */
	json_t *hosts; /* as the store lists them; NULL: it has not done so yet */
	struct fleet_digest digest; /* of the policy in force */
	struct fleet_looked looked[FLEET_LOOKED];
	struct fleet_need look[FLEET_LOOK_MAX]; /* not asked yet; there are `looks` of them */
	size_t looked_next, looks;
	uint64_t exchanges, refused_messages;
	char error[256]; /* the last one; "": none */
};

/* CLOCK_MONOTONIC */
static inline uint64_t fleet_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* fleet_tick.c */
void fleet_news_heard(const struct fleet_news *news, void *run);
void fleet_lease_heard(void *run, const struct fleet_lease *lease);
void fleet_need_heard(void *run, uint64_t key);
void fleet_tick(evutil_socket_t fd, short what, void *run); /* the clock's */
void fleet_tick_arm(struct fleet_run *r);
/* Begins to walk all counters again. */
void fleet_walk_again(struct fleet_run *r);
/* Limits have changed: gives up those that no counter names any more. */
void fleet_limits_forget(struct fleet_run *r);
/* The store may no longer know anything of us. */
void fleet_tell_again(struct fleet_run *r);

/* fleet_say.c: what this host says to all others */
void fleet_say_on(evutil_socket_t fd, short what, void *run); /* the clock's callback: tells the store */
void fleet_say_again(struct fleet_run *r); /* sends everything: the store may have lost it */
void fleet_say_soon(struct fleet_run *r); /* sends soon what has not been sent yet, if there is any */
/* Makes it a word of this host, of which all hosts are told. Returns NULL if there is no room for it, and it holds on this host alone. */
struct shared *fleet_word_say(struct fleet_run *r, struct fleet_word *w);
void fleet_word_take(struct fleet_run *r, const struct fleet_word *was); /* takes it back */
/* fleet_settings.c: live settings that this host gives, and those of others */
bool fleet_setting_is_good(struct fleet_word *w); /* makes its texts plain */
void fleet_settings_heed(struct fleet_run *r); /* puts in force the settings that are not in force as they were said */
/*
 * Takes back what this host's operators have dropped. Also called before a run ends because the policy wants another one. Returns false if
 * everything waits, because a policy is on trial.
 */
bool fleet_settings_look(struct fleet_run *r);
void fleet_heed_soon(struct fleet_run *r); /* call it when a word, or what is in force, has changed */
/* Says of a word from the file whether this host got another order after it. */
bool fleet_setting_is_older(const struct fleet_run *r, const struct fleet_word *w);
/* fleet_hear.c: what others say */
/* Puts orders in force here. */
void fleet_words_apply(struct fleet_run *r, struct shared *const *list, size_t count);
void fleet_records_heard(void *run, const struct fleet_record *rows, size_t count);
/* fleet_file.c: what was said, kept over a restart */
void fleet_file_load(struct fleet_run *r);
void fleet_file_save(struct fleet_run *r);
void fleet_file_remove(struct daemon *dm);

/* fleet_touch.c: handles what sluice-fleet says of the store */
extern const struct fleet_ear fleet_ear; /* `arg` is the run */
bool fleet_in_touch(const struct fleet_run *r);

/* fleet_look.c */
void fleet_held_heard(void *run, const char *text, size_t len);
void fleet_look_end(struct fleet_run *r);

#endif
