/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's state, and who changes it. */
#ifndef SLUICE_DAEMON_DAEMON_H
#define SLUICE_DAEMON_DAEMON_H

#include <stdbool.h>
#include <sys/queue.h>
#include <time.h>

#include <event2/event.h>
#include <jansson.h>

#include "cleanup.h"
#include "diag.h"
#include "engine.h"
#include "scope.h"
#include "policy.h"
#include "privacy.h"

/* A live setting. */
struct override {
	struct scope scope;
	char *key, *value;
	uid_t uid; /* who said so */
	time_t since;
	struct timespec until; /* CLOCK_MONOTONIC; tv_sec 0: until reload */
	struct override *next;
};

/* A policy that awaits its confirmation, and what to go back to. */
struct standing {
	struct policy *base, *live; /* NULL: a daemon of before knew */
	struct override *overrides;
	time_t applied_at;
};

/* A file of what would be forgotten with the daemon, and the clock of that: keep.h. */
struct keep {
	bool dirty; /* something is not in the file yet */
	bool failed; /* the last write did, and that is said */
	time_t next; /* CLOCK_MONOTONIC: not written before */
	int64_t shift_ns; /* its clock less CLOCK_MONOTONIC */
};

struct daemon {
	const char *config, *instance;
	bool check_only, foreground, verbose;
	struct engine *engine;
	struct policy *base; /* as the files say */
	struct policy *live; /* with the live settings: what is in force */
	struct override *overrides;
	struct standing before; /* while `awaited` */
	bool awaited; /* the policy in force goes by itself unless it is confirmed */
	bool held; /* the policy in force is one of before, not `live`: the file is put in force by a reload only */
	struct event *deadline;
	struct {
		bool dirty; /* something is not in the state file yet */
		bool failed; /* the last write did, and that is said */
		time_t next; /* CLOCK_MONOTONIC: not written before */
	} state;
	struct {
		bool failed; /* the last write of what is kept did, and that is said */
		bool others; /* another policy is in force: what it does not name is to be forgotten */
		time_t next; /* CLOCK_MONOTONIC: not written before */
	} lists;
	long drift;
	struct geo *kept; /* the databases of which copies are kept, one hold; NULL: none yet */
	time_t keep_next; /* CLOCK_MONOTONIC: after a copy that failed not before */
	time_t applied_at; /* when a policy file was last put in force */
	bool reload_failed; /* the policy file did not get in force since then */
	bool fresh; /* nothing of before is loaded: what a start that fails has loaded goes again */
	bool unloaded;
	bool stopped; /* cleanly: the gate opens when the grace is over */
	bool reaping; /* engine_reap() has more to do */
	bool tuned; /* net.ipv4.tcp_syncookies is raised, and that is said */
	bool untunable; /* it cannot be, and that is said */
	struct event_base *loop;
	struct event *expiry; /* of the next override */
	bool overdue; /* one is over, and could not be put out of force yet */
	struct event *watched[12]; /* signals, clocks and what the kernel tells */
	struct evconnlistener *listener;
	LIST_HEAD(clients, client) clients;
	unsigned int clients_count;
	struct {
		time_t second; /* of the last line about an order of somebody who may give none */
		unsigned int unsaid; /* since then */
	} guests;
	bool crowded; /* no client can be accepted, and that is said */
	struct privacy *privacy;
	bool watchers; /* somebody watches */
	struct hear *hear; /* hear.c's; NULL: nobody wants to hear of refusals */
	struct refusals *refusals; /* the memory of them, and what it is: */
	struct keep refusals_file;
	uint64_t refusals_since_ns; /* by the clock of that; 0: nothing is remembered */
	unsigned int refusals_seconds;
	struct history *history; /* history_verb.c's: the last day, by minutes */
	struct keep history_file;
	time_t started;
	struct {
		time_t at; /* 0: the start put it in force */
		char verb[16], by[32];
	} changed; /* the last change of the policy that somebody ordered: trail.c's */
	struct container_status *containers; /* as it was said last */
	size_t containers_count;
	unsigned int audits_due; /* one a second: containers came or went */
	struct exporter *exporter; /* exporter.c's; NULL before the loop */
	struct ban_owners *ban_owners; /* as the metrics counted them last */
	int keeper; /* keeper.c's end of the pipe; -1: none */
	pid_t keeper_pid;
	int starter; /* pipe to the command that waits for the start; -1: none */
};

/* reload.c. On failure the old policy stays in force, and `d` says why. */
/*
 * Puts a policy file in force. Drops the live settings. *summary ("1 added, 2 changed, 0 removed") is freed with free().
 * `confirm`: seconds in which trial_confirm() is due, else all is as it was before; 0: for good.
 */
int daemon_reload(struct daemon *dm, const char *path, unsigned int confirm, char **summary, struct diag *d);
/* The same with its own file, and what lists and databases say counts as it is, also where they look torn or are empty. */
int daemon_insist(struct daemon *dm, char **summary, struct diag *d);
/* Reads the lists and databases of the policy in force again, `force` as above. All live settings stay. */
int daemon_lists(struct daemon *dm, bool force, char **summary, struct diag *d);
/* seconds 0: until reload. */
int daemon_override(struct daemon *dm, const struct override *want, unsigned int seconds, struct diag *d);
/* The policy that daemon_override() would put in force; NULL with a message. Freed with policy_free(). */
struct policy *daemon_preview(const struct daemon *dm, const struct override *want, struct diag *d);
/* The live setting in force for a key; NULL: there is none. */
const struct override *override_find(const struct daemon *dm, const struct scope *where, const char *key);
/* Of the limits of senders that are set live the one in force for this key at an address and a service; NULL: there is none. */
const struct override *override_of_sender(const struct daemon *dm, const struct sluice_addr *who, const char *service,
					  const char *key);
/* Ends the limits of one prefix at a service ("": wherever they are); *count of them. */
int daemon_withdraw(struct daemon *dm, const struct prefix *sender, const char *service, unsigned int *count,
		    struct diag *d);
void daemon_expire(struct daemon *dm);
/* Puts other databases under the policy in force. `force`: also where they look torn (see geo_check). */
int daemon_geo(struct daemon *dm, struct geo *geo, bool force, struct diag *d);
void overrides_free(struct override **list);

/*
 * A live setting of before, for `left` seconds (0: until reload). After the last of them, daemon_restored() makes the policy with those
 * that still fit; the others are dropped and said.
 */
int daemon_restore(struct daemon *dm, const struct override *was, unsigned int left);
int daemon_restored(struct daemon *dm, struct diag *d);
/* Puts the policy file in force with the live settings on top, as a start does. */
int daemon_resume(struct daemon *dm, struct diag *d);

/* state.c: what people said live, kept in a file over restart and reboot */
/* Bans and allows go to the kernel where it does not have them yet; settings into the policy. Never fatal. */
void state_load(struct daemon *dm, bool resumed);
/* Now, or where that is dear (many bans) within seconds. Of what fails `d` is told, and it is tried again. */
void state_save(struct daemon *dm, struct diag *d);
void state_later(struct daemon *dm); /* the next state_save() is put off by a second: there is much to write */
void state_tick(struct daemon *dm); /* once a second */

/* save.c */
/* Writes the setting in force into a file of its own that the policy file includes. On failure no file is changed. */
int setting_save(const struct daemon *dm, const struct override *set, char **path, struct diag *d);

/* trial.c: policies that await their confirmation */
/* Finds what a daemon of before left unsettled; says so when the policy file must not be put in force now (dm->held). */
void trial_resume(struct daemon *dm);
/* What stands now is kept for the way back; the caller puts another in its place. */
void trial_begin(struct daemon *dm);
void trial_watch(struct daemon *dm); /* arms the timer for the deadline, if there is one */
/* -EBUSY with a message while no other policy may be put in force; `by_file`: from a file that somebody names. */
int trial_refuses(const struct daemon *dm, bool by_file, struct diag *d);
/* Who asks anything must hear of a policy that is in force against the file. */
void trial_remind(const struct daemon *dm, struct diag *d);
void trial_free(struct daemon *dm);
bool trial_is_shield(const char *text); /* the reason of an allow that goes with the trial */

/* control.c */
int control_open(struct daemon *dm, struct diag *d);
void control_close(struct daemon *dm);
void control_tick(struct daemon *dm); /* to be called each second */
/* A line to everybody who watches; who reads too slowly misses some. */
void control_publish(struct daemon *dm, const json_t *line);

/* watch.c */
int watch_begin(struct daemon *dm);
void watch_end(struct daemon *dm);

/* verbs.c */
struct answer {
	json_t *data;
	char *text;
	struct diag diag;
	int exit; /* 0: done */
	uid_t uid; /* who asked */
	pid_t pid;
	bool stream; /* the connection stays, and gets what control_publish() is given */
	char *body; /* what came behind the request, with a NUL; control.c's; NULL: nothing */
	size_t body_len;
};
void verb_run(struct daemon *dm, json_t *request, struct answer *a);

/* background.c */
/* The caller goes on in a child; the parent ends when background_ready() was called, or the child has ended. */
int background_begin(struct daemon *dm);
/* Started: tells systemd, or the waiting command; from then on the log goes to syslog. */
void background_ready(struct daemon *dm);

/* inside.c: containers that come and go. Once a second, and after each audit. */
void containers_tick(struct daemon *dm);
void containers_tell(struct daemon *dm); /* the log, of what has changed */

/* loop.c */
int daemon_loop(struct daemon *dm, struct diag *d);
void loop_expiry(struct daemon *dm);
void loop_let_go(struct daemon *dm); /* of the engine's descriptors, before it closes them */

/* log.c: priorities of syslog(3) */
void log_open(bool foreground, bool verbose);
__attribute__((format(printf, 2, 3))) void log_say(int priority, const char *fmt, ...);
void log_diag(int priority, struct diag *d); /* says all, and empties it */
struct log_field {
	const char *name, *value;
};
/* The same line, with fields where systemd's journal reads. */
__attribute__((format(printf, 4, 5))) void log_fields(int priority, const struct log_field *field, size_t count,
						      const char *fmt, ...);

#endif
