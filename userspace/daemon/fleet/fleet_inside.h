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

/* Limits whose holders somebody asked for lately. */
#define FLEET_LOOKED 256
struct fleet_looked {
	uint64_t key, asked_ms, heard_ms; /* asked_ms 0: there is nothing in it */
	json_t *rows; /* of the other hosts; NULL: not heard yet */
};

struct fleet_run {
	struct daemon *daemon;
	char *settings; /* all that it was begun with: with others it begins anew */
	char name[FLEET_NAME_MAX + 1], user[SLUICE_NAME_LEN], space[FLEET_SPACE_LEN];
	uint64_t staleness_ms;
	enum policy_partition partition;
	struct fleet_tables *tables; /* NULL: it could not be started, and `error` says why */
	struct fleet_helper *helper;
	struct fleet_keys keys;
	struct event *changes, *tick;
	bool walking; /* all counters are being looked through */
	uint64_t lost; /* changes that nobody heard of, as was seen last */
	bool missed; /* some, since the walk before this one ended */

	struct fleet_shared shared; /* what hosts say to each other */
	struct keep file; /* of that */
	struct event *say; /* what the store has not been told of it yet */
	struct event *heed; /* settings that are not in force as they were said are put in force */
	bool heeding, follows; /* that goes on; fleet_follow() is to be called after it, as it may end this */

	struct fleet_state told; /* as sluice-fleet said last */
	uint32_t known_hosts; /* as of when it was connected last; 0: never */
	uint64_t joined_ms; /* CLOCK_MONOTONIC: connected since; 0: it is not */
	uint64_t touch_until_ms; /* in touch until then */
	uint64_t heard_ms; /* when the store answered last; 0: never */
	json_t *hosts; /* as it lists them; NULL: it has not yet */
	struct fleet_digest digest; /* of the policy in force */
	struct fleet_looked looked[FLEET_LOOKED];
	struct fleet_need look[FLEET_LOOK_MAX]; /* not asked yet: `looks` of them */
	size_t looked_next, looks;
	uint64_t exchanges, refused_messages;
	char error[256]; /* the last; "": none */
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
/* All counters are looked through again. */
void fleet_walk_again(struct fleet_run *r);
/* Limits are others: those that no counter names any more are given up. */
void fleet_limits_forget(struct fleet_run *r);
/* The store may know nothing of us any more. */
void fleet_tell_again(struct fleet_run *r);

/* fleet_say.c: what this host says to all others */
void fleet_say_on(evutil_socket_t fd, short what, void *run); /* the clock's: tells the store */
void fleet_say_again(struct fleet_run *r); /* all: the store may have lost it */
void fleet_say_soon(struct fleet_run *r); /* what has not been told yet, if there is something */
/* Makes a word of this host of it, which all are told. NULL: there is no room for it, and it is this host's alone. */
struct shared *fleet_word_say(struct fleet_run *r, struct fleet_word *w);
void fleet_word_take(struct fleet_run *r, const struct fleet_word *was); /* back */
/* fleet_settings.c: live settings, said and heard */
bool fleet_setting_is_good(struct fleet_word *w); /* makes its texts plain */
void fleet_settings_heed(struct fleet_run *r); /* puts in force what is not as it was said */
/* What this host's operators have dropped is taken back: a part of the same, before the run ends because the policy wants another one. */
void fleet_settings_look(struct fleet_run *r);
void fleet_heed_soon(struct fleet_run *r); /* a word, or what is in force, is another one */
/* Of a word out of the file: whether this host was told otherwise after it. */
bool fleet_setting_is_older(const struct fleet_run *r, const struct fleet_word *w);
/* fleet_hear.c: what others say */
/* Puts what was said in force here. */
void fleet_words_apply(struct fleet_run *r, struct shared *const *list, size_t count);
void fleet_records_heard(void *run, const struct fleet_record *rows, size_t count);
/* fleet_file.c: what was said, kept over a restart */
void fleet_file_load(struct fleet_run *r);
void fleet_file_save(struct fleet_run *r);
void fleet_file_remove(struct fleet_run *r);

/* fleet_touch.c: what sluice-fleet says of the store */
extern const struct fleet_ear fleet_ear; /* `arg` is the run */
bool fleet_in_touch(const struct fleet_run *r);

/* fleet_look.c */
void fleet_held_heard(void *run, const char *text, size_t len);
void fleet_look_end(struct fleet_run *r);

#endif
