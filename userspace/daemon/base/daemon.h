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

/* A file of what would be forgotten with the daemon, and its clock: see keep.h. */
struct keep {
	bool dirty; /* something is not in the file yet */
	bool failed; /* the last write failed, and that was reported */
	time_t next; /* CLOCK_MONOTONIC: it is not written before that */
	int64_t shift_ns; /* its clock minus CLOCK_MONOTONIC */
};

struct daemon {
	const char *config, *instance;
	bool check_only, foreground, verbose;
	struct engine *engine;
	struct standing *standing; /* the policy in force; NULL before the start */
	struct {
		bool dirty; /* something is not in the state file yet */
		bool failed; /* the last write failed, and that was reported */
		time_t next; /* CLOCK_MONOTONIC: it is not written before that */
		int64_t shift_ms; /* CLOCK_REALTIME minus CLOCK_MONOTONIC, by which the file was written */
	} state;
	struct {
		bool failed; /* the last write of what is kept failed, and that was reported */
		bool others; /* another policy is in force, so what it does not name has to be forgotten */
		time_t next; /* CLOCK_MONOTONIC: it is not written before that */
	} lists;
	long drift;
	struct geo *kept; /* a reference to the databases of which copies are kept; NULL: none yet */
	time_t keep_next; /* CLOCK_MONOTONIC: after a copy that failed, none is tried before that */
	bool fresh; /* nothing was loaded before: if the start fails, what it loaded is removed again */
	bool unloaded;
	bool stopped; /* it was stopped cleanly: the gate opens when the grace is over */
	bool reaping; /* engine_reap() has more to do */
	bool tuned; /* net.ipv4.tcp_syncookies is raised, and that was reported */
	bool untunable; /* it cannot be raised, and that was reported */
	struct event_base *loop;
	struct event *expiry, *deadline; /* for the next live setting, and for a policy on trial */
	struct event *watched[12]; /* signals, clocks and descriptors of the kernel side */
	struct evconnlistener *listener;
	LIST_HEAD(clients, client) clients;
	unsigned int clients_count;
	struct {
		time_t second; /* of the last line about an order from somebody who may give none */
		unsigned int unsaid; /* since then */
	} guests;
	bool crowded; /* no client can be accepted, and that was reported */
	struct privacy *privacy;
	bool watchers; /* some client watches */
	void (*erase)(struct daemon *dm, const struct sluice_addr *a); /* what is held of an address; from answers/ */
	struct fleet_run *fleet; /* owned by fleet_run.c; NULL if the policy has no fleet */
	struct hear *hear; /* owned by hear.c; NULL if nobody wants refusals */
	struct refusals *refusals; /* the memory of them; it goes back to: */
	struct keep refusals_file;
	uint64_t refusals_since_ns; /* by its own clock; 0: nothing is remembered */
	unsigned int refusals_seconds;
	struct history *history; /* owned by history_day.c: the last day, by minutes */
	struct keep history_file;
	time_t started;
	struct {
		time_t at; /* 0 if the start put it in force */
		char verb[16], by[32];
	} changed; /* the last change of the policy that somebody ordered; owned by trail.c */
	struct container_status *containers; /* as they were last reported */
	size_t containers_count;
	unsigned int audits_due; /* so many audits do not wait for their time; owned by loop.c */
	bool unaudited; /* the last audit failed, and that was reported */
	struct exporter *exporter; /* owned by exporter.c; NULL before the loop */
	struct ban_owners *ban_owners; /* as the metrics last counted them */
	int keeper; /* our end of the keeper's pipe; -1: none */
	pid_t keeper_pid;
	int starter; /* pipe to the command that waits for the start; -1: none */
};

extern const struct standing_ops daemon_ops; /* in daemon_ops.c; their `arg` is the daemon */

/* state.c: what people said live, kept in a file over restart and reboot */
/* Loads bans and allows into the kernel unless it still has them, and settings into the policy. A failure is never fatal. */
void state_load(struct daemon *dm, bool resumed);
/* Saves now or, if that is expensive (many bans), within seconds. `d` is told what fails, and it is tried again. */
void state_save(struct daemon *dm, struct diag *d);
void state_later(struct daemon *dm); /* delays the next state_save() by a second, because there is much to write */
void state_tick(struct daemon *dm); /* once a second */
void state_flush(struct daemon *dm,
		 struct diag *d); /* saves what was delayed, because the kernel's tables go, or the daemon does */

/* save.c */
#define SAVED_LINE 3 /* of the key in that file */
/* Writes the setting in force into a file of its own that the policy file includes. On failure no file is changed. */
int setting_save(const struct daemon *dm, const struct override *set, char **path, struct diag *d);
/* Returns the path of that file, if there is one for this key, else NULL. Freed with free(). */
char *setting_saved(const struct daemon *dm, const struct scope *where, const char *key);

/* control.c */
int control_open(struct daemon *dm, struct diag *d);
void control_close(struct daemon *dm);
void control_tick(struct daemon *dm); /* call it every second */

/* door.c */
struct answer {
	json_t *data;
	char *text;
	struct diag diag;
	int exit; /* 0: done */
	uid_t uid; /* who asked */
	pid_t pid;
	bool later; /* if it is asked again in a moment, the verb will know more; control.c does that once */
	bool stream; /* the connection stays open, and gets what clients_publish() is given */
	char *body; /* what came behind the request, with a NUL; owned by control.c; NULL: nothing */
	size_t body_len;
};
void verb_run(struct daemon *dm, json_t *request, struct answer *a);

/* background.c */
/* Continues the caller in a child. The parent ends when background_ready() was called, or the child has ended. */
int background_begin(struct daemon *dm);
/* Reports the start to systemd or the waiting command; from then on the log goes to syslog. */
void background_ready(struct daemon *dm);

/* containers.c: containers that come and go; after each audit */
void containers_tell(struct daemon *dm); /* tells the log what has changed */

/* loop.c */
int daemon_loop(struct daemon *dm, struct diag *d);
void loop_timers(struct daemon *dm); /* arms the timers of the policy in force: see standing.h */
/*
 * From here on a signal that ends the daemon, or has it reload, waits for the loop: a start that it ended halfway would leave gates without a daemon,
 * which do not open by themselves.
 */
void signals_hold(void);
bool signals_want_stop(void); /* whether one has come that ends the daemon */
void signals_end(void); /* has it end the process, after a start that was given up */

#endif
