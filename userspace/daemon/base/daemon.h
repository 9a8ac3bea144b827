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
#include "cleanup.h"
#include "log.h"
#include "standing.h"

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
	struct standing *standing; /* the policy in force; NULL before the start */
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
	bool fresh; /* nothing was loaded before: if the start fails, what it has loaded is removed again */
	bool unloaded;
	bool stopped; /* cleanly: the gate opens when the grace is over */
	bool reaping; /* engine_reap() has more to do */
	bool tuned; /* net.ipv4.tcp_syncookies is raised, and that is said */
	bool untunable; /* it cannot be, and that is said */
	struct event_base *loop;
	struct event *expiry, *deadline; /* of the next live setting, of a policy on trial */
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
	void (*erase)(struct daemon *dm, const struct sluice_addr *a); /* what is held of an address; answers/ has it */
	struct fleet_run *fleet; /* fleet_run.c's; NULL: the policy has none */
	struct hear *hear; /* owned by hear.c; NULL: nobody wants refusals */
	struct refusals *refusals; /* the memory of them, and what it is: */
	struct keep refusals_file;
	uint64_t refusals_since_ns; /* by the clock of that; 0: nothing is remembered */
	unsigned int refusals_seconds;
	struct history *history; /* history_day.c's: the last day, by minutes */
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

extern const struct standing_ops daemon_ops; /* daemon_ops.c; their `arg` is the daemon */

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

/* control.c */
int control_open(struct daemon *dm, struct diag *d);
void control_close(struct daemon *dm);
void control_tick(struct daemon *dm); /* to be called each second */

/* door.c */
struct answer {
	json_t *data;
	char *text;
	struct diag diag;
	int exit; /* 0: done */
	uid_t uid; /* who asked */
	pid_t pid;
	bool later; /* asked again in a moment the verb will know more: control.c does that once */
	bool stream; /* the connection stays, and gets what clients_publish() is given */
	char *body; /* what came behind the request, with a NUL; control.c's; NULL: nothing */
	size_t body_len;
};
void verb_run(struct daemon *dm, json_t *request, struct answer *a);

/* background.c */
/* The caller goes on in a child; the parent ends when background_ready() was called, or the child has ended. */
int background_begin(struct daemon *dm);
/* Started: tells systemd, or the waiting command; from then on the log goes to syslog. */
void background_ready(struct daemon *dm);

/* containers.c: containers that come and go. Once a second, and after each audit. */
void containers_tick(struct daemon *dm);
void containers_tell(struct daemon *dm); /* the log, of what has changed */

/* loop.c */
int daemon_loop(struct daemon *dm, struct diag *d);
void loop_timers(struct daemon *dm); /* arms those of the policy in force: see standing.h */

#endif
