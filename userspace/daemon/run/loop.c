/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's loop: signals, the tick of each second, and events from the kernel. main.c runs it; it ends with the daemon. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <syslog.h>

#include <systemd/sd-daemon.h>

#include "daemon.h"
#include "exporter.h"
#include "erase.h"
#include "fleet_host.h"
#include "fleet_share.h"
#include "geo_verbs.h"
#include "hear.h"
#include "refusals_memory.h"
#include "history_day.h"
#include "lists.h"
#include "rights.h"
#include "tables.h"
#include "trail.h"
#include "watched.h"

#define HOUSEKEEPING 30 /* seconds between audits */
#define IDLE_HEAP (16 << 20) /* bytes that the C library may keep unused */
/* After containers moved. Two, one a second, because the second audit that misses a namespace gives back what it still held. */
#define EARLY_AUDITS 2

static void signals_mask(int how, bool reload)
{
	sigset_t those;

	sigemptyset(&those);
	sigaddset(&those, SIGTERM);
	sigaddset(&those, SIGINT);
	if (reload)
		sigaddset(&those, SIGHUP);
	sigprocmask(how, &those, NULL);
}

void signals_hold(void)
{
	signals_mask(SIG_BLOCK, true);
}

bool signals_want_stop(void)
{
	sigset_t held;

	return !sigpending(&held) && (sigismember(&held, SIGTERM) || sigismember(&held, SIGINT));
}

void signals_end(void)
{
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL); /* a shell has its background commands ignore it */
	signals_mask(SIG_UNBLOCK, false);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)number;
	(void)what;
	event_base_loopbreak(dm->loop);
}

static void on_reload(evutil_socket_t number, short what, void *arg)
{
	_cleanup_free_ char *summary = NULL, *text = NULL;
	struct daemon *dm = arg;
	struct timespec now;
	struct diag d = {};
	int err;

	(void)number;
	(void)what;
	if (!dm->engine) /* it is unloaded, and about to end */
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", now.tv_sec * 1000000ULL + now.tv_nsec / 1000);
	err = standing_reload(dm->standing, false, &summary, &d);
	if (!err && asprintf(&text, "reloaded %s: %s", dm->config, summary ? summary : "") < 0)
		text = NULL;
	trail_event(dm, "reload", "a signal", err,
		    err	   ? "reload failed, the old policy stays in force"
		    : text ? text
			   : "reloaded");
	log_diag(LOG_WARNING, &d);
	sd_notify(0, "READY=1");
}

static void tune(struct daemon *dm)
{
	bool raised = dm->tuned;
	struct diag d = {};
	int err = engine_tune(dm->engine, &raised, &d);

	if (raised != dm->tuned)
		log_say(LOG_NOTICE, raised ? "SYNs are answered with cookies: net.ipv4.tcp_syncookies is 2"
					   : "cookies are no longer needed: net.ipv4.tcp_syncookies is restored");
	dm->tuned = raised;
	if (err && !dm->untunable)
		log_diag(LOG_ERR, &d);
	diag_free(&d);
	dm->untunable = err;
}

/* The gate answers floods without us, but only we can make the host accept what comes back. */
static void on_cookie_request(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)number;
	(void)what;
	engine_cookie_requests_clear(dm->engine);
	tune(dm);
}

static void on_link(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;
	struct diag d = {};

	(void)number;
	(void)what;
	if (!dm->engine || !engine_links_moved(dm->engine)) /* it is unloaded, and about to end */
		return;
	engine_locals(dm->engine, &d);
	if (engine_links_back(dm->engine, standing_live(dm->standing), &d) && standing_attach(dm->standing, &d))
		log_say(LOG_ERR, "an interface that came back is not guarded");
	engine_links_lost(dm->engine, standing_live(dm->standing), &d);
	engine_answers(dm->engine, &d);
	log_diag(LOG_WARNING, &d);
}

static void audit(struct daemon *dm)
{
	struct diag d = {};

	dm->unaudited = engine_audit(dm->engine, &dm->drift, &d) != 0;
	log_diag(LOG_ERR, &d);
	containers_tell(dm);
}

/* Containers that come or go, and many sockets at once, do not wait for the next regular audit; after one that failed, sockets do. */
static void audits_tick(struct daemon *dm)
{
	if (engine_netns_moved(dm->engine))
		dm->audits_due = EARLY_AUDITS;
	else if (!dm->audits_due && !dm->unaudited)
		dm->audits_due = engine_audit_hurries(dm->engine);
	if (!dm->audits_due)
		return;
	dm->audits_due--;
	audit(dm);
}

static void on_second(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;
	struct timespec now;

	(void)number;
	(void)what;
	control_tick(dm); /* first, because a client that does not read that all is unloaded holds up the end */
	if (!dm->engine) /* it is unloaded, and about to end */
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	privacy_tick(dm->privacy, now.tv_sec);
	if (live_expire(dm->engine) > 0)
		dm->state.dirty = true;
	lane_fit(dm->engine);
	state_tick(dm);
	geo_tick(dm);
	lists_tick(dm);
	tune(dm);
	audits_tick(dm);
	exporter_tick(dm);
	refusals_tick(dm);
	history_tick(dm);
	fleet_second(dm);
	if (dm->reaping)
		dm->reaping = engine_reap(dm->engine) > 0;
}

/* What a large answer or order took goes back to the system: a list of 262,144 bans takes 450 MB. */
static void heap_trim(void)
{
	if (mallinfo2().fordblks > IDLE_HEAP)
		malloc_trim(0);
}

static void on_housekeeping(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;
	long before = dm->drift;

	(void)number;
	(void)what;
	if (!dm->engine) /* it is unloaded, and about to end */
		return;
	dm->reaping = engine_reap(dm->engine) > 0;
	audit(dm);
	if (dm->drift && before)
		log_say(LOG_ERR, "the counters differ from the sockets by %ld: please report this", dm->drift);
	exporter_follow(dm);
	heap_trim();
}

static void on_expiry(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)number;
	(void)what;
	if (dm->engine) /* it is not unloaded, and about to end */
		standing_expire(dm->standing);
}

static void on_deadline(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)number;
	(void)what;
	if (dm->engine) /* as above */
		standing_deadline(dm->standing);
}

/* Arms it in `ms`; if that is less than 0, disarms it. */
static void timer_arm(struct event *timer, int64_t ms)
{
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	event_del(timer);
	if (ms >= 0)
		event_add(timer, &wait);
}

void loop_timers(struct daemon *dm)
{
	unsigned int ms = 0;

	if (!dm->expiry || !dm->deadline || !dm->engine)
		return;
	timer_arm(dm->expiry, standing_expires_in(dm->standing));
	engine_trial(dm->engine, &ms);
	timer_arm(dm->deadline, standing_awaited(dm->standing) ? (int64_t)ms + 1 : -1);
}

static void loop_free(struct daemon *dm)
{
	watched_free(dm);
	event_free(dm->expiry);
	event_free(dm->deadline);
	event_base_free(dm->loop);
}

int daemon_loop(struct daemon *dm, struct diag *d)
{
	const struct timeval second = { 1, 0 }, housekeeping = { HOUSEKEEPING, 0 };
	struct diag unsaved = {};
	int err;

	signal(SIGPIPE, SIG_IGN);
	dm->loop = event_base_new();
	dm->expiry = dm->loop ? event_new(dm->loop, -1, 0, on_expiry, dm) : NULL;
	dm->deadline = dm->loop ? event_new(dm->loop, -1, 0, on_deadline, dm) : NULL;
	if (!dm->expiry || !dm->deadline)
		return -ENOMEM;
	err = control_open(dm, d);
	if (err)
		return err;
	if (watched_add(dm, SIGTERM, EV_SIGNAL, on_stop, NULL) || watched_add(dm, SIGINT, EV_SIGNAL, on_stop, NULL) ||
	    watched_add(dm, SIGHUP, EV_SIGNAL, on_reload, NULL) || watched_add(dm, -1, 0, on_second, &second) ||
	    watched_add(dm, engine_cookie_requests(dm->engine), EV_READ, on_cookie_request, NULL) ||
	    watched_add(dm, engine_links(dm->engine), EV_READ, on_link, NULL) ||
	    watched_add(dm, -1, 0, on_housekeeping, &housekeeping))
		return -ENOMEM;
	signals_mask(SIG_UNBLOCK, true); /* what came during the start is obeyed now */
	engine_locals(dm->engine, d); /* for what changed before we listened */
	engine_answers(dm->engine, d);
	log_diag(LOG_WARNING, d);
	loop_timers(dm); /* for earlier settings and trials */
	tune(dm); /* also restores what a daemon that was killed left raised */
	containers_tell(dm);
	exporter_follow(dm);
	refusals_follow(dm);
	hear_follow(dm);
	dm->erase = privacy_erase;
	fleet_follow(dm);
	history_tick(dm);
	err = rights_drop(RIGHTS_DAEMON, d);
	if (err)
		return err;
	background_ready(dm);
	event_base_dispatch(dm->loop);
	sd_notify(0, "STOPPING=1");
	if (dm->engine)
		state_flush(dm, &unsaved);
	diag_free(&unsaved); /* the log has it */
	if (dm->engine)
		dm->stopped = !engine_stand_open_in(dm->engine, standing_live(dm->standing)->stop_grace);
	exporter_free(dm);
	control_close(dm);
	hear_end(dm);
	fleet_end(dm);
	refusals_save(dm);
	history_save(dm);
	loop_free(dm);
	return 0;
}
